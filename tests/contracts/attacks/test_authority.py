"""Attempts to act beyond one's right: as deployer, with one seat, by replay, by signatures bent or shared."""

from typing import Any

import pytest

from tests.contracts.evm import RELAYER, Contract, attempt
from tests.contracts.harness import (
    CARRIER,
    KEY_ADMIN,
    Signer,
    World,
    admission,
    party,
    sign,
    signer,
)
from tests.contracts.provenance.scene import attestation
from tests.contracts.settlement.scene import Scene, refused

ORDER_OF_SECP256K1 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def setters(world: World) -> list[tuple[Contract, str, tuple[Any, ...]]]:
    newcomer = party("newcomer", 952_000_000_073, b"DE", CARRIER)
    gln = world.carrier.gln
    return [
        (world.registry, "admit", admission(newcomer, world.now + 1000)),
        (world.registry, "setRoles", (gln, 1)),
        (world.registry, "suspend", (gln, bytes(32))),
        (world.registry, "reinstate", (gln,)),
        (world.registry, "recoverKey", (gln, newcomer.key.address, world.now + 1000)),
        (world.registry, "setAuthority", (newcomer.account.address,)),
        (world.rights, "assignPrefix", ("4012345", gln)),
        (world.rights, "registerMark", (b"\x05" * 32, gln, "N", [b"DE"], [1], world.now + 1000)),
        (world.rights, "cancelMark", (world.mark, b"\x01" * 32)),
        (world.rights, "setAuthority", (newcomer.account.address,)),
        (world.directory, "set", ("Escrow", world.registry.address)),
        (world.authority, "grantRole", (0, newcomer.account.address, 0)),
        (world.authority, "setTargetFunctionRole", (world.rights.address, [bytes(4)], 2**64 - 1)),
        (world.authority, "setTargetClosed", (world.rights.address, True)),
        (world.authority, "updateAuthority", (world.rights.address, newcomer.account.address)),
        (world.council, "setSeats", ([newcomer.account.address, newcomer.key.address], 2)),
    ]


def test_rule_6_neither_deployer_nor_one_seat_nor_a_relayer_sets_anything(world: World) -> None:
    callers = [RELAYER, signer("deployer").address, world.seats[0].address, world.regulator.key.address]
    for caller in callers:
        for contract, function, arguments in setters(world):
            with attempt() as tried:
                contract.transact(function, *arguments, sender=caller)
            assert not tried.done, f"{caller} called {contract.name}.{function}"


def test_rule_6_one_seat_cannot_count_twice_through_the_council_itself(world: World) -> None:
    """The only seat that wants it approves, leaves no way for the rest to be made up by replays."""
    action = world.action(world.registry, "setRoles", world.carrier.gln, 1)
    world.approve(action, world.seats[0])
    for changed in (action | {"salt": b"\x01" * 32}, action | {"deadline": action["deadline"] + 1}):
        signature = sign(world.council, "CouncilAction", action, world.seats[0])
        with refused("SignatureInvalid"):
            world.council.transact("approve", changed, world.seats[0].address, signature)
    with refused("ApprovalsMissing", approvals=1, threshold=2):
        world.council.transact("execute", action)


def test_rule_6_what_was_signed_for_one_deployment_does_nothing_in_another(world: World) -> None:
    beside = world.evm.deploy("MemberRegistry", world.authority, label="beside")
    world.as_council(beside, "admit", *admission(world.carrier, world.now + 1000))
    key = signer("granted")
    grant = {
        "gln": world.carrier.gln,
        "key": key.address,
        "validFrom": world.now,
        "validUntil": world.now + 1000,
        "roles": CARRIER | KEY_ADMIN,
        "deadline": world.deadline,
    }
    by = world.carrier.key
    signatures = [sign(world.registry, "KeyGrant", grant, who) for who in (by, key)]
    with refused("SignatureInvalid", signer=by.address):
        beside.transact("grantKey", grant, by.address, *signatures)
    world.registry.transact("grantKey", grant, by.address, *signatures)


@pytest.mark.parametrize("shape", ["high s", "compact", "v of 0 or 1", "trailing byte", "zeros"])
def test_rule_6_a_signature_has_one_form(scene: Scene, shape: str) -> None:
    world = scene.world
    fields, by = attestation(world), world.carrier.key
    signature = sign(scene.ledger, "Attestation", fields, by)
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    forms = {
        "high s": r + (ORDER_OF_SECP256K1 - s).to_bytes(32, "big") + bytes([55 - v]),
        "compact": r + (s | ((v - 27) << 255)).to_bytes(32, "big"),
        "v of 0 or 1": signature[:64] + bytes([v - 27]),
        "trailing byte": signature + b"\x00",
        "zeros": bytes(65),
    }
    with refused("SignatureInvalid", signer=by.address):
        scene.ledger.transact("attest", fields, by.address, forms[shape], b"")


def test_rule_6_no_signature_is_the_zero_address_s(scene: Scene) -> None:
    zero = Signer(b"", "0x" + "00" * 20)
    fields = attestation(scene.world)
    with refused("SignatureInvalid", signer=zero.address):
        scene.ledger.transact("attest", fields, zero.address, bytes(65), b"")


def test_rule_6_a_suspended_member_s_prepared_signatures_are_worth_nothing(scene: Scene) -> None:
    world = scene.world
    fields = attestation(world, deadline=2**63)
    signature = sign(scene.ledger, "Attestation", fields, world.carrier.key)
    world.as_council(world.registry, "suspend", world.carrier.gln, b"\x01" * 32)
    with refused("MemberNotActive", gln=world.carrier.gln):
        scene.ledger.transact("attest", fields, world.carrier.key.address, signature, b"")


def test_known_limit_a_custodian_of_two_members_signs_for_both_at_once(scene: Scene) -> None:
    """Signed messages name no member: docs/security.md, 'Known and accepted'."""
    world, custodian = scene.world, signer("custodian")
    wallets = [
        scene.evm.deploy("ContractWallet", custodian.address, label=f"custody {number}") for number in (1, 2)
    ]
    for number, wallet in enumerate(wallets):
        member = party(f"customer {number}", 952_000_000_080 + number, b"NL", CARRIER)
        arguments = list(admission(member, world.now + 1000))
        world.as_council(world.registry, "admit", *arguments[:5], wallet.address, arguments[6])
    fields = attestation(world)
    signature = sign(scene.ledger, "Attestation", fields, custodian)
    scene.ledger.transact("attest", fields, wallets[0].address, signature, b"")
    with attempt() as tried:
        scene.ledger.transact("attest", fields, wallets[1].address, signature, b"")
    assert tried.done
