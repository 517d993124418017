"""The settlement contracts, deployed once a session; `restored` undoes what a test does to them."""

import pytest

from tests.contracts.harness import World
from tests.contracts.settlement.scene import Scene, build_scene


@pytest.fixture(scope="session")
def scene(world: World) -> Scene:
    """Ledger, escrow, token and a licence."""
    return build_scene(world)
