"""Puts the contracts on a network, once: every step is an operation of the durable sender under a fixed key.

Whatever is killed and whenever, the next run goes on with the same transactions, so a network gets one set of
contracts. The deployer ends without any right: the council alone administers the authority.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chain.bindings import (
    authority,
    council,
    directory,
    escrow,
    event_ledger,
    fiat_token,
    member_registry,
    product_passport,
    quorum_reports,
    rights_registry,
)
from chain.bindings.events import RoleGranted
from chain.codec import checksum
from chain.deployment import Deployment, DeploymentError
from chain.rpc import Rpc
from chain.sender import Sender

ADMIN_ROLE: Final = 0
"""AccessManager's administrator: the council, nobody else."""
PASSPORT_ROLE: Final = 1
"""May use up a licence's quantity: the passport contract."""
_STEP_SECONDS: Final = 60.0
_LOG_SPAN: Final = 10_000  # blocks asked for at once


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """A fiat-pegged token: ISO 4217 `currency` with its minor-unit `decimals`, issued by member `issuer`."""

    name: str
    symbol: str
    currency: str
    decimals: int
    issuer: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a network starts with; quorums count distinct organisations."""

    seats: Sequence[str]
    threshold: int
    tokens: Sequence[TokenPlan] = ()
    customs_quorum: int = 2
    sensor_quorum: int = 2


class _Steps:
    """Runs steps in order on a sender that works meanwhile."""

    def __init__(self, sender: Sender, progress: Callable[[str], None]) -> None:
        self._sender = sender
        self._progress = progress
        self.first_block: int | None = None

    def create(self, name: str, code: bytes) -> str:
        """Deploy a contract and give its address."""
        address = self._run(f"deploy {name}", None, code)
        if address is None:
            raise DeploymentError(f"deploy {name}: the node's receipt names no contract")
        return checksum(address)

    def call(self, purpose: str, to: str, data: bytes) -> None:
        """Send one transaction to a contract."""
        self._run(purpose, to, data)

    def _run(self, purpose: str, to: str | None, data: bytes) -> str | None:
        self._progress(purpose)
        operation = self._sender.submit(to, data, key=f"deployment/1/{purpose}", purpose=purpose)
        operation = self._sender.wait(operation.id, _STEP_SECONDS)
        if not operation.succeeded:
            raise DeploymentError(f"{purpose}: {operation.status}: {operation.error}")
        if self.first_block is None:
            self.first_block = operation.block_number
        return operation.contract_address


def deploy(sender: Sender, plan: Plan, progress: Callable[[str], None] = lambda _: None) -> Deployment:
    """Deploy all contracts through a running sender and hand the authority to the council.

    Raises DeploymentError naming the step that failed, and what the sender raises (NotSettled; KeyReused
    where an unfinished deployment was begun with another plan or other contracts).
    """
    deployer = checksum(sender.signer.address)
    steps = _Steps(sender, progress)
    authority_at = steps.create("Authority", authority.deployment_code(deployer))
    council_at = steps.create("Council", council.deployment_code(tuple(plan.seats), plan.threshold))
    registry_at = steps.create("MemberRegistry", member_registry.deployment_code(authority_at))
    rights_at = steps.create("RightsRegistry", rights_registry.deployment_code(authority_at, registry_at))
    ledger_at = steps.create("EventLedger", event_ledger.deployment_code(registry_at))
    passport_at = steps.create("ProductPassport", product_passport.deployment_code(registry_at, rights_at))
    escrow_at = steps.create("Escrow", escrow.deployment_code(registry_at, rights_at, ledger_at))
    reports_at = steps.create(
        "QuorumReports",
        quorum_reports.deployment_code(registry_at, plan.customs_quorum, plan.sensor_quorum),
    )
    directory_at = steps.create("Directory", directory.deployment_code(authority_at))
    tokens = {
        token.currency: steps.create(
            f"FiatToken {token.currency}",
            fiat_token.deployment_code(
                token.name, token.symbol, token.currency, token.decimals, token.issuer, registry_at
            ),
        )
        for token in plan.tokens
    }
    contracts = {
        "Authority": authority_at,
        "Council": council_at,
        "Directory": directory_at,
        "MemberRegistry": registry_at,
        "RightsRegistry": rights_at,
        "EventLedger": ledger_at,
        "ProductPassport": passport_at,
        "Escrow": escrow_at,
        "QuorumReports": reports_at,
    }
    deployment = Deployment(sender.identity, contracts, tokens, steps.first_block or 0)

    consume = rights_registry.encode_consume(b"\0" * 32, 0, 0, 0)[:4]
    steps.call(
        "let passports use licences up",
        authority_at,
        authority.encode_set_target_function_role(rights_at, (consume,), PASSPORT_ROLE),
    )
    steps.call(
        "name the passport contract",
        authority_at,
        authority.encode_grant_role(PASSPORT_ROLE, passport_at, 0),
    )
    for name, address in deployment.all_addresses().items():
        steps.call(f"list {name} in the directory", directory_at, directory.encode_set(name, address))
    steps.call(
        "hand the authority to the council",
        authority_at,
        authority.encode_grant_role(ADMIN_ROLE, council_at, 0),
    )
    steps.call(
        "give up the deployer's right",
        authority_at,
        authority.encode_renounce_role(ADMIN_ROLE, deployer),
    )
    return deployment


def check(deployment: Deployment, deployer: str, rpc: Rpc) -> None:
    """Make sure that a network is what its record says: code everywhere, the council in charge, nobody else.

    Raises DeploymentError naming the first difference, and what Rpc raises.
    """
    for name, address in deployment.all_addresses().items():
        if not rpc.get_code(address):
            raise DeploymentError(f"{name}: no code at {address} on network {deployment.identity}")
    contracts = deployment.contracts
    for name, actual in (
        ("MemberRegistry", member_registry.MemberRegistry(contracts["MemberRegistry"], rpc).authority()),
        ("RightsRegistry", rights_registry.RightsRegistry(contracts["RightsRegistry"], rpc).authority()),
        ("Directory", directory.Directory(contracts["Directory"], rpc).authority()),
    ):
        if actual != contracts["Authority"]:
            raise DeploymentError(f"{name}: obeys {actual}, not the authority {contracts['Authority']}")
    manager = authority.Authority(contracts["Authority"], rpc)
    if not manager.has_role(ADMIN_ROLE, contracts["Council"]).is_member:
        raise DeploymentError("Authority: the council does not administer it")
    if manager.has_role(ADMIN_ROLE, deployer).is_member:
        raise DeploymentError(f"Authority: the deployer {deployer} still administers it")
    for role, holder in ((ADMIN_ROLE, "Council"), (PASSPORT_ROLE, "ProductPassport")):
        for account in _ever_granted(rpc, deployment, role):
            if account != contracts[holder] and manager.has_role(role, account).is_member:
                raise DeploymentError(f"Authority: {account} has role {role}, which is for {holder} alone")


def _ever_granted(rpc: Rpc, deployment: Deployment, role: int) -> set[str]:
    """Accounts that were ever given a role: the contract can be asked for one account only."""
    head = rpc.get_block("latest")
    topics = [RoleGranted.TOPIC0, role.to_bytes(32, "big")]
    found = set()
    for start in range(deployment.first_block, (head.number if head else 0) + 1, _LOG_SPAN):
        end = min(start + _LOG_SPAN - 1, head.number if head else 0)
        for log in rpc.get_logs(start, end, [deployment.contracts["Authority"]], topics):
            found.add(RoleGranted.decode(log.topics, log.data).account)
    return found
