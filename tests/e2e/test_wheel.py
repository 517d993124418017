"""The wheel alone, away from the checkout and without Node, against an external JSON-RPC endpoint."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from chain import anvil
from tests.conftest import ROOT
from tests.e2e.service import until
from tests.processes import free_port


@pytest.mark.slow
def test_a_wheel_deploys_and_serves_without_node_or_checkout(tmp_path: Path) -> None:
    uv = shutil.which("uv") or str(ROOT / ".venv/bin/uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "-o", tmp_path / "dist", ROOT], check=True)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    subprocess.run([uv, "venv", "--quiet", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    exported = subprocess.run(
        [uv, "export", "--quiet", "--locked", "--no-dev", "--no-emit-project"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (tmp_path / "requirements.txt").write_text(exported)
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, "-r", tmp_path / "requirements.txt"], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)

    tradeseal = str(tmp_path / "venv/bin/tradeseal")
    environment = {
        "PATH": "/nowhere",
        "HOME": str(tmp_path),
        "TRADESEAL_HOME": str(tmp_path / "home"),
        "TRADESEAL_PORT": str(free_port()),
        "LANG": "C.UTF-8",
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [tradeseal, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    addresses = [json.loads(run("key", "new", name, "--json"))["address"] for name in ("relayer", "a", "b")]
    with anvil.start(tmp_path / "chain", accounts=addresses[:1]) as chain:
        environment["TRADESEAL_RPC_URL"] = chain.url
        run("deploy", "--seat", "a", "--seat", "b", "--threshold", "2")
        service = subprocess.Popen(
            [tradeseal, "up"],
            env=environment,
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        try:
            until(lambda: (tmp_path / "home/service.json").exists(), "the service's start")
            until(lambda: _answers(tradeseal, environment), "the service to answer")
            network = json.loads(run("network", "--json"))
            assert network["council"] == {"seats": addresses[1:], "threshold": 2}
            assert json.loads(run("audit", "--json"))["clean"] is True
        finally:
            service.terminate()
            service.wait(30)


def _answers(tradeseal: str, environment: dict[str, str]) -> bool:
    asked = subprocess.run(
        [tradeseal, "network"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return asked.returncode == os.EX_OK
