"""One command's settings, folder, service and signer: built here, passed down."""

import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cli.failure import Exit, Failure

if TYPE_CHECKING:
    from chain.codec import Domain, TypedMessage
    from chain.deployment import Deployment
    from chain.signers import Signer
    from cli.acts import Act
    from cli.client import ApiClient
    from cli.home import Home
    from cli.settings import Settings

SIGNED_FOR = 3600
"""Seconds for which a signature made here may be relayed."""


@dataclass(frozen=True)
class Member:
    """A member as the service describes it; `gln` is its party GLN as a number."""

    gln: int
    name: str
    country: str
    account: str


class Session:
    """What a command works with; everything is opened when it is first used."""

    @cached_property
    def settings(self) -> "Settings":
        """Settings from the environment."""
        from cli import settings

        try:
            return settings.load()
        except settings.SettingsError as error:
            raise Failure(str(error), Exit.UNCHECKED) from None

    @cached_property
    def home(self) -> "Home":
        """The installation's folder."""
        from cli.home import Home

        return Home(self.settings.home)

    @cached_property
    def api(self) -> "ApiClient":
        """The service."""
        from cli.client import ApiClient

        return ApiClient.of(self.settings, self.home)

    @property
    def rpc_url(self) -> str | None:
        """The node: TRADESEAL_RPC_URL, else the one of the service that runs in the home folder."""
        if self.settings.rpc_url is not None:
            return str(self.settings.rpc_url)
        return self.home.service_rpc_url() if self.settings.api_url is None else None

    @cached_property
    def network(self) -> "Deployment":
        """Addresses of the network that the service serves."""
        from chain.deployment import Deployment

        return Deployment.from_json(self.api.get("/network"))

    def token(self, currency: str) -> dict[str, Any]:
        """The service's record of a currency's token. Raises Failure where the network has none."""
        tokens: list[dict[str, Any]] = self.api.get("/tokens")["tokens"]
        for one in tokens:
            if one["currency"] == currency:
                return one
        known = ", ".join(str(one["currency"]) for one in tokens) or "none"
        raise Failure(f"currency {currency!r}: this network has no such token (there are: {known})")

    def signer(self, name: str) -> "Signer":
        """A local key by name."""
        from chain.signers import SignerError
        from cli.home import HomeError

        try:
            return self.home.signer(name)
        except (HomeError, SignerError) as error:
            raise Failure(str(error), Exit.UNCHECKED) from None

    def address_of(self, name: str) -> str:
        """Address of a local key, or the address itself if it is one."""
        from chain.codec import FieldError, address
        from chain.signers import SignerError
        from cli.home import HomeError

        try:
            return address("address", name) if name.startswith("0x") else self.home.key_address(name)
        except (HomeError, FieldError, SignerError) as error:
            raise Failure(str(error), Exit.UNCHECKED) from None

    def account_of(self, name: str) -> str:
        """Address of a local key or given as one, or the registered account of a GLN of 13 digits."""
        return self.member_of(name).account if name.isdigit() and len(name) == 13 else self.address_of(name)

    @property
    def public_url(self) -> str:
        """Where consumers reach the service: TRADESEAL_PUBLIC_URL, else what the service says of itself."""
        if self.settings.public_url is not None:
            return str(self.settings.public_url).rstrip("/")
        if self.settings.api_url is None and (service := self.home.read_service()) is not None:
            return str(service["publicUrl"])
        return self.api.base_url

    def sign(self, name: str, contract: str, message: "TypedMessage") -> tuple[str, bytes]:
        """(address, EIP-712 signature) of a local key over a message to one of the network's contracts."""
        return self.sign_domain(name, self.network.domain(contract), message)

    def sign_domain(self, name: str, domain: "Domain", message: "TypedMessage") -> tuple[str, bytes]:
        """As `sign`, under a given domain."""
        signer = self.signer(name)
        return signer.address, signer.sign_typed(message.typed_data(domain))

    def do(self, act: "Act") -> dict[str, Any]:
        """Post a request and wait for its operation to end. Raises Failure with the contract's own reason."""
        path, request = act
        return self.api.submit(path, request)

    def member_of(self, name: str) -> Member:
        """The member that a local key, or an address, or a GLN of 13 digits, stands for."""
        return self.member(self.api.get("/members"), name)

    def member(self, members: Any, name: str) -> Member:
        """As `member_of`, from members already asked for."""
        wanted = "" if name.isdigit() and len(name) == 13 else self.address_of(name)
        for one in members["members"]:
            keys = [key["address"] for key in one["keys"]]
            if one["gln"] == name or wanted in keys:
                return Member(int(one["gln"]), one["name"], one["country"], one["account"])
        raise Failure(f"{name}: acts for no member of this network")


def deadline(seconds: int = SIGNED_FOR) -> int:
    """Unix seconds until which a signature made now may be relayed."""
    return int(time.time()) + seconds


def salt() -> bytes:
    """32 random bytes that make a message unlike all others."""
    return secrets.token_bytes(32)
