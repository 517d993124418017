"""A whole network of its own for attackers, deployed once a session."""

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import Contract
from tests.contracts.harness import YEAR, World
from tests.contracts.settlement.scene import AMOUNT, TOKEN_NAME, Scene

LABEL = "attacks"


@pytest.fixture(scope="session")
def scene(world: World) -> Scene:
    """Ledger, escrow, token, and a licence; the buyer's account has ten times the usual amount."""
    evm = world.evm
    ledger = evm.deploy("EventLedger", world.registry, label=LABEL)
    escrow = evm.deploy("Escrow", world.registry, world.rights, ledger, label=LABEL)
    issuer = world.issuer.gln
    token = evm.deploy("FiatToken", TOKEN_NAME, "EXEUR", "EUR", 2, issuer, world.registry, label=LABEL)
    licence = world.grant_licence(validUntil=world.now + 2 * YEAR, salt=keccak(text=LABEL))
    scene = Scene(world, ledger, escrow, token, licence)
    scene.mint(scene.buyer_account.address, 10 * AMOUNT, "first payment")
    return scene


@pytest.fixture(scope="session")
def passport(world: World) -> Contract:
    """Product passports that may use up licences."""
    deployed = world.evm.deploy("ProductPassport", world.registry, world.rights, label=LABEL)
    world.allow_consume(deployed)
    return deployed
