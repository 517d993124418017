"""Mass issue: very many items by one root, proven and materialised one by one."""

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from chain.bindings import rights_registry
from chain.requests import MAX_SERIALS, Materialise
from tests.api.world import GTIN, ApiWorld, Client, serving

pytestmark = pytest.mark.slow

DEFAULT = 20_000
WIDE = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def wide(world: ApiWorld) -> Iterator[Client]:
    """The service with the body limit that it has by default."""
    with serving(replace(world.services(), max_body=WIDE)) as url:
        client = Client(url)
        yield client
        client.http.close()


def consumed(world: ApiWorld) -> int:
    rights = rights_registry.RightsRegistry(world.deployment.address("RightsRegistry"), world.rpc)
    return rights.licence_record(world.licence).consumed


@pytest.mark.parametrize("count", [DEFAULT, pytest.param(100_000, marks=pytest.mark.deep)])
def test_very_many_items_are_issued_by_one_root_and_each_is_proven(
    world: ApiWorld, wide: Client, count: int
) -> None:
    batch = secrets.token_hex(3)
    serials = [f"{batch}-{number:013d}" for number in range(count)]
    body = world.issue_body(*serials)
    before, memory = consumed(world), psutil.Process(os.getpid()).memory_info().rss
    begun = time.monotonic()
    assert wide.post("/items/issues", body, wait=30)["status"] == "mined"
    print(
        f"{count} items: {time.monotonic() - begun:.1f} s until mirrored, "
        f"{(psutil.Process(os.getpid()).memory_info().rss - memory) / 1e6:.0f} MB more in this process"
    )
    world.indexer.wait_for_block(world.rpc.block_number(), 120)
    assert consumed(world) - before == count
    assert wide.post("/items/issues", body)["status"] == "mined"  # the same request: the same operation
    assert consumed(world) - before == count
    for index in (0, 255, 256, count // 2, count - 1):
        path = f"/items/{GTIN}/{serials[index]}"
        report = wide.get(f"{path}/verification")
        assert report["verdict"] == "verified", [
            one for one in report["checks"] if one["status"] != "verified"
        ]
        assert f"item {index} of the issue of {count}" in str(report["checks"])
        page = wide.http.get(path, headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "This record is consistent" in page.text
        assert wide.get(path)["passport"] is None
        place = wide.get(f"{path}/issue")
        assert place["index"] == index
        assert len(place["proof"]) <= (count - 1).bit_length()
    last = f"/items/{GTIN}/{serials[-1]}"
    place = wide.get(f"{last}/issue")
    request = Materialise(
        issue_id=place["issueId"], index=place["index"], serial=place["serial"], proof=place["proof"]
    )
    assert wide.post("/items/materialisations", request)["status"] == "mined"
    assert wide.get(last)["passport"]["holder"]["gln"] == world.maker.gln
    assert wide.get(f"{last}/verification")["verdict"] == "verified"


def refused(world: ApiWorld, client: Client, serials: list[str], status: int = 400) -> dict[str, object]:
    """The problem of an issue of these serials; the signature is one of a single serial."""
    before = sorted(world.store.iterate())
    problem = client.post("/items/issues", world.issue_body("OK") | {"serials": serials}, status)
    assert sorted(world.store.iterate()) == before
    return problem


def test_serials_that_cannot_be_are_named_with_place_and_value(world: ApiWorld, wide: Client) -> None:
    many = [f"B{number}" for number in range(5_000)]
    twice = refused(world, wide, [*many, many[17]])
    assert twice["errors"] == [
        {"pointer": "/serials/5000", "detail": "serials/5000: 'B17' is given twice, first as serials/17"}
    ]
    wrong = refused(world, wide, [*many, "no space"])
    assert "/serials/5000" in str(wrong["detail"])
    assert "no space" in str(wrong["detail"])
    long = refused(world, wide, [*many, "x" * 21])
    assert [one["pointer"] for one in long["errors"]] == ["/serials/5000"]  # type: ignore[attr-defined]  # JSON
    assert "20" in str(long["detail"])


def test_too_many_serials_are_refused_with_the_bound(world: ApiWorld, wide: Client) -> None:
    too_many = refused(world, wide, ["S"] * (MAX_SERIALS + 1))
    assert str(MAX_SERIALS) in str(too_many["detail"])
    assert "/serials" in str(too_many["detail"])
    two_million = refused(world, wide, [f"{number:07d}" for number in range(2_000_000)], 413)
    assert two_million["limit"] == WIDE
