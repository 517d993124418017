"""Fixtures of what sends: a real node, a real database, a real key."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from chain.database import open_engine
from chain.migrations import upgrade_outbox
from chain.signers import EnvironmentSigner
from tests.chain.sending.anvil_node import KEY, AnvilNode


@pytest.fixture
def node() -> Iterator[AnvilNode]:
    """An Anvil that mines each transaction as it comes."""
    anvil = AnvilNode()
    try:
        yield anvil.start()
    finally:
        anvil.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A migrated outbox: on SQLite, or on the PostgreSQL server in TRADESEAL_TEST_POSTGRESQL."""
    server = os.environ.get("TRADESEAL_TEST_POSTGRESQL")
    url = make_url(server) if server else make_url(f"sqlite:///{tmp_path / 'outbox.db'}")
    if server:
        url = url.set(database=f"outbox_{secrets.token_hex(6)}")
        admin = open_engine(server)
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {url.database}"))
        admin.dispose()
    opened = open_engine(url.render_as_string(hide_password=False))
    upgrade_outbox(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def signer(monkeypatch: pytest.MonkeyPatch) -> EnvironmentSigner:
    """The rich test account's signer."""
    monkeypatch.setenv("TEST_KEY", KEY)
    return EnvironmentSigner("TEST_KEY")
