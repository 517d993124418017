"""Orders over HTTP: from both signatures to the payout, and what is told meanwhile."""

import json
from datetime import datetime

import pytest

from chain.bindings import types
from chain.requests import (
    ApplyEffect,
    ConfirmOrder,
    DisputeOrder,
    RefundOrder,
    RuleOrder,
    SettleOrder,
    Withdraw,
)
from epcis.gs1 import check_digit
from tests.api.world import CONTEXT, ApiWorld, Client, slug

pytestmark = pytest.mark.slow


def shipment(number: int) -> str:
    body = f"09506000{number:09d}"
    return f"https://id.gs1.org/00/{body}{check_digit(body)}"


def opened(world: ApiWorld, api: Client, order: types.Order) -> str:
    answer = api.post("/escrows", world.opening(order))
    assert answer["status"] == "mined"
    return str(answer["order"])


def funded(world: ApiWorld, api: Client, order: types.Order) -> str:
    found = opened(world, api, order)
    api.post("/tokens/mints", world.mint(order.amount))
    api.post(f"/escrows/{found}/funding", world.funding(order))
    return found


def delivery(world: ApiWorld, link: str) -> dict[str, object]:
    document = json.loads(world.document(link, step="receiving"))
    return {"@context": [CONTEXT], **document["epcisBody"]["eventList"][0]}


def test_delivery_pays_in_its_own_transaction(world: ApiWorld, api: Client) -> None:
    link = shipment(1)
    order = world.order(link)
    found = opened(world, api, order)
    told = api.get(f"/escrows/{found}")
    assert told["status"] == "open"
    assert told["amount"] == {"amount": "12345", "currency": "EUR", "decimals": 2}
    assert told["order"] == order.message()
    assert [one["action"] for one in told["actions"]] == ["fund"]

    api.post("/tokens/mints", world.mint(order.amount))
    api.post(f"/escrows/{found}/funding", world.funding(order))
    told = api.get(f"/escrows/{found}")
    assert told["status"] == "funded"
    assert world.carrier.gln in told["next"]
    assert "prove delivery" in told["next"]
    assert {one["action"] for one in told["actions"]} == {"prove", "refund", "confirm"}

    before = int(api.get(f"/tokens/EUR/balances/{world.payee}")["balance"]["amount"])
    body = world.attestation_body(delivery(world, link), world.carrier, subject=link, order=order)
    proof = api.post("/attestations", body)
    told = api.get(f"/escrows/{found}")
    assert (told["status"], told["outcome"]) == ("closed", "delivered")
    assert told["actions"] == []
    steps = {one["name"]: one for one in told["steps"]}
    assert steps["OrderClosed"]["transaction"] == proof["transaction"]
    assert steps["DeliveryProven"]["block"] == proof["block"]
    after = int(api.get(f"/tokens/EUR/balances/{world.payee}")["balance"]["amount"])
    assert after - before == 12_345


def test_a_dispute_is_ruled_by_the_arbiter(world: ApiWorld, api: Client) -> None:
    link = shipment(2)
    order = world.order(link, inspection_window=3600)
    found = funded(world, api, order)
    api.post(
        "/attestations",
        world.attestation_body(delivery(world, link), world.carrier, subject=link, order=order),
    )
    told = api.get(f"/escrows/{found}")
    assert told["status"] == "proven"
    assert {one["action"] for one in told["actions"]} == {"dispute", "settle", "confirm"}
    assert slug(api.post(f"/escrows/{found}/settlement", SettleOrder(order=order), 422)) == "contract-refused"

    digest = order.signing_hash(world.deployment.domain("Escrow"))
    domain = world.deployment.domain("Escrow")
    claim = types.Dispute(digest, b"\x07" * 32, world.now() + 3600)
    signature = world.buyer_account.sign(claim.signing_hash(domain))
    api.post(f"/escrows/{found}/disputes", DisputeOrder(order=order, message=claim, signature=signature))
    told = api.get(f"/escrows/{found}")
    assert told["status"] == "disputed"
    assert told["actions"][0]["who"] == {"gln": world.arbiter.gln, "name": "arbiter"}

    ruling = types.Ruling(digest, 10_000, b"\x08" * 32, world.now() + 3600)
    request = RuleOrder(
        order=order,
        message=ruling,
        signer=world.arbiter.key.address,
        signature=world.sign("Escrow", ruling, world.arbiter),
    )
    api.post(f"/escrows/{found}/rulings", request)
    told = api.get(f"/escrows/{found}")
    assert (told["outcome"], told["sellerAmount"]["amount"]) == ("ruled", "10000")
    assert told["buyerAmount"]["amount"] == "2345"


def test_consent_pays_at_once_and_cannot_be_replayed(world: ApiWorld, api: Client) -> None:
    order = world.order(shipment(3))
    found = funded(world, api, order)
    digest = order.signing_hash(world.deployment.domain("Escrow"))
    consent = types.Consent(digest, world.now() + 3600)
    signature = world.buyer_account.sign(consent.signing_hash(world.deployment.domain("Escrow")))
    request = ConfirmOrder(order=order, message=consent, signature=signature)
    first = api.post(f"/escrows/{found}/consents", request)
    assert api.post(f"/escrows/{found}/consents", request) == first

    other = world.order(shipment(4))
    replayed = ConfirmOrder(order=other, message=consent, signature=signature)
    path = f"/escrows/{funded(world, api, other)}/consents"
    problem = api.post(path, replayed, 422)
    assert problem["contract"]["error"] == "ProofMismatch"


def test_the_body_must_be_the_order_of_the_path(world: ApiWorld, api: Client) -> None:
    order = world.order(shipment(5))
    problem = api.post(f"/escrows/0x{'11' * 32}/refund", RefundOrder(order=order), 400)
    assert slug(problem) == "invalid-request"
    assert problem["errors"][0]["pointer"] == "/order"


def test_a_refund_before_its_time_is_refused_with_the_time(world: ApiWorld, api: Client) -> None:
    order = world.order(shipment(6))
    found = funded(world, api, order)
    problem = api.post(f"/escrows/{found}/refund", RefundOrder(order=order), 422)
    assert problem["contract"]["error"] == "TooEarly"


def test_an_order_of_nothing_and_one_beyond_the_type_are_refused(world: ApiWorld, api: Client) -> None:
    problem = api.post("/escrows", world.opening(world.order(shipment(7), amount=0)), 422)
    assert problem["contract"]["error"] == "OrderInvalid"
    assert problem["contract"]["arguments"]["field"] == "amount"
    body = world.opening(world.order(shipment(7))).to_json()
    body["order"]["amount"] = str(1 << 256)
    assert slug(api.post("/escrows", body, 400)) == "invalid-request"
    body["order"]["amount"] = 12.5
    assert "amount" in api.post("/escrows", body, 400)["detail"]


def test_orders_are_found_by_member_and_status(world: ApiWorld, api: Client) -> None:
    found = opened(world, api, world.order(shipment(8)))
    listed = api.get("/escrows", params={"member": world.buyer.gln, "status": "open"})["orders"]
    assert found in [one["hash"] for one in listed]
    assert api.get("/escrows", params={"member": world.customs[0].gln})["orders"] == []
    assert "funded" in api.get("/escrows", 400, params={"status": "paid"})["detail"]
    assert slug(api.get(f"/escrows/0x{'22' * 32}", 404)) == "not-found"


def test_nothing_can_be_withdrawn_where_there_is_no_credit(world: ApiWorld, api: Client) -> None:
    request = Withdraw(token=world.deployment.address("EUR"), account=world.payee)
    assert api.post("/escrows/withdrawals", request, 422)["contract"]["error"] == "NoCredit"


def test_tokens_tell_supply_and_balances(world: ApiWorld, api: Client) -> None:
    tokens = api.get("/tokens")["tokens"]
    assert [(one["currency"], one["issuer"]) for one in tokens] == [("EUR", world.bank.gln)]
    assert slug(api.get(f"/tokens/USD/balances/{world.payee}", 404)) == "not-found"
    assert slug(api.get("/tokens/EUR/balances/0x12", 400)) == "invalid-request"


def test_a_proof_whose_effect_failed_is_told_until_it_is_applied(world: ApiWorld, api: Client) -> None:
    link = shipment(9)
    order = world.order(link)
    found = funded(world, api, order)
    assert api.get(f"/escrows/{found}")["pendingEffects"] == []
    # of somebody who is not the prover: nothing that the order waits for
    stranger = world.attestation_body(delivery(world, link), world.maker, subject=link, order=order)
    assert api.post("/attestations", stranger)["status"] == "mined"
    assert api.get(f"/escrows/{found}")["pendingEffects"] == []

    body = world.attestation_body(delivery(world, link), world.carrier, subject=link, order=order)
    data = body["consumerData"]
    seal = api.post("/attestations", body | {"consumerData": "0x" + "00" * 64})["capture"]["seals"][0]
    told = api.get(f"/escrows/{found}")
    (pending,) = told["pendingEffects"]
    assert told["status"] == "funded"
    assert pending["sealId"] == seal["sealId"]
    assert pending["member"]["gln"] == world.carrier.gln
    assert pending["reason"]

    attestation = body["attestation"]
    recorded = api.get(f"/epcis/events/{seal['sealId']}")["recordTime"]
    recorded_at = int(datetime.fromisoformat(recorded).timestamp())
    effect = ApplyEffect.model_validate(
        {
            "attestation": attestation,
            "member": world.carrier.gln,
            "recordedAt": recorded_at,
            "consumerData": data,
        }
    )
    assert api.post("/attestations/effects", effect)["status"] == "mined"
    told = api.get(f"/escrows/{found}")
    assert (told["status"], told["pendingEffects"]) == ("closed", [])
