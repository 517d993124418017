"""Relayed requests: once, in vain with the contract's reason, again when it would succeed."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.operations import Relayed
from chain.bindings import member_registry, types
from chain.database import open_engine
from chain.migrations import upgrade_outbox
from chain.requests import GrantKey, GrantLicence, MintTokens, RevokeKey
from chain.sender import Sender, SenderSettings
from tests.api.world import ApiWorld, Client, serving, slug
from tests.evidence.world import YEAR, Key, Member

pytestmark = pytest.mark.slow

NONE = "0x" + "00" * 32


def licence(world: ApiWorld, **fields: Any) -> types.Licence:
    record: dict[str, Any] = {
        "mark": b"\x01" * 32,
        "licensee": int(world.maker.gln),
        "gtins": (9506000134352,),
        "territories": (b"DE",),
        "valid_from": world.now() - 60,
        "valid_until": world.now() + YEAR,
        "quantity": 10,
        "salt": secrets.token_bytes(32),
        "deadline": world.now() + 3600,
    }
    return types.Licence(**(record | fields))


def grant(
    world: ApiWorld,
    by: Member | None = None,
    contract: str = "MemberRegistry",
    named: Member | None = None,
    **fields: Any,
) -> GrantKey:
    """A further key for the maker. `by` signs, `named` is said to have; `contract` gives the domain."""
    key = Key(secrets.token_hex(4))
    record: dict[str, Any] = {
        "gln": int(world.maker.gln),
        "key": key.address,
        "valid_from": world.now() - 60,
        "valid_until": world.now() + YEAR,
        "roles": 2,
        "deadline": world.now() + 3600,
    }
    message = types.KeyGrant(**(record | fields))
    signer = by or world.maker
    return GrantKey(
        message=message,
        signer=(named or signer).key.address,
        signature=world.sign(contract, message, signer),
        key_signature=key.sign(message.signing_hash(world.deployment.domain("MemberRegistry"))),
    )


def test_an_operation_is_acknowledged_and_looked_up(world: ApiWorld, api: Client) -> None:
    request = grant(world)
    answer = api.http.post("/members/keys", json=request.to_json())
    assert answer.status_code == 202
    assert answer.json()["status"] in ("queued", "signed", "sent", "mined")
    waited = api.post("/members/keys", request)
    assert answer.headers["location"] == f"/operations/{waited['id']}"
    assert api.get(answer.headers["location"]) == waited
    assert waited["status"] == "mined"
    assert waited["error"] is None


def test_a_waiting_client_finds_its_key_in_the_mirror(world: ApiWorld, api: Client) -> None:
    request = grant(world)
    api.post("/members/keys", request)
    keys = api.get(f"/members/{world.maker.gln}")["keys"]
    added = next(one for one in keys if one["address"] == request.message.key)
    assert added["revokedAt"] is None
    assert added["validFrom"].endswith("Z")


def test_the_same_request_is_the_same_operation(world: ApiWorld, api: Client) -> None:
    request = grant(world)
    first, second = api.post("/members/keys", request), api.post("/members/keys", request)
    assert first == second


def test_a_request_sent_many_times_at_once_is_one_operation(world: ApiWorld, api: Client) -> None:
    request = grant(world)
    before = len(world.sender.outbox.operations())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("/members/keys", request), range(8)))
    assert {one["id"] for one in answers} == {answers[0]["id"]}
    assert len(world.sender.outbox.operations()) == before + 1


def test_what_takes_longer_than_it_was_waited_for_goes_on(world: ApiWorld, tmp_path: Path) -> None:
    relayer = Key("another relayer")
    world.anvil.fund([relayer.address])
    engine = open_engine(f"sqlite:///{tmp_path / 'outbox.db'}")
    upgrade_outbox(engine)
    sender = Sender(engine, world.rpc, relayer, settings=SenderSettings(poll=0.01))
    with serving(replace(world.services(), sender=sender)) as url:
        client = Client(url)
        request = grant(world)
        waiting = client.post("/members/keys", request, 202, wait=1)
        assert waiting["status"] == "queued"
        # what may depend on it is not refused by a look at the present state
        key = request.message.key
        revocation = types.KeyRevocation(int(world.maker.gln), key, world.now() + 3600)
        dependent = RevokeKey(
            message=revocation,
            signer=world.maker.key.address,
            signature=world.sign("MemberRegistry", revocation, world.maker),
        )
        queued = client.post("/members/key-revocations", dependent, 202, wait=None)
        stop = threading.Event()
        thread = threading.Thread(target=sender.run, args=(stop,), daemon=True)
        thread.start()
        try:
            done = client.post("/members/keys", request)
            assert (done["id"], done["status"]) == (waiting["id"], "mined")
            assert client.post("/members/key-revocations", dependent)["id"] == queued["id"]
        finally:
            stop.set()
            thread.join(10)
            client.http.close()
    engine.dispose()


def test_a_refusal_gives_the_contracts_own_reason_and_queues_nothing(world: ApiWorld, api: Client) -> None:
    before = len(world.sender.outbox.operations())
    message = licence(world)  # of a mark that nobody registered
    signature = world.sign("RightsRegistry", message, world.brand)
    request = GrantLicence(message=message, signer=world.brand.key.address, signature=signature)
    problem = api.post("/rights/licences", request, 422)
    assert slug(problem) == "contract-refused"
    assert problem["contract"]["error"] == "MarkNotLive"
    assert problem["contract"]["arguments"]["mark"] == "0x" + "01" * 32
    assert problem["contract"]["text"] in problem["detail"]
    assert len(world.sender.outbox.operations()) == before


def test_a_signature_by_another_key_is_refused(world: ApiWorld, api: Client) -> None:
    request = grant(world, by=world.carrier, named=world.maker)
    problem = api.post("/members/keys", request, 403)
    assert slug(problem) == "signature-invalid"
    assert problem["contract"]["arguments"]["signer"] == world.maker.key.address


def test_a_signer_that_nobody_admitted_is_refused(world: ApiWorld, api: Client) -> None:
    problem = api.post("/members/keys", grant(world, by=world.stranger), 403)
    assert slug(problem) == "signer-unknown"
    assert problem["contract"]["arguments"]["key"] == world.stranger.key.address


def test_a_signed_deadline_that_is_over_is_gone(world: ApiWorld, api: Client) -> None:
    request = grant(world, deadline=world.now() - 10)
    problem = api.post("/members/keys", request, 410)
    assert slug(problem) == "deadline-expired"
    assert problem["contract"]["error"] == "DeadlineExpired"


def test_a_signature_for_another_contract_counts_nowhere_else(world: ApiWorld, api: Client) -> None:
    request = grant(world, contract="EventLedger")
    assert slug(api.post("/members/keys", request, 403)) == "signature-invalid"


def test_a_refused_request_goes_through_once_it_may(world: ApiWorld, api: Client) -> None:
    """The operation that was refused before does not stand in the way of its repetition."""
    request = grant(world)
    to, data = request.call(world.deployment)
    world.as_council(world.deployment.address("MemberRegistry"), _suspend(world))
    try:
        assert slug(api.post("/members/keys", request, 403)) == "key-not-live"
        # as if it had been queued behind something else, and refused by the sender
        key = Relayed(to, data, "GrantKey").key
        refused = world.sender.submit(to, data, key=key, purpose="GrantKey")
        assert not world.sender.wait(refused.id, 20).succeeded
    finally:
        world.as_council(world.deployment.address("MemberRegistry"), _reinstate(world))
    done = api.post("/members/keys", request)
    assert done["status"] == "mined"
    assert done["id"] != refused.id


def _suspend(world: ApiWorld) -> bytes:
    return member_registry.encode_suspend(int(world.maker.gln), b"\x01" * 32)


def _reinstate(world: ApiWorld) -> bytes:
    return member_registry.encode_reinstate(int(world.maker.gln))


@pytest.mark.parametrize(
    ("amount", "status", "wanted"),
    [("0", 422, "contract-refused"), (str(1 << 256), 400, "invalid-request"), ("-1", 400, "invalid-request")],
)
def test_amounts_that_are_none(world: ApiWorld, api: Client, amount: str, status: int, wanted: str) -> None:
    body = world.mint(1).to_json()
    body["message"]["amount"] = amount
    if amount == "0":
        message = types.Mint(world.buyer_account.address, 0, secrets.token_bytes(32), world.now() + 3600)
        signature = world.bank.key.sign(message.signing_hash(world._token_domain()))
        body = MintTokens(
            currency="EUR", message=message, signer=world.bank.key.address, signature=signature
        ).to_json()
    problem = api.post("/tokens/mints", body, status)
    assert slug(problem) == wanted


def test_a_currency_that_is_not_there_is_not_found(world: ApiWorld, api: Client) -> None:
    body = world.mint(1).to_json() | {"currency": "USD"}
    assert slug(api.post("/tokens/mints", body, 404)) == "not-found"


def test_rights_are_checked_by_the_registry(world: ApiWorld, api: Client) -> None:
    known = {"licence": "0x" + world.licence.hex(), "member": world.maker.gln, "gtin": "09506000134352"}
    assert api.get("/rights/check", params=known | {"to": "DE"}) == {"allowed": True, "reason": None}
    refused = api.get("/rights/check", params=known | {"to": "US"})
    assert refused["allowed"] is False
    assert refused["reason"]["error"] in ("TerritoryNotLicensed", "MarkNotInTerritory")
    problem = api.get("/rights/check", 400, params=known | {"gtin": "09506000134353", "to": "DE"})
    assert "check digit" in problem["detail"]


def test_licences_members_council_and_network_tell_what_stands(world: ApiWorld, api: Client) -> None:
    licences = api.get("/rights/licences", params={"licensee": world.maker.gln})["licences"]
    assert [one["id"] for one in licences] == ["0x" + world.licence.hex()]
    assert licences[0]["live"] is True
    assert licences[0]["mark"]["name"] == "EXAMPLE"
    assert api.get(f"/rights/licences/0x{world.licence.hex()}") == licences[0]
    assert slug(api.get(f"/rights/licences/{NONE}", 404)) == "not-found"
    names = {one["gln"]: one["name"] for one in api.get("/members")["members"]}
    assert names[world.buyer.gln] == "buyer"
    assert slug(api.get("/members/9506000000000", 400)) == "invalid-request"
    assert api.get("/council")["threshold"] == 2
    network = api.get("/network")
    assert network["chainId"] == world.deployment.chain_id
    assert network["council"] == {"seats": api.get("/council")["seats"], "threshold": 2}
