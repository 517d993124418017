"""What somebody waits for is signed before anchors; order stays strict within a priority; nothing starves."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from sqlalchemy import Engine

from chain.operation import Operation, Priority, Status
from chain.sender import Sender, SenderSettings
from chain.signers import EnvironmentSigner
from tests.chain.sending.anvil_node import AnvilNode
from tests.chain.sending.bytecode import ECHO_REVERT

pytestmark = pytest.mark.slow

FRIEND = "0x" + "11" * 20
FAST = SenderSettings(lease_ttl=5.0, max_in_flight=16, fair_turn=4)


@pytest.fixture
def sender(node: AnvilNode, engine: Engine, signer: EnvironmentSigner) -> Sender:
    return Sender(engine, node.rpc, signer, settings=FAST)


def settle(sender: Sender, until: Callable[[], bool], limit: int = 200) -> None:
    for _ in range(limit):
        if until():
            return
        sender.run_once()
    raise AssertionError("the condition never held")


def submitted(sender: Sender, name: str, count: int, priority: Priority) -> list[Operation]:
    return [
        sender.submit(FRIEND, b"", 1, key=f"{name} {number}", purpose=name, priority=priority)
        for number in range(count)
    ]


def nonces(sender: Sender, operations: list[Operation]) -> list[int]:
    found = [sender.operation(one.id).nonce for one in operations]
    assert None not in found
    return [one for one in found if one is not None]


def test_prompt_operations_go_first_and_anchors_still_get_their_turn(sender: Sender) -> None:
    anchors = submitted(sender, "anchor", 40, Priority.BULK)
    prompt = submitted(sender, "pay", 20, Priority.PROMPT)
    settle(sender, lambda: all(sender.operation(one.id).succeeded for one in anchors + prompt))
    first, second = nonces(sender, prompt), nonces(sender, anchors)
    assert sorted(first + second) == list(range(60)), "each once, without a gap"
    assert all(before < after for order in (first, second) for before, after in pairwise(order))
    assert first[0] == 0
    assert first[-1] <= 26, "of every four one was an anchor, no more"
    assert second[0] == 3, "the first anchor did not wait for all of them"


def test_a_prompt_operation_that_depends_on_an_earlier_anchor_waits_for_it(
    node: AnvilNode, sender: Sender
) -> None:
    """It would be refused by its estimate, were it not that something before it is still to come."""
    contract = sender.submit(None, ECHO_REVERT, key="deploy", purpose="deploy", priority=Priority.BULK)
    reverting = "0x" + "22" * 20
    assert contract.priority is Priority.BULK
    settle(sender, lambda: sender.operation(contract.id).succeeded)
    address = sender.operation(contract.id).contract_address
    anchor = submitted(sender, "anchor", 3, Priority.BULK)
    refused = sender.submit(address, b"\1" * 4, key="reverts", purpose="reverts")
    behind = sender.submit(reverting, b"", 1, key="behind", purpose="behind")
    sender.run_once()
    assert sender.operation(refused.id).status is Status.QUEUED
    assert "waits for earlier operations" in str(sender.operation(refused.id).problem)
    assert sender.operation(behind.id).status is Status.QUEUED, "order is strict within a priority"
    settle(sender, lambda: all(sender.operation(one.id).settled for one in (*anchor, refused, behind)))
    assert sender.operation(refused.id).status is Status.REFUSED
    assert sender.operation(behind.id).succeeded


def test_anchors_are_signed_together_and_one_that_is_refused_leaves_the_others(sender: Sender) -> None:
    (made,) = [sender.submit(None, ECHO_REVERT, key="deploy", purpose="deploy")]
    settle(sender, lambda: sender.operation(made.id).succeeded)
    address = sender.operation(made.id).contract_address
    good = submitted(sender, "anchor", 5, Priority.BULK)
    bad = sender.submit(address, b"\1" * 4, key="bad", purpose="bad", priority=Priority.BULK)
    late = submitted(sender, "late", 5, Priority.BULK)
    settle(sender, lambda: all(sender.operation(one.id).settled for one in (*good, bad, *late)))
    assert sender.operation(bad.id).status is Status.REFUSED
    assert nonces(sender, good + late) == list(range(1, 11))


def test_outboxes_of_before_priorities_keep_their_operations(database_url: Callable[[str], str]) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import text

    from chain import migrations
    from chain.database import open_engine
    from chain.migrations import VERSION_TABLE, upgrade_outbox

    engine = open_engine(database_url("old"))
    config = Config()
    config.set_main_option("script_location", str(migrations.__path__[0]))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes |= {"connection": connection, "version_table": VERSION_TABLE}
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO outbox_account (chain_id, first_block_hash, address, lease_token,"
                " lease_expires_ms) VALUES (1, :hash, '0x00', 0, 0)"
            ),
            {"hash": b"\1"},
        )
        connection.execute(
            text(
                "INSERT INTO outbox_operation (account_id, key, purpose, data, value, status, created_ms,"
                " updated_ms, final) SELECT id, 'k', 'p', :data, '0', 'queued', 1, 1, false"
                " FROM outbox_account"
            ),
            {"data": b""},
        )
    upgrade_outbox(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT priority FROM outbox_operation")).scalar_one() == 0
    engine.dispose()
