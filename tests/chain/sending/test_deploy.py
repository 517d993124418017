"""Deployment on a real node: one set of contracts however often begun, and the council alone in charge."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from chain.bindings import authority, council, directory, fiat_token, product_passport
from chain.codec import checksum
from chain.deploy import ADMIN_ROLE, PASSPORT_ROLE, Plan, TokenPlan, check, deploy
from chain.deployment import Deployment, DeploymentError
from chain.outbox import KeyReused
from chain.sender import Sender, SenderSettings
from chain.signers import EnvironmentSigner
from tests.chain.sending.anvil_node import ADDRESS, AnvilNode

pytestmark = pytest.mark.slow

SEATS = tuple(checksum(f"{number:040x}") for number in (0x5EA1, 0x5EA2, 0x5EA3))
PLAN = Plan(SEATS, 2, [TokenPlan("Test Euro", "TEUR", "EUR", 2, 9521321000018)])
STRANGER = checksum("5" * 40)


class Killed(BaseException):
    """Stands for the end of the process that deploys."""


@contextmanager
def sending(node: AnvilNode, engine: Engine, signer: EnvironmentSigner) -> Iterator[Sender]:
    """A sender as a fresh process has it."""
    sender = Sender(engine, node.rpc, signer, settings=SenderSettings(poll=0.01, idle_poll=0.02))
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield sender
    finally:
        stop.set()
        thread.join()


def deployed(node: AnvilNode, engine: Engine, signer: EnvironmentSigner) -> tuple[Deployment, list[str]]:
    steps: list[str] = []
    with sending(node, engine, signer) as sender:
        return deploy(sender, PLAN, steps.append), steps


def call_as(node: AnvilNode, sender: str, to: str, data: bytes) -> None:
    """A transaction from an account whose key nobody has."""
    node.rpc.request("anvil_setBalance", [sender, hex(10**20)])
    node.rpc.request("anvil_impersonateAccount", [sender])
    sent = node.rpc.request("eth_sendTransaction", [{"from": sender, "to": to, "data": "0x" + data.hex()}])
    deadline = time.monotonic() + 20
    while (receipt := node.rpc.get_receipt(bytes.fromhex(sent[2:]))) is None:
        assert time.monotonic() < deadline, "the transaction was not mined"
        time.sleep(0.01)
    assert receipt.succeeded


def test_killed_at_any_step_it_ends_with_one_set(
    node: AnvilNode, engine: Engine, signer: EnvironmentSigner
) -> None:
    reached = 0
    while True:
        steps: list[str] = []

        def progress(step: str, steps: list[str] = steps, allowed: int = reached + 4) -> None:
            steps.append(step)
            if len(steps) > allowed:
                raise Killed

        try:
            with sending(node, engine, signer) as sender:
                found = deploy(sender, PLAN, progress)
            break
        except Killed:
            reached = len(steps) - 1
    assert reached > 16
    # A transaction for each step, none twice: addresses follow from the nonces.
    assert node.rpc.nonce(ADDRESS) == len(steps) == len(set(steps))
    assert len(set(found.all_addresses().values())) == len(found.all_addresses()) == 10

    again, repeated = deployed(node, engine, signer)
    assert again == found
    assert repeated == steps
    assert node.rpc.nonce(ADDRESS) == len(steps)


def test_the_council_alone_is_in_charge(node: AnvilNode, engine: Engine, signer: EnvironmentSigner) -> None:
    found, _ = deployed(node, engine, signer)
    check(found, ADDRESS, node.rpc)
    at = found.contracts
    manager = authority.Authority(at["Authority"], node.rpc)
    assert manager.has_role(ADMIN_ROLE, at["Council"]) == (True, 0)
    assert manager.has_role(PASSPORT_ROLE, at["ProductPassport"]) == (True, 0)
    for role in (ADMIN_ROLE, PASSPORT_ROLE):
        assert not manager.has_role(role, ADDRESS).is_member
    seats = council.Council(at["Council"], node.rpc)
    assert (tuple(seats.seats()), seats.threshold()) == (SEATS, 2)
    assert found.first_block == 1
    listed = {
        one.name: one.contract_address for one in directory.Directory(at["Directory"], node.rpc).entries()
    }
    assert listed == found.all_addresses()
    token = fiat_token.FiatToken(found.tokens["EUR"], node.rpc)
    assert (token.currency(), token.decimals(), token.issuer()) == ("EUR", 2, 9521321000018)
    passport = product_passport.ProductPassport(at["ProductPassport"], node.rpc)
    assert passport.registry() == at["MemberRegistry"]

    # Another plan is no repetition of this one.
    with sending(node, engine, signer) as sender, pytest.raises(KeyReused, match="deploy Council"):
        deploy(sender, Plan(SEATS, 3))

    # And whatever is changed behind the record's back is noticed.
    def grant(role: int, account: str) -> None:
        call_as(node, at["Council"], at["Authority"], authority.encode_grant_role(role, account, 0))

    def revoke(role: int, account: str) -> None:
        call_as(node, at["Council"], at["Authority"], authority.encode_revoke_role(role, account))

    for role, holder in ((ADMIN_ROLE, "Council"), (PASSPORT_ROLE, "ProductPassport")):
        grant(role, STRANGER)
        with pytest.raises(DeploymentError, match=f"{STRANGER} has role {role}, which is for {holder} alone"):
            check(found, ADDRESS, node.rpc)
        revoke(role, STRANGER)
        check(found, ADDRESS, node.rpc)
    grant(ADMIN_ROLE, ADDRESS)
    with pytest.raises(DeploymentError, match=f"the deployer {ADDRESS} still administers it"):
        check(found, ADDRESS, node.rpc)
    revoke(ADMIN_ROLE, ADDRESS)
    wrong = Deployment(found.identity, {**at, "Council": at["Escrow"]}, found.tokens, found.first_block)
    with pytest.raises(DeploymentError, match="the council does not administer it"):
        check(wrong, ADDRESS, node.rpc)
    wrong = Deployment(found.identity, {**at, "Authority": at["Escrow"]}, found.tokens, found.first_block)
    with pytest.raises(DeploymentError, match="MemberRegistry: obeys"):
        check(wrong, ADDRESS, node.rpc)
    wrong = Deployment(found.identity, at, {"EUR": STRANGER}, found.first_block)
    with pytest.raises(DeploymentError, match=f"FiatToken:EUR: no code at {STRANGER}"):
        check(wrong, ADDRESS, node.rpc)


def test_a_step_that_fails_is_named(node: AnvilNode, engine: Engine, signer: EnvironmentSigner) -> None:
    refused = pytest.raises(DeploymentError, match="deploy Council: refused: ThresholdInvalid")
    with sending(node, engine, signer) as sender, refused:
        deploy(sender, Plan(SEATS, 1))
