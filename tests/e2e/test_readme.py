"""The README's own commands as they stand: an own EPCIS file becomes a verified page and a paid escrow."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.e2e.service import Service, until


def blocks(text: str) -> list[str]:
    """The shell blocks of a Markdown text."""
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_readmes_commands_do_what_it_says(tmp_path: Path) -> None:
    service = Service(tmp_path / "home")
    service.start()
    try:
        until(lambda: (service.home / "service.json").exists(), "the service's first start")
        work = tmp_path / "work"
        work.mkdir()
        binaries = Path(sys.executable).parent
        environment = {**service.environment, "PATH": f"{binaries}:{service.environment['PATH']}"}

        def run(script: str) -> str:
            done = subprocess.run(
                ["bash", "-eu", "-o", "pipefail", "-c", script],
                cwd=work,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            return done.stdout

        run("tradeseal demo")  # a service runs: the story is told through it
        found = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
        assert len(found) == 2
        run("\n".join(found))
        order = json.loads(run("tradeseal escrow show order.json --json"))
        assert (order["status"], order["outcome"]) == ("closed", "delivered")
        page = httpx.get(
            f"{service.record()['url']}/01/09521234000174/21/MY-1",
            headers={"Accept": "text/html"},
            follow_redirects=True,
        )
        assert page.status_code == 200
        assert "This record is consistent" in page.text
        again = json.loads(run("tradeseal demo >/dev/null && tradeseal escrow list --json"))
        assert len(again["orders"]) == 2, "the story told again did something twice"
    finally:
        service.stop()
