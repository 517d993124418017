"""Two kinds of operations share few places: neither may wait for the other while the other waits for it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from chain.operation import Priority, Status
from chain.sender import Sender, SenderSettings
from chain.signers import EnvironmentSigner
from tests.chain.sending.anvil_node import AnvilNode
from tests.chain.sending.bytecode import ECHO_REVERT
from tests.chain.sending.test_sender import FRIEND, deploy, settle

pytestmark = pytest.mark.slow

ONE_PLACE = SenderSettings(lease_ttl=1.0, poll=0.01, idle_poll=0.02, max_in_flight=1, fair_turn=2)


@pytest.mark.parametrize(("waiting", "ready"), [tuple(Priority), tuple(reversed(Priority))])
def test_what_waits_for_an_earlier_operation_does_not_take_its_place(
    node: AnvilNode, engine: Engine, signer: EnvironmentSigner, waiting: Priority, ready: Priority
) -> None:
    sender = Sender(engine, node.rpc, signer, settings=ONE_PLACE)
    contract = deploy(sender, ECHO_REVERT)
    for number in range(2):
        earlier = sender.submit(FRIEND, b"", 1, key=f"{number}", purpose="pay", priority=ready)
        # It reverts as things stand, which may change with what was submitted before it.
        later = sender.submit(contract, b"no", key=f"no {number}", purpose="revert", priority=waiting)
        done, refused = settle(sender, earlier, later)
        assert (done.status, refused.status) == (Status.MINED, Status.REFUSED)


@pytest.fixture
def slow_node() -> Iterator[AnvilNode]:
    """An Anvil that mines when it is told to."""
    anvil = AnvilNode("--no-mining")
    try:
        yield anvil.start()
    finally:
        anvil.close()


def test_anchors_in_flight_leave_room_for_what_somebody_waits_for(
    slow_node: AnvilNode, engine: Engine, signer: EnvironmentSigner
) -> None:
    sender = Sender(engine, slow_node.rpc, signer, settings=SenderSettings(max_in_flight=16))
    for number in range(40):
        sender.submit(FRIEND, b"", 1, key=f"anchor {number}", purpose="anchor", priority=Priority.BULK)
    sender.run_once()
    sender.run_once()
    anchors = sender.outbox.with_nonce(Status.SENT)
    assert len(anchors) == 14
    prompt = sender.submit(FRIEND, b"", 1, key="pay", purpose="pay")
    sender.run_once()
    assert sender.operation(prompt.id).status is Status.SENT


def test_an_operation_that_reverts_is_not_kept_waiting_by_anchors_that_came_later(
    slow_node: AnvilNode, engine: Engine, signer: EnvironmentSigner
) -> None:
    """There may always be one in flight: it, and all behind it, would wait for ever."""
    sender = Sender(engine, slow_node.rpc, signer)
    made = sender.submit(None, ECHO_REVERT, key="deploy", purpose="deploy")
    sender.run_once()
    slow_node.mine()
    sender.run_once()
    contract = sender.operation(made.id).contract_address
    assert contract is not None
    first = sender.submit(FRIEND, b"", 1, key="first", purpose="anchor", priority=Priority.BULK)
    refused = sender.submit(contract, b"no", key="no", purpose="revert")
    behind = sender.submit(FRIEND, b"", 1, key="behind", purpose="pay")
    later = sender.submit(FRIEND, b"", 1, key="later", purpose="anchor", priority=Priority.BULK)
    sender.run_once()
    assert sender.operation(refused.id).status is Status.QUEUED
    (version,) = sender.operation(later.id).versions
    slow_node.rpc.request("anvil_dropTransaction", ["0x" + version.hash.hex()])
    slow_node.mine()
    sender.run_once()
    assert sender.operation(first.id).succeeded
    assert sender.operation(later.id).status is Status.SENT
    assert sender.operation(refused.id).status is Status.REFUSED
    sender.run_once()
    assert sender.operation(behind.id).status is Status.SENT
