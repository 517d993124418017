"""A real `tradeseal up` on a temporary home, and a consortium set up with the commands."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from cli.home import Home
from epcis.gs1 import check_digit
from tests.cli.program import Outcome, tradeseal

_START_SECONDS = 120.0
COUNCIL = ("--as", "council-1", "--as", "council-2", "--execute")
GTIN = "09506000134352"
BANK = "9521307000018"
"""issuer of the embedded network's token"""


def gln(number: int) -> str:
    """A GLN whose company prefix is that of the tests' GTIN."""
    body = f"9506000{number:05d}"
    return f"{body}{check_digit(body)}"


BRAND, MAKER, CARRIER, BUYER, ARBITER = (gln(number) for number in range(1, 6))
CUSTOMS = {"customs-de": (gln(6), "DE"), "customs-ch": (gln(7), "CH")}


@contextmanager
def running(home: Path) -> Iterator[dict[str, Any]]:
    """`tradeseal up` in a process of its own, from the moment it is healthy; ended by SIGTERM."""
    log = home.with_suffix(".log")
    environment = os.environ | {"TRADESEAL_HOME": str(home), "TRADESEAL_PORT": "0"}
    Home(home).service_file.unlink(missing_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", "from cli.main import run; run()", "up"],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield _healthy(process, home, log)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) is not None


def _healthy(process: "subprocess.Popen[bytes]", home: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        service = Home(home).read_service()
        if service is not None:
            try:
                if httpx.get(f"{service['url']}/health", timeout=5, trust_env=False).status_code == 200:
                    return service
            except httpx.HTTPError:
                pass  # not yet
        time.sleep(0.1)


def ok(*arguments: str) -> Any:
    """JSON of a command that must succeed."""
    found = tradeseal(*arguments, "--json")
    assert found.code == 0, f"{arguments}: {found.err}{found.out}"
    return found.data


def refused(*arguments: str, code: int = 1) -> Outcome:
    """What a command said that must fail, in one JSON document and without a trace."""
    found = tradeseal(*arguments, "--json")
    assert found.code == code, f"{arguments}: {found.err}{found.out}"
    assert "Traceback" not in found.err
    return found


def set_up() -> str:
    """Members, prefix, mark and a licence of 100 items for DE; gives the licence's id."""
    members = {
        "brand": (BRAND, "DE", ["BRAND_OWNER"]),
        "maker": (MAKER, "DE", ["MAKER", "trader"]),
        "carrier": (CARRIER, "DE", ["CARRIER", "ORACLE"]),
        "buyer": (BUYER, "DE", ["TRADER"]),
        "arbiter": (ARBITER, "CH", ["ARBITER", "ORACLE"]),
        "bank": (BANK, "DE", ["TOKEN_ISSUER"]),
        **{name: (number, country, ["CUSTOMS"]) for name, (number, country) in CUSTOMS.items()},
    }
    for name, (number, country, roles) in members.items():
        ok("key", "new", name)
        given = [word for role in roles for word in ("--role", role)]
        ok(
            *("council", "propose", "admit", number, "--name", f"The {name}", "--country", country),
            *(*given, "--key", name, *COUNCIL),
        )
    ok("council", "propose", "prefix", "9506000", "--owner", BRAND, *COUNCIL)
    mark = "0x" + "3a" * 32
    ok(
        *("council", "propose", "mark", "ALPINE", "--owner", BRAND, "--territory", "DE", "--nice", "25"),
        *("--valid-until", "2036-01-01T00:00:00Z", "--mark", mark, *COUNCIL),
    )
    terms = ("--gtin", GTIN, "--territory", "DE", "--quantity", "100")
    licence = ok("rights", "grant", MAKER, "--mark", mark, *terms, "--as", "brand")
    return str(licence["licence"])
