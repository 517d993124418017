"""Fixtures of the indexer's tests: a mirror on SQLite or PostgreSQL, a vault folder, a real chain."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chain.database import open_engine
from indexer import schema
from tests.indexer.devchain import DevChain
from vault.store import LocalStore


@pytest.fixture
def engine(database_url: Callable[[str], str]) -> Iterator[Engine]:
    """An empty database."""
    opened = open_engine(database_url("mirror"), synchronous="NORMAL")
    yield opened
    opened.dispose()


@pytest.fixture
def fresh(database_url: Callable[[str], str]) -> Iterator[Engine]:
    """Another empty database of the same kind."""
    opened = open_engine(database_url("fresh"), synchronous="NORMAL")
    yield opened
    opened.dispose()


@pytest.fixture
def migrated(engine: Engine) -> Engine:
    """A database with the mirror's empty tables."""
    schema.migrate(engine)
    return engine


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """An empty vault."""
    return LocalStore(tmp_path / "vault")


@pytest.fixture(scope="session")
def shared_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevChain]:
    """One chain for all tests that bring contracts of their own."""
    with DevChain(tmp_path_factory.mktemp("chain")) as running:
        yield running


@pytest.fixture
def chain(shared_chain: DevChain) -> DevChain:
    """A running chain; other tests may have used it before."""
    return shared_chain


@pytest.fixture
def own_chain(tmp_path: Path) -> Iterator[DevChain]:
    """A fresh chain that may be stopped."""
    with DevChain(tmp_path / "chain") as running:
        yield running
