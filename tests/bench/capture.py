"""`scripts/bench capture`: REST to final, on the embedded chain with PostgreSQL, the signing client included.

Gateway, service, PostgreSQL, Anvil and the client that feeds share this machine. An event is final when its
batch's anchor is in a mined block and the mirror has its body.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import Engine, text

from chain.database import open_engine
from epcis.gs1 import check_digit
from epcis.sealed import Sealed
from evidence.documents import read_document
from tests.bench.capture_setting import Setting, running
from tests.bench.measurement import Measurement, show
from tests.evidence import documents as docs

GOAL_EVENTS: Final = 1_000.0
"""events a second"""
GOAL_SECONDS: Final = 3.0
"""p95 from the request to final"""
GOAL_GROWTH: Final = 16.0
"""MiB for 100,000 events: what allocators keep, not what events need"""
_PHASES: Final = ("warm", "full", "load")
_FEEDERS: Final = 4
_SETTLES_WITHIN: Final = 900.0
CASES: Final = ("object", "aggregation")


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench capture", description=__doc__)
    parser.add_argument("--events", type=int, default=30_000, help="of each case")
    parser.add_argument("--batch", type=int, default=100, help="events of one request")
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--seconds", type=float, default=30.0, help="of the fixed load")
    parser.add_argument("--load", type=float, default=0.8, help="share of the measured capacity")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tradeseal-bench-") as folder:
        for case in chosen.case or CASES:
            below = Path(folder) / case
            below.mkdir()
            with running(below) as setting:
                _measure(setting, case, chosen)


def _measure(setting: Setting, case: str, chosen: argparse.Namespace) -> None:
    mirror = open_engine(setting.database_url)
    try:
        with httpx.Client(base_url=setting.gateway_url, timeout=120, trust_env=False) as client:
            _feed(client, _documents(case, "warm", 0, 2_000, chosen.batch))
            _until_final(mirror, 2_000)
            used, started = setting.cpu_seconds(), time.monotonic()
            growth = _grown(setting, client, mirror, case, chosen)
            took = time.monotonic() - started
            _say_cpu(case, used, setting.cpu_seconds(), chosen.events, took)
            rate = chosen.events / took
            _show("events/s", rate, GOAL_EVENTS, case)
            for name, mib in growth.items():
                _show(f"MiB of {name} per 100,000 events", max(mib, 0.01), GOAL_GROWTH, case, less=True)
            load = min(rate, GOAL_EVENTS / chosen.load) * chosen.load
            seconds = _latencies(client, mirror, case, load, chosen.seconds)
            p95 = statistics.quantiles(seconds, n=20)[-1]
            _show(f"s, p95 capture to final at {load:.0f} events/s", p95, GOAL_SECONDS, case, less=True)
    finally:
        mirror.dispose()


def _grown(
    setting: Setting, client: httpx.Client, mirror: Engine, case: str, chosen: argparse.Namespace
) -> dict[str, float]:
    """Feed all events until they are final. Gives the MiB by which each process grew in the last three
    quarters, for 100,000 events: buffers and caches of a size that work needs are there by then."""
    quarter = chosen.events // 4
    _feed(client, _documents(case, "full", 0, quarter, chosen.batch))
    _until_final(mirror, 2_000 + quarter)
    before = setting.rss_mib()
    _feed(client, _documents(case, "full", quarter, chosen.events, chosen.batch))
    _until_final(mirror, 2_000 + chosen.events)
    share = 100_000 / (chosen.events - quarter)
    return {name: (mib - before[name]) * share for name, mib in setting.rss_mib().items()}


def _show(unit: str, ours: float, goal: float, case: str, less: bool = False) -> None:
    show(Measurement("capture", ours, goal, unit, None, None, case, less_is_better=less))


def _say_cpu(
    case: str, before: dict[str, float], after: dict[str, float], events: int, seconds: float
) -> None:
    """For whoever looks for what to make faster."""
    spent = {name: (after[name] - before[name]) / events * 1e6 for name in after}
    each = ", ".join(f"{name} {used:.0f}" for name, used in spent.items())
    print(f"{case}: CPU in µs an event: {each}; {seconds:.1f} s", file=sys.stderr, flush=True)


# -- feeding ---------------------------------------------------------------------------------------------


def _events(case: str, name: str, first: int, count: int) -> Iterator[dict[str, Any]]:
    for number in range(first, first + count):
        serial = f"{name}-{number}"
        if case == "object":
            yield docs.commissioning(serial)
        else:
            # 10 items into a logistic unit of their own
            body = f"3950600{_PHASES.index(name)}{number:09d}"
            unit = f"https://id.gs1.org/00/{body}{_check_digit(body)}"
            yield docs.packing(*[f"{serial}-{one}" for one in range(10)], sscc=unit)


def _check_digit(digits: str) -> str:
    return str(check_digit(digits))


def _documents(case: str, name: str, first: int, end: int, size: int) -> Iterator[bytes]:
    """Events `first` to `end` of a phase, `size` to a document."""
    for start in range(first, end, size):
        yield docs.document(*_events(case, name, start, min(size, end - start)))


def _feed(client: httpx.Client, bodies: Iterable[bytes]) -> None:
    """At full speed: as fast as the gateway acknowledges."""
    left = iter(bodies)
    with ThreadPoolExecutor(_FEEDERS) as pool:
        while some := list(islice(left, 64)):
            list(pool.map(lambda body: _post(client, body), some))


def _post(client: httpx.Client, body: bytes) -> None:
    while True:
        answer = client.post("/epcis/capture", content=body, headers={"Content-Type": "application/json"})
        if answer.status_code != 503:
            break
        time.sleep(float(answer.headers.get("Retry-After", "1")))
    if answer.status_code != 202:
        raise RuntimeError(f"the gateway answered {answer.status_code}: {answer.text[:500]}")


def _until_final(mirror: Engine, count: int) -> None:
    deadline = time.monotonic() + _SETTLES_WITHIN
    query = text("SELECT count(*) FROM sealed_event WHERE state = 'present'")
    while True:
        with mirror.connect() as connection:
            found = connection.execute(query).scalar_one()
        if found >= count:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{found} of {count} events are final after {_SETTLES_WITHIN:.0f} s")
        time.sleep(0.1)


# -- latency at a fixed load -----------------------------------------------------------------------------


def _latencies(client: httpx.Client, mirror: Engine, case: str, load: float, seconds: float) -> list[float]:
    """Seconds from a request to its last event being final; requests come at their times whatever happens."""
    size = 20
    bodies = list(_documents(case, "load", 0, int(load * seconds) // size * size, size))
    marks = [_last(read_document(body)) for body in bodies]
    sent: dict[str, float] = {}
    done: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        query = text("SELECT seal_id FROM sealed_event WHERE state = 'present' AND seal_id = ANY(:ids)")
        deadline = time.monotonic() + _SETTLES_WITHIN
        while time.monotonic() < deadline and not (ended.is_set() and not sent):
            open_ = list(sent)
            if open_:
                with mirror.connect() as connection:
                    found = connection.execute(query, {"ids": open_}).scalars().all()
                now = time.monotonic()
                done.extend(now - sent.pop(one) for one in found)
            time.sleep(0.03)

    posted: list[Future[None]] = []
    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.monotonic()
    with ThreadPoolExecutor(2 * _FEEDERS) as pool:
        for place, (body, mark) in enumerate(zip(bodies, marks, strict=True)):
            due = start + place * size / load
            time.sleep(max(0.0, due - time.monotonic()))
            sent[mark] = due  # when it was due: a client that falls behind does not make us faster
            posted.append(pool.submit(_post, client, body))
    ended.set()
    watcher.join()
    for one in posted:
        one.result()  # what a request failed with is why it is not final
    if len(done) < len(marks):
        raise RuntimeError(f"{len(marks) - len(done)} requests were not final in time")
    return done


def _last(events: Sequence[Sealed]) -> str:
    return "0x" + events[-1].seal_id.hex()
