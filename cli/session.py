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

    @cached_property
    def network(self) -> "Deployment":
        """Addresses of the network that the service serves."""
        from chain.deployment import Deployment

        return Deployment.from_json(self.api.get("/network"))

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
        from cli.home import HomeError

        try:
            return address("address", name) if name.startswith("0x") else self.home.key_address(name)
        except (HomeError, FieldError) as error:
            raise Failure(str(error), Exit.UNCHECKED) from None

    def sign(self, name: str, contract: str, message: "TypedMessage") -> tuple[str, bytes]:
        """(address, EIP-712 signature) of a local key over a message to one of the network's contracts."""
        return self.sign_domain(name, self.network.domain(contract), message)

    def sign_domain(self, name: str, domain: "Domain", message: "TypedMessage") -> tuple[str, bytes]:
        """As `sign`, under a given domain."""
        signer = self.signer(name)
        return signer.address, signer.sign_typed(message.typed_data(domain))

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
