"""One deployment a session; every test starts from it and leaves no trace."""

import fcntl
import os
from collections.abc import Generator, Iterator

import pytest

from chain.compiler import compile_product, compile_test_contracts
from chain.toolchain import ROOT
from tests.contracts.evm import Evm
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import World, build_world

_gas = pytest.StashKey[GasSnapshot]()


@pytest.fixture(scope="session")
def artifacts() -> None:
    """Everything compiled as the sources say now, by one worker while the others wait.

    TRADESEAL_ARTIFACTS=present takes what was compiled last: for work on one contract while another is in
    pieces.
    """
    if os.environ.get("TRADESEAL_ARTIFACTS") == "present":
        return
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    with (cache / "compile.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        compile_product()
        compile_test_contracts()


@pytest.fixture(scope="session")
def evm(artifacts: None) -> Evm:
    """The session's chain."""
    return Evm()


@pytest.fixture(scope="session")
def world(evm: Evm) -> World:
    """Council, registries and members. Deploy what else a folder of tests needs in a session fixture, too."""
    return build_world(evm)


@pytest.fixture(autouse=True)
def restored(evm: Evm) -> Iterator[None]:
    """Undo after each test whatever it did to the chain, time included."""
    with evm.sandbox():
        yield


@pytest.fixture
def gas_snapshot(request: pytest.FixtureRequest) -> GasSnapshot:
    """`gas_snapshot.record("attest", receipt.gas)` is compared with gas_snapshot.json after the test."""
    snapshot: GasSnapshot = request.node.stash.setdefault(_gas, GasSnapshot())
    return snapshot


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """In the test itself, not in a teardown: a change of gas is a failure, not an error."""
    result = yield
    snapshot = pyfuncitem.stash.get(_gas, None)
    if snapshot is not None:
        snapshot.settle()
    return result
