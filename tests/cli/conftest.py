"""A home of its own for every test, and no setting of the machine that runs it."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, named by the environment."""
    for name in [name for name in os.environ if name.startswith("TRADESEAL_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("TRADESEAL_HOME", str(folder))
    return folder
