"""Two kinds of operations share few places: neither may wait for the other while the other waits for it."""

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
