"""Who signs: secp256k1 keys that make EIP-712 signatures and Ethereum transactions.

A key is read once and stays inside its signer: no repr, error, log or pickle shows it.
"""

import getpass
import json
import logging
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

_MODE: Final = 0o600
_log = logging.getLogger(__name__)


class SignerError(Exception):
    """A key that cannot be had or used; the message never holds it."""


class WrongPassword(SignerError):
    """The password does not open the keystore."""


class Signer(Protocol):
    """Something that signs for one address, whose key may be anywhere."""

    @property
    def address(self) -> str:
        """The signer's address with the EIP-55 checksum."""

    def sign_typed(self, typed_data: dict[str, Any]) -> bytes:
        """EIP-712 signature: r, s (low), v (27 or 28), 65 bytes.

        `typed_data` holds `types`, `primaryType`, `domain` and `message`, as `eth_signTypedData_v4` takes it.
        """

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """The transaction as it is sent to a node (EIP-2718); fields as `eth_signTransaction` names them."""


class _LocalSigner:
    """Signs with a key in this process's memory."""

    __slots__ = ("_account",)

    def __init__(self, account: "LocalAccount") -> None:
        self._account = account

    @property
    def address(self) -> str:
        return str(self._account.address)

    def sign_typed(self, typed_data: dict[str, Any]) -> bytes:
        from eth_account.messages import encode_typed_data

        return bytes(self._account.sign_message(encode_typed_data(full_message=typed_data)).signature)

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        return bytes(self._account.sign_transaction(transaction).raw_transaction)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address})"

    def __reduce__(self) -> NoReturn:
        raise SignerError(f"signer {self.address}: a key is not copied out of its process")


class KeystoreSigner(_LocalSigner):
    """Signs with the key of an encrypted keystore file (Web3 Secret Storage, version 3).

    Raises SignerError where the file is missing, open to others than its owner, or no keystore;
    WrongPassword where the password is wrong. Opening takes about a second: that is scrypt's purpose.
    """

    __slots__ = ("path",)

    def __init__(self, path: Path, password: str) -> None:
        from eth_account import Account

        self.path = path
        content = _read_private(path, "keystore")
        try:
            keystore = json.loads(content)
            version = keystore["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise SignerError(f"keystore {path}: is not a version 3 keystore") from error
        if version != 3:
            raise SignerError(f"keystore {path}: version is {version!r} instead of 3")
        try:
            account = Account.from_key(Account.decrypt(keystore, password))
        except ValueError as error:
            if "MAC" in str(error):
                raise WrongPassword(f"keystore {path}: the password is wrong") from None
            raise SignerError(f"keystore {path}: is damaged") from None
        except (KeyError, TypeError, NotImplementedError):
            raise SignerError(f"keystore {path}: is damaged") from None
        super().__init__(account)


class EnvironmentSigner(_LocalSigner):
    """Signs with the hexadecimal key in an environment variable: for development only, and says so.

    Raises SignerError where the variable is missing or holds no key.
    """

    __slots__ = ("variable",)

    def __init__(self, variable: str = "TRADESEAL_PRIVATE_KEY") -> None:
        from eth_account import Account

        self.variable = variable
        text = os.environ.get(variable)
        if not text:
            raise SignerError(f"environment variable {variable}: holds no private key")
        try:
            account = Account.from_key(bytes.fromhex(text.strip().removeprefix("0x")))
        except Exception:  # whatever it says could quote the key
            raise SignerError(f"environment variable {variable}: is not a 32-byte hexadecimal key") from None
        super().__init__(account)
        _log.warning(
            "key of %s comes from environment variable %s: for development only", self.address, variable
        )


def create_keystore(
    path: Path, password: str, *, private_key: bytes | None = None, iterations: int | None = None
) -> str:
    """Write a new encrypted keystore (version 3, scrypt), readable by its owner only; gives its address.

    A fresh random key unless one is given. `iterations` is scrypt's N (262,144 by default). Raises
    SignerError where the file exists or the password is empty: a key is never overwritten.
    """
    from eth_account import Account

    if not password:
        raise SignerError(f"keystore {path}: the password is empty")
    try:
        account = Account.from_key(private_key or secrets.token_bytes(32))
    except Exception:  # whatever it says could quote the key
        raise SignerError(f"keystore {path}: the given key is not a secp256k1 key") from None
    content = json.dumps(Account.encrypt(account.key, password, kdf="scrypt", iterations=iterations))
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # unlike a rename, it refuses to replace a file
    except FileExistsError:
        raise SignerError(f"keystore {path}: exists already") from None
    finally:
        part.unlink()
    return str(account.address)


def read_password(
    purpose: str, *, variable: str | None = None, path: Path | None = None, prompt: bool = True
) -> str:
    """A keystore's password: from a file (its first line), else from an environment variable, else asked.

    Raises SignerError where none of them gives one.
    """
    if path is not None:
        lines = _read_private(path, "password file").splitlines()
        if not lines or not lines[0]:
            raise SignerError(f"password file {path}: is empty")
        return lines[0]
    if variable is not None and (password := os.environ.get(variable)):
        return password
    if prompt and (password := getpass.getpass(f"Password of {purpose}: ")):
        return password
    raise SignerError(f"no password for {purpose}")


def _read_private(path: Path, what: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise SignerError(
                    f"{what} {path}: mode is {mode:04o}, others than its owner can use it (0600)"
                )
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise SignerError(f"{what} {path}: {reason}") from error
