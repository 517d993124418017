"""Reading what nobody is known to have signed is bounded: some at a time, the others wait, not for long."""

import asyncio
import json

import httpx
import pytest

from api.app import create_app
from api.limits import Slots
from api.problems import BASE, Problem
from evidence.capture import ReadAttestation
from evidence.jobs import Job
from tests.api.world import GTIN, ApiWorld


def test_slots_are_given_up_to_their_number_and_handed_on() -> None:
    async def run() -> list[int]:
        slots, busy, most = Slots(2, 5.0), 0, []

        async def work() -> None:
            nonlocal busy
            async with slots.taken():
                busy += 1
                most.append(busy)
                await asyncio.sleep(0)
                busy -= 1

        await asyncio.gather(*(work() for _ in range(20)))
        return most

    most = asyncio.run(run())
    assert len(most) == 20
    assert max(most) == 2


def test_who_waits_too_long_is_told_when_to_come_again_and_takes_no_slot() -> None:
    async def run() -> None:
        slots = Slots(1, 0.01)
        async with slots.taken():
            for _ in range(3):
                with pytest.raises(Problem) as caught:
                    async with slots.taken():
                        pytest.fail("the only slot was taken twice")
                assert caught.value.status == 503
                assert int(caught.value.headers["Retry-After"]) > 0
        async with slots.taken():
            pass

    asyncio.run(run())


def test_a_failure_frees_its_slot() -> None:
    async def run() -> None:
        slots = Slots(1, 0.01)
        for _ in range(2):
            with pytest.raises(ValueError, match="broken"):
                async with slots.taken():
                    raise ValueError("broken")

    asyncio.run(run())


@pytest.mark.slow
def test_no_slot_is_held_while_node_and_store_are_waited_for(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(world.document(f"https://id.gs1.org/01/{GTIN}/21/SLOT-2", step="inspecting"))
    event = {"@context": document["@context"], **document["epcisBody"]["eventList"][0]}
    services = world.services()
    app = create_app(services)
    slots = app.state.capture_slots = Slots(1, 0.01)
    accept, seen = services.capture.accept_attestation, []

    def accepting(read: ReadAttestation) -> Job:
        async def take() -> None:
            async with slots.taken():
                seen.append("free")

        asyncio.run_coroutine_threadsafe(take(), loop[0]).result(60)
        return accept(read)

    monkeypatch.setattr(services.capture, "accept_attestation", accepting)
    loop: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loop.append(asyncio.get_running_loop())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://seal") as client:
            answer = await client.post("/attestations", json=world.attestation_body(event, world.maker))
            assert answer.status_code == 202, answer.text

    asyncio.run(run())
    assert seen == ["free"]


@pytest.mark.slow
def test_captures_beyond_the_slots_are_refused_until_one_is_free(world: ApiWorld) -> None:
    document = world.document(f"https://id.gs1.org/01/{GTIN}/21/SLOT-1")
    headers = {"Content-Type": "application/json", **world.capture_headers(document, world.maker)}

    async def run() -> None:
        app = create_app(world.services())
        slots = app.state.capture_slots = Slots(1, 0.01)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://seal") as client:
            async with slots.taken():
                for path in ("/epcis/capture", "/attestations"):
                    answer = await client.post(path, content=document, headers=headers)
                    assert answer.status_code == 503
                    assert answer.json()["type"] == BASE + "not-ready"
                    assert int(answer.headers["Retry-After"]) > 0
            answer = await client.post("/epcis/capture", content=document, headers=headers)
            assert answer.status_code == 202, answer.text

    asyncio.run(run())
