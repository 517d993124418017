"""The world of the contract tests: keys from fixed seeds, a council of three, members, EIP-712 signatures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from coincurve import PrivateKey
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tests.contracts.evm import RELAYER, Abi, Contract, Evm, Receipt

DAY = 86_400
YEAR = 365 * DAY

BRAND_OWNER, MAKER, INSPECTOR, CARRIER, CUSTOMS, TRADER, ARBITER, TOKEN_ISSUER, ORACLE, REGULATOR = (
    1 << bit for bit in range(10)
)
ACTIVITIES = (1 << 10) - 1
KEY_ADMIN = 1 << 31

# AccessManager role of the contract that may call RightsRegistry.consume.
PASSPORT_ROLE = 1

COUNTRIES = [b"DE", b"CN", b"US"]
PREFIX = "9521321"


@dataclass(frozen=True)
class Signer:
    """A key pair; its representation shows the address only."""

    secret: bytes = field(repr=False)
    address: str

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r, s, v with v 27 or 28."""
        signature = PrivateKey(self.secret).sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])


def signer(seed: str) -> Signer:
    """The key pair that belongs to a seed, the same on every run."""
    secret = keccak(text=f"tradeseal test key {seed}")
    public = PrivateKey(secret).public_key.format(compressed=False)[1:]
    return Signer(secret, to_checksum_address(keccak(public)[12:]))


def check_digit(digits: str) -> int:
    """GS1 check digit for the digits before it (General Specifications, 7.9.1)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def gln_of(number: int) -> int:
    """A valid GLN with `number` as its first twelve digits."""
    body = f"{number:012d}"
    return int(body) * 10 + check_digit(body)


def gtin_of(reference: int = 1, prefix: str = PREFIX, indicator: int = 0) -> int:
    """A valid GTIN-14 below a company prefix."""
    room = 12 - len(prefix)
    body = f"{indicator}{prefix}" + (f"{reference:0{room}d}" if room else "")
    assert len(body) == 13, f"reference {reference} does not fit behind prefix {prefix}"
    return int(body) * 10 + check_digit(body)


def typed_fields(struct: Abi) -> dict[str, list[dict[str, str]]]:
    """EIP-712 types of a struct as the ABI declares it, nested structs included."""
    found: dict[str, list[dict[str, str]]] = {}

    def add(parameter: Abi) -> str:
        name = re.sub(r"^struct (\w+\.)?|(\[\d*\])*$", "", parameter["internalType"])
        found.setdefault(name, [])
        if not found[name]:
            found[name] += [
                {"name": component["name"], "type": _typed_name(component, add)}
                for component in parameter["components"]
            ]
        return name

    add(struct)
    return found


def _typed_name(component: Abi, add: Any) -> str:
    kind: str = component["type"]
    return add(component) + kind[len("tuple") :] if kind.startswith("tuple") else kind


def sign_typed(
    contract: Contract,
    primary: str,
    types: Mapping[str, Sequence[Mapping[str, str]]],
    values: Mapping[str, Any],
    by: Signer,
    name: str = "TradeSeal",
) -> bytes:
    """Sign an EIP-712 message under `contract`'s domain with types given by hand (ERC-2612, ERC-3009)."""
    domain = {
        "name": name,
        "version": "1",
        "chainId": contract.evm.chain_id,
        "verifyingContract": contract.address,
    }
    return by.sign_digest(typed_digest(domain, primary, types, values))


def typed_digest(
    domain: Mapping[str, Any],
    primary: str,
    types: Mapping[str, Sequence[Mapping[str, str]]],
    values: Mapping[str, Any],
) -> bytes:
    """EIP-712 digest by eth_account, which owes nothing to the contracts."""
    sizes = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
    message = encode_typed_data(
        full_message={
            "domain": dict(domain),
            "primaryType": primary,
            "types": {
                "EIP712Domain": [{"name": key, "type": sizes[key]} for key in domain],
                **{key: [dict(item) for item in fields] for key, fields in types.items()},
            },
            "message": dict(values),
        }
    )
    return keccak(b"\x19\x01" + message.header + message.body)


def sign(
    contract: Contract, struct: str, values: Mapping[str, Any], by: Signer, name: str = "TradeSeal"
) -> bytes:
    """Sign struct `struct` of the contract's ABI; `name` is the domain's (a token has its own)."""
    fields = typed_fields(contract.struct(struct))
    return sign_typed(contract, struct, fields, values, by, name)


@dataclass(frozen=True)
class Party:
    """A member: `key` signs for it (live, KEY_ADMIN), `account` holds its passports and tokens."""

    name: str
    gln: int
    country: bytes
    roles: int
    key: Signer
    account: Signer


def party(name: str, number: int, country: bytes, roles: int) -> Party:
    """A would-be member with keys from its name."""
    return Party(name, gln_of(number), country, roles, signer(f"{name} key"), signer(f"{name} account"))


@dataclass(frozen=True)
class World:
    """Council, authority, member registry, rights and members, deployed once a session."""

    # Kept out of representations, which Hypothesis prints with every failure.
    evm: Evm = field(repr=False)
    seats: Sequence[Signer] = field(repr=False)
    council: Contract = field(repr=False)
    authority: Contract = field(repr=False)
    registry: Contract = field(repr=False)
    rights: Contract = field(repr=False)
    directory: Contract = field(repr=False)
    parties: Mapping[str, Party] = field(default_factory=dict, repr=False)
    mark: bytes = field(default=keccak(text="the brand's mark"), repr=False)

    def __getattr__(self, name: str) -> Party:
        """Members by name: brand, maker, inspector, carrier, customs_a, …"""
        try:
            found: Party = self.__dict__["parties"][name]
        except KeyError:
            raise AttributeError(name) from None
        return found

    @property
    def now(self) -> int:
        """Time of the next transaction, Unix seconds."""
        return self.evm.now

    @property
    def deadline(self) -> int:
        """An hour from now, Unix seconds."""
        return self.evm.now + 3600

    def send(
        self,
        contract: Contract,
        function: str,
        struct: str,
        values: Mapping[str, Any],
        by: Signer,
        *more: Any,
        sender: str = RELAYER,
    ) -> Receipt:
        """Relay `function(struct, signer, signature, …more)` with `by`'s signature."""
        signature = sign(contract, struct, values, by)
        return contract.transact(function, values, by.address, signature, *more, sender=sender)

    def action(self, target: Contract, function: str, *arguments: Any, salt: str = "") -> dict[str, Any]:
        """A council action that calls `target`."""
        return {
            "target": target.address,
            "data": target.encode(function, *arguments),
            "salt": keccak(text=f"{function} {salt}"),
            "deadline": self.deadline,
        }

    def approve(self, action: Mapping[str, Any], seat: Signer) -> Receipt:
        """One seat's approval."""
        return self.send(self.council, "approve", "CouncilAction", action, seat)

    def decide(self, target: Contract, function: str, *arguments: Any, salt: str = "") -> Receipt:
        """Let two seats approve an action and carry it out; returns the execution's receipt."""
        action = self.action(target, function, *arguments, salt=salt)
        for seat in self.seats[:2]:
            self.approve(action, seat)
        return self.council.transact("execute", action)

    def as_council(self, target: Contract, function: str, *arguments: Any) -> Receipt:
        """The same effect in one transaction, sent from the council's address: for setting a scene."""
        return target.transact(function, *arguments, sender=self.council.address)

    def admit(self, member: Party, valid: int = 2 * YEAR) -> Receipt:
        """Admit a member; its key is live for `valid` seconds."""
        return self.as_council(self.registry, "admit", *admission(member, self.now + valid))

    def grant_key(self, member: Party, key: Signer, by: Signer | None = None, **changes: Any) -> Receipt:
        """A member adds a key; by default from now for a year with all of its roles, no KEY_ADMIN."""
        values = {
            "gln": member.gln,
            "key": key.address,
            "validFrom": self.now,
            "validUntil": self.now + YEAR,
            "roles": member.roles,
            "deadline": self.deadline,
        } | changes
        by = by or member.key
        signature = sign(self.registry, "KeyGrant", values, by)
        consent = sign(self.registry, "KeyGrant", values, key) if key.secret else b""
        return self.registry.transact("grantKey", values, by.address, signature, consent)

    def revoke_key(self, member: Party, key: Signer, by: Signer | None = None, **changes: Any) -> Receipt:
        """A member ends a key."""
        values = {"gln": member.gln, "key": key.address, "deadline": self.deadline} | changes
        return self.send(self.registry, "revokeKey", "KeyRevocation", values, by or member.key)

    def allow_consume(self, passport: Contract) -> None:
        """Let the passport contract use up licences."""
        self.as_council(self.authority, "grantRole", PASSPORT_ROLE, passport, 0)

    def change_account(
        self, member: Party, account: Signer, by: Signer | None = None, **changes: Any
    ) -> Receipt:
        """A member registers another account, which signs, too."""
        values = {
            "gln": member.gln,
            "account": account.address,
            "nonce": self.registry.call("accountNonce", member.gln),
            "deadline": self.deadline,
        } | changes
        consent = sign(self.registry, "AccountChange", values, account) if account.secret else b""
        return self.send(self.registry, "changeAccount", "AccountChange", values, by or member.key, consent)

    def licence_terms(self, **changes: Any) -> dict[str, Any]:
        """Brand to maker: GTIN `gtin_of(1)`, made in CN, sold in DE and US, 1,000 items, one year."""
        return {
            "mark": self.mark,
            "licensee": self.maker.gln,
            "gtins": [gtin_of(1)],
            "territories": COUNTRIES,
            "validFrom": self.now,
            "validUntil": self.now + YEAR,
            "quantity": 1000,
            "salt": keccak(text="licence"),
            "deadline": self.deadline,
        } | changes

    def grant_licence(self, **changes: Any) -> bytes:
        """The brand grants a licence (see `licence_terms`); returns its id."""
        terms = self.licence_terms(**changes)
        licence: bytes = self.send(self.rights, "grant", "Licence", terms, self.brand.key).result
        return licence

    def revoke_licence(self, licence: bytes) -> Receipt:
        """The brand ends a licence."""
        values = {"licence": licence, "reason": keccak(text="reason"), "deadline": self.deadline}
        return self.send(self.rights, "revoke", "LicenceRevocation", values, self.brand.key)


def admission(member: Party, key_valid_until: int) -> tuple[Any, ...]:
    """Arguments of `MemberRegistry.admit`."""
    return (
        member.gln,
        member.country,
        member.roles,
        member.name,
        member.account.address,
        member.key.address,
        key_valid_until,
    )


MEMBERS = (
    party("brand", 952_000_000_001, b"DE", BRAND_OWNER | TRADER),
    party("maker", 952_000_000_002, b"CN", MAKER | TRADER),
    party("inspector", 952_000_000_003, b"CH", INSPECTOR),
    party("carrier", 952_000_000_004, b"NL", CARRIER),
    party("customs_a", 952_000_000_005, b"CN", CUSTOMS),
    party("customs_b", 952_000_000_006, b"DE", CUSTOMS),
    party("buyer", 952_000_000_007, b"DE", TRADER),
    party("arbiter", 952_000_000_008, b"SG", ARBITER),
    party("issuer", 952_000_000_009, b"DE", TOKEN_ISSUER),
    party("oracle1", 952_000_000_010, b"FR", ORACLE),
    party("oracle2", 952_000_000_011, b"SE", ORACLE),
    party("oracle3", 952_000_000_012, b"FI", ORACLE),
    party("regulator", 952_000_000_013, b"BE", REGULATOR),
)


def build_world(evm: Evm) -> World:
    """Deploy as a network is deployed: the deployer ends without any right, the council has them all."""
    seats = tuple(signer(f"seat {number}") for number in range(3))
    deployer = signer("deployer").address
    council = evm.deploy("Council", [seat.address for seat in seats], 2)
    authority = evm.deploy("Authority", deployer)
    registry = evm.deploy("MemberRegistry", authority)
    rights = evm.deploy("RightsRegistry", authority, registry)
    directory = evm.deploy("Directory", authority)
    consume = [rights.selector("consume")]
    authority.transact("setTargetFunctionRole", rights, consume, PASSPORT_ROLE, sender=deployer)
    authority.transact("grantRole", 0, council, 0, sender=deployer)
    authority.transact("renounceRole", 0, deployer, sender=deployer)
    world = World(evm, seats, council, authority, registry, rights, directory)
    for member in MEMBERS:
        world.admit(member)
    world = replace(world, parties={member.name: member for member in MEMBERS})
    world.as_council(rights, "assignPrefix", PREFIX, world.brand.gln)
    mark_terms = (world.mark, world.brand.gln, "EXAMPLE", [*COUNTRIES, b"FR"], [25], world.now + 10 * YEAR)
    world.as_council(rights, "registerMark", *mark_terms)
    return world
