"""Fixtures shared by all rooms."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgresql import PostgresServer

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def conformance() -> Path:
    """Folder of public conformance documents; its tests do not run where a clone lacks it."""
    folder = Path(os.environ.get("TRADESEAL_CONFORMANCE") or ROOT.parent / "shared" / "data").resolve()
    if not folder.is_dir():
        pytest.skip("conformance data absent: set TRADESEAL_CONFORMANCE")
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """One server for all tests of this process; each takes a fresh database of it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Gives the URL of an empty database by a name: the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return lambda name: f"sqlite:///{tmp_path / name}.db"
    server: PostgresServer = request.getfixturevalue("postgresql")
    urls: dict[str, str] = {}

    def url(name: str) -> str:
        if name not in urls:
            urls[name] = server.fresh_database()
        return urls[name]

    return url
