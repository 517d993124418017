"""Fixtures shared by all rooms."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def conformance() -> Path:
    """Folder of public conformance documents; its tests do not run where a clone lacks it."""
    folder = Path(os.environ.get("TRADESEAL_CONFORMANCE") or ROOT.parent / "shared" / "data").resolve()
    if not folder.is_dir():
        pytest.skip("conformance data absent: set TRADESEAL_CONFORMANCE")
    return folder
