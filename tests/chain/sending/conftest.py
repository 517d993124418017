"""Fixtures of what sends: a real node, a real database, a real key."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

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
def engine(database_url: Callable[[str], str]) -> Iterator[Engine]:
    """A migrated outbox."""
    opened = open_engine(database_url("outbox"))
    upgrade_outbox(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def signer(monkeypatch: pytest.MonkeyPatch) -> EnvironmentSigner:
    """The rich test account's signer."""
    monkeypatch.setenv("TEST_KEY", KEY)
    return EnvironmentSigner("TEST_KEY")
