"""The installation's vault, as TRADESEAL_VAULT names it."""

from collections.abc import Iterator
from contextlib import contextmanager

from cli.failure import Exit, Failure
from cli.home import Home
from cli.settings import Settings
from vault.content import StoreUnavailable, Vault
from vault.location import LocationError, open_vault
from vault.store import LocalStore


@contextmanager
def opened_vault(settings: Settings, home: Home) -> Iterator[Vault]:
    """The vault: TRADESEAL_VAULT's stores, else the folder in the home. Raises Failure."""
    try:
        vault = _open(settings, home)
    except LocationError as error:
        raise Failure(f"TRADESEAL_VAULT: {error}", Exit.UNCHECKED) from None
    except StoreUnavailable as error:
        raise Failure(str(error), Exit.UNREACHABLE) from None
    try:
        yield vault
    finally:
        vault.close()


def _open(settings: Settings, home: Home) -> Vault:
    if settings.vault is None:
        return LocalStore(home.vault)
    secret = settings.ipfs_authorization
    return open_vault(
        settings.vault,
        home.root,
        acknowledge=settings.vault_acknowledge,
        ipfs_authorization=None if secret is None else secret.get_secret_value(),
    )
