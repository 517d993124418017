"""The keeper on a real chain: what a deadline decides is done once, not before, and whatever is killed."""

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import Session

from chain import deployment
from chain.artifact import Artifact
from chain.bindings import escrow, fiat_token, types
from chain.codec import checksum, encode, keccak256
from chain.compiler import TEST_ARTIFACTS, compile_test_contracts
from chain.operation import Status
from oracle.keeper import Patience, effects_due, order_data, orders_due
from tests.evidence.world import YEAR, Key, wait_until
from tests.oracle.world import AMOUNT, PATIENCE, KeeperWorld

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cleared(world: KeeperWorld) -> None:
    """Nothing is due when a test begins."""
    world.clear()


def keep(world: KeeperWorld) -> int:
    """One pass of a fresh keeper, carried out and mirrored; how much it submitted."""
    world.index()
    submitted = world.keeper().run_once()
    world.settle_all()
    return submitted


def word(world: KeeperWorld, order: types.Order) -> str:
    """What a keeper's operations on this order have in their keys."""
    return "0x" + world.hash_of(order).hex()


def test_an_undelivered_order_is_refunded_a_second_after_its_grace(world: KeeperWorld) -> None:
    order = world.funded()
    end = order.deliver_by + order.grace
    world.travel_to(end)
    keep(world)
    assert world.kept(word(world, order)) == []
    before = world.balance(order.buyer_account)
    world.travel_to(end + 1)
    assert keep(world) == 1
    assert world.state(order).outcome == types.Outcome.REFUNDED
    assert world.balance(order.buyer_account) == before + AMOUNT
    assert keep(world) == 0
    assert len(world.kept(word(world, order))) == 1


def test_an_order_that_was_only_opened_is_nobodys_business(world: KeeperWorld) -> None:
    order = world.new_order()
    world.travel_to(order.deliver_by + order.grace + 1)
    assert keep(world) == 0
    assert world.state(order).status == types.Status.OPEN


def test_a_proven_order_is_paid_a_second_after_its_window(world: KeeperWorld) -> None:
    order = world.funded()
    world.attest_delivery(order)
    end = world.state(order).proven_at + order.inspection_window
    before = world.balance(order.payee)
    world.travel_to(end)
    assert keep(world) == 0
    world.travel_to(end + 1)
    assert keep(world) == 1
    assert world.state(order).outcome == types.Outcome.WINDOW_ELAPSED
    assert world.balance(order.payee) == before + AMOUNT
    assert keep(world) == 0


def test_an_unruled_dispute_is_split_a_second_after_its_deadline(world: KeeperWorld) -> None:
    order = world.funded()
    world.attest_delivery(order)
    world.dispute(order)
    disputed = world.state(order)
    end = disputed.disputed_at + order.ruling_period
    assert end > disputed.proven_at + order.inspection_window
    payee, buyer = world.balance(order.payee), world.balance(order.buyer_account)
    world.travel_to(disputed.proven_at + order.inspection_window + 1)
    assert keep(world) == 0
    world.travel_to(end)
    assert keep(world) == 0
    world.travel_to(end + 1)
    assert keep(world) == 1
    assert world.state(order).outcome == types.Outcome.UNRULED
    share = AMOUNT * order.unruled_seller_bps // 10_000
    assert world.balance(order.payee) == payee + share
    assert world.balance(order.buyer_account) == buyer + AMOUNT - share


def test_an_effect_that_a_relayer_starved_is_applied(world: KeeperWorld) -> None:
    order = world.funded(inspection_window=0)
    before = world.balance(order.payee)
    world.attest_delivery(order, stingy=True)
    assert world.state(order).status == types.Status.FUNDED
    assert keep(world) == 1
    assert world.state(order).outcome == types.Outcome.DELIVERED
    assert world.balance(order.payee) == before + AMOUNT
    assert keep(world) == 0


def test_an_effect_with_wrong_data_is_applied_with_the_right_one(world: KeeperWorld) -> None:
    order = world.funded()
    world.attest_delivery(order, data=b"\x00" * 64)
    assert world.state(order).status == types.Status.FUNDED
    assert keep(world) == 1
    assert world.state(order).status == types.Status.PROVEN


def test_a_proof_before_the_funding_is_applied_when_the_money_is_there(world: KeeperWorld) -> None:
    order = world.new_order()
    world.attest_delivery(order)
    assert keep(world) == 0
    world.fund(order)
    assert keep(world) == 1
    assert world.state(order).status == types.Status.PROVEN


def test_statements_that_prove_nothing_cost_no_attempt(world: KeeperWorld) -> None:
    order = world.funded()
    delivered = world.attestation_of(order)
    statements = [
        (world.maker, delivered),
        (world.carrier, replace(delivered, subject=b"\1" * 32)),
        (world.carrier, replace(delivered, seal_id=b"\2" * 32, milestone=2)),
        (world.carrier, replace(delivered, seal_id=b"\3" * 32, consumer=world.token)),
    ]
    from chain.bindings import event_ledger

    for by, message in statements:
        signature = world.sign("EventLedger", message, by)
        data = event_ledger.encode_attest(message, by.key.address, signature, order_data(order))
        world.send(world.deployment.address("EventLedger"), data)
    world.index()
    with Session(world.mirror) as session:
        assert [due.key for due in effects_due(session) if word(world, order) in due.purpose] == []
    assert keep(world) == 0


def test_a_proof_that_was_declared_erroneous_is_left_alone(world: KeeperWorld) -> None:
    from chain.bindings import event_ledger

    order = world.funded()
    proof = world.attest_delivery(order, data=b"")
    declared = types.ErrorDeclaration(proof.seal_id, b"\4" * 32, bytes(32), world.now() + 3600)
    signature = world.sign("EventLedger", declared, world.carrier)
    data = event_ledger.encode_declare_error(declared, world.carrier.key.address, signature)
    world.send(world.deployment.address("EventLedger"), data)
    assert keep(world) == 0
    assert world.state(order).status == types.Status.FUNDED


@pytest.fixture(scope="module")
def fickle_token(world: KeeperWorld) -> str:
    """A token that denies whom it is told to, with money for the buyer."""
    compile_test_contracts()
    code = Artifact.from_json((TEST_ARTIFACTS / "ScriptedToken.json").read_text(encoding="utf-8")).bytecode
    made = world.sender.submit(None, code, key="fickle token", purpose="token")
    address = world.sender.wait(made.id, 20).contract_address
    assert address is not None
    address = checksum(address)
    selector = keccak256(b"give(address,uint256)")[:4]
    world.send(address, selector + encode(("address", "uint256"), (world.buyer_account.address, 10**9)))
    return address


def deny(world: KeeperWorld, token: str, account: str, denied: bool) -> None:
    call = keccak256(b"deny(address,bool)")[:4] + encode(("address", "bool"), (account, denied))
    world.relay(token, call)


def test_a_credit_is_paid_when_its_token_pays_again(world: KeeperWorld, fickle_token: str) -> None:
    order = world.funded(token=fickle_token, inspection_window=0)
    deny(world, fickle_token, order.payee, True)
    world.attest_delivery(order)
    funds = escrow.Escrow(world.escrow, world.rpc)
    assert funds.credit(fickle_token, order.payee) == AMOUNT

    patience = Patience(tries=3, first_pause=1000.0)
    keeper = world.keeper(patience)
    assert keeper.run_once() == 1
    world.settle_all()
    (refused,) = world.kept(f"withdraw/{fickle_token}")
    assert (refused.status, refused.error_name) == (Status.REFUSED, "WithdrawalFailed")
    # It rests before the next attempt, whoever looks.
    assert keeper.run_once() == 0
    assert world.keeper(patience).run_once() == 0

    deny(world, fickle_token, order.payee, False)
    assert keep(world) == 1
    assert funds.credit(fickle_token, order.payee) == 0
    assert fiat_token.FiatToken(fickle_token, world.rpc).balance_of(order.payee) == AMOUNT
    assert keep(world) == 0


def test_what_is_refused_for_good_is_left_to_people(world: KeeperWorld, fickle_token: str) -> None:
    order = world.funded(token=fickle_token, inspection_window=0, payee=Key("denied for good").address)
    deny(world, fickle_token, order.payee, True)
    world.attest_delivery(order)
    keeper = world.keeper()
    for expected in (1, 1, 1, 0, 0):
        assert keeper.run_once() == expected
        world.settle_all()
    key = f"withdraw/{fickle_token}/{order.payee}"
    assert [one.status for one in world.kept(key)] == [Status.REFUSED] * PATIENCE.tries
    # A keeper that starts anew knows it from the outbox.
    assert keep(world) == 0
    # A stuck credit does not keep other things from being done.
    other = world.funded()
    world.travel_to(other.deliver_by + other.grace + 1)
    assert keep(world) == 1
    assert world.state(other).outcome == types.Outcome.REFUNDED


def test_pauses_grow_and_have_an_end() -> None:
    patience = Patience()
    pauses = [patience.pause(failures).total_seconds() for failures in range(1, patience.tries)]
    assert pauses[:4] == [15, 60, 240, 960]
    assert max(pauses) == pauses[-1] == 6 * 3600
    assert 86_400 < sum(pauses) < 3 * 86_400


def test_so_many_wait_at_a_time_the_oldest_first(world: KeeperWorld) -> None:
    now = world.now()
    orders = [world.funded(deliver_by=now + 1000 - n) for n in range(5)]
    world.travel_to(now + 1000 + 100 + 1)
    world.index()
    with Session(world.mirror) as session:
        due = [one.key for one in orders_due(session, world.block_time())]
    assert due == [f"refund/{word(world, one)}" for one in reversed(orders)]
    counts: list[int] = []
    while not counts or counts[-1]:
        counts.append(world.keeper(most_open=2).run_once())
        world.settle_all()
    assert counts == [2, 2, 1, 0]
    assert {world.state(one).outcome for one in orders} == {types.Outcome.REFUNDED}


def test_what_somebody_else_did_meanwhile_is_not_repeated(world: KeeperWorld) -> None:
    order = world.funded()
    world.travel_to(order.deliver_by + order.grace + 1)
    world.send(world.escrow, escrow.encode_refund(order))
    # The mirror does not know yet: the attempt is refused before it costs anything.
    assert world.keeper().run_once() == 1
    world.settle_all()
    (attempt,) = world.kept(word(world, order))
    assert (attempt.status, attempt.error_name) == (Status.REFUSED, "StatusInvalid")
    assert keep(world) == 0
    assert len(world.kept(word(world, order))) == 1


def test_two_keepers_at_once_do_one_thing(world: KeeperWorld) -> None:
    order = world.funded()
    world.travel_to(order.deliver_by + order.grace + 1)
    threads = [threading.Thread(target=world.keeper().run_once) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    world.settle_all()
    assert [one.status for one in world.kept(word(world, order))] == [Status.MINED]


def test_it_runs_until_it_is_stopped(world: KeeperWorld) -> None:
    order = world.funded()
    stop = threading.Event()
    thread = threading.Thread(target=world.keeper().run, args=(stop,), daemon=True)
    thread.start()
    try:
        world.travel_to(order.deliver_by + order.grace + 1)
        wait_until(lambda: world.state(order).status == types.Status.CLOSED)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
    world.settle_all()
    assert len(world.kept(word(world, order))) == 1


@pytest.mark.parametrize("point", [2, 3, 4, 5])
def test_a_killed_keeper_goes_on_where_it_was(world: KeeperWorld, tmp_path: Path, point: int) -> None:
    orders = [world.funded() for _ in range(2)]
    world.travel_to(max(one.deliver_by + one.grace for one in orders) + 1)
    world.index()
    record = deployment.save(tmp_path, world.deployment)
    folder = Path(str(world.engine.url.database)).parent
    child = subprocess.run(
        [sys.executable, "-m", "tests.oracle.keeping_child", folder, world.anvil.url, record, str(point)],
        timeout=60,
        check=False,
    )
    assert child.returncode == (-signal.SIGKILL if point <= 4 else 0)
    assert sum(len(world.kept(word(world, one))) for one in orders) == min(point // 2, 2)
    world.settle_all()
    keep(world)
    assert keep(world) == 0
    for one in orders:
        assert world.state(one).outcome == types.Outcome.REFUNDED
        assert [kept.status for kept in world.kept(word(world, one))] == [Status.MINED]
        assert [step.name for step in world.mirrored(one).history].count("OrderClosed") == 1


def test_the_world_lasts_as_long_as_its_licence(world: KeeperWorld) -> None:
    """Time only moves on here; past the licence's end other tests would fail for another reason."""
    assert world.block_time() < world.now() + YEAR // 2
