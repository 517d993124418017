"""A node that lies, fails or is not there: each its own problem, and nothing half-written."""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from api.health import look
from chain.database import open_engine
from chain.requests import Request
from chain.rpc import Rpc
from indexer.run import Indexer
from tests.api.world import GTIN, ApiWorld, Client, serving, slug

pytestmark = pytest.mark.slow


class BadNode(ThreadingHTTPServer):
    """Answers every call with `answer`."""

    daemon_threads = True
    answer: bytes = b"<html>it works!</html>"
    status: int = 200


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        node = self.server
        assert isinstance(node, BadNode)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(node.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(node.answer)))
        self.end_headers()
        self.wfile.write(node.answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def node() -> Iterator[BadNode]:
    server = BadNode(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture(scope="module")
def beside(world: ApiWorld, node: BadNode) -> Iterator[Client]:
    """The same service, asking the bad node."""
    with (
        Rpc(f"http://127.0.0.1:{node.server_address[1]}", timeout=5) as rpc,
        serving(world.services(rpc)) as url,
    ):
        client = Client(url)
        yield client
        client.http.close()


NONSENSE = [
    b"<html>it works!</html>",
    b"",
    b"{}",
    b"null",
    b'{"jsonrpc": "2.0", "id": 1, "result": 12}',
    b'{"jsonrpc": "2.0", "id": 1, "result": "0xzz"}',
    b"[" * 100_000,
]


def count(world: ApiWorld) -> int:
    return len(world.sender.outbox.operations())


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda answer: repr(answer[:40]))
def test_nonsense_is_a_bad_gateway_and_queues_nothing(
    world: ApiWorld, node: BadNode, beside: Client, answer: bytes
) -> None:
    before = count(world)
    node.status, node.answer = 200, answer
    problem = beside.post("/tokens/mints", world.mint(1), 502)
    assert slug(problem) == "node-nonsense"
    document = world.document(f"https://id.gs1.org/01/{GTIN}/21/NT-1")
    headers = world.capture_headers(document, world.maker)
    assert slug(beside.post("/epcis/capture", document, 502, headers=headers)) == "node-nonsense"
    assert slug(beside.get("/tokens", 502)) == "node-nonsense"
    assert count(world) == before


def test_an_absent_node_is_unavailable_and_its_address_is_not_told(world: ApiWorld, api: Client) -> None:
    before = count(world)
    with Rpc("http://user:secret@127.0.0.1:9", timeout=5) as rpc, serving(world.services(rpc)) as url:
        beside = Client(url)
        request: Request = world.mint(77)
        problem = beside.post("/tokens/mints", request, 503)
        assert slug(problem) == "node-unreachable"
        assert "secret" not in json.dumps(problem)
        assert beside.get("/members")["members"]
        health = beside.get("/health", 503)
        assert health["status"] == "failing"
        assert health["node"]["ok"] is False
        beside.http.close()
    assert count(world) == before
    assert api.post("/tokens/mints", request)["status"] == "mined"


def test_an_item_is_shown_while_the_node_is_away_and_called_unchecked(
    world: ApiWorld, api: Client, node: BadNode, beside: Client
) -> None:
    serial = f"NT-{secrets.token_hex(4)}"
    document = world.document(f"https://id.gs1.org/01/{GTIN}/21/{serial}")
    api.post("/epcis/capture", document, headers=world.capture_headers(document, world.maker))
    node.status = 503
    record = beside.get(f"/items/{GTIN}/{serial}")
    assert record["status"]["verdict"] == "unchecked"
    page = beside.http.get(f"/items/{GTIN}/{serial}", headers={"Accept": "text/html"}).text
    assert "Not everything could be checked" in page


def test_health_is_of_every_part(world: ApiWorld, api: Client) -> None:
    health = api.get("/health")
    assert health["status"] == "ok"
    assert set(health) == {"status", "node", "workers", "sender", "mirror", "vault"}
    assert health["mirror"]["lagSeconds"] == 0


def test_lag_counts_from_the_first_block_that_is_missing(world: ApiWorld, tmp_path: Path) -> None:
    mirror = open_engine(f"sqlite:///{tmp_path / 'mirror.db'}")
    until = world.deployment.first_block + 3
    indexer = Indexer(
        mirror,
        world.rpc,
        world.deployment.all_addresses(),
        world.store,
        start_block=world.deployment.first_block,
    )
    indexer.run_once(until)
    missing = world.rpc.get_block(until + 1)
    assert missing is not None
    health = look(replace(world.services(), mirror=mirror, indexer=indexer))["mirror"]
    mirror.dispose()
    assert health["lagBlocks"] == world.rpc.block_number() - until
    assert abs(time.time() - missing.timestamp - health["lagSeconds"]) < 5


def test_a_dead_worker_fails_health(world: ApiWorld) -> None:
    dead = threading.Thread(target=lambda: None)
    dead.start()
    dead.join()
    with serving(world.services(workers={"keeper": dead})) as url:
        client = Client(url)
        health = client.get("/health", 503)
        client.http.close()
    assert health["workers"] == {"ok": False, "alive": {"keeper": False}}
