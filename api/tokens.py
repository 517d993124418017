"""What amounts mean: the tokens of a network, asked of their contracts once."""

from dataclasses import dataclass
from threading import Lock

from api.wire import Money
from chain.bindings.fiat_token import FiatToken
from chain.deployment import Deployment
from chain.rpc import Rpc


@dataclass(frozen=True, slots=True)
class Token:
    """A fiat token; what is here never changes."""

    address: str
    name: str
    symbol: str
    currency: str
    decimals: int
    issuer: str
    """GLN"""

    def money(self, amount: int) -> Money:
        """An amount in minor units."""
        return Money(amount=str(amount), currency=self.currency, decimals=self.decimals)


class Tokens:
    """The tokens that a deployment names. Threads may share it."""

    def __init__(self, deployment: Deployment, rpc: Rpc) -> None:
        self._deployment = deployment
        self._rpc = rpc
        self._known: dict[str, Token] = {}
        self._lock = Lock()

    def all(self) -> list[Token]:
        """Every token of the network. Raises ChainError where the node cannot be asked."""
        return [self._of(address) for address in self._deployment.tokens.values()]

    def by_currency(self, currency: str) -> Token | None:
        """The token of an ISO 4217 code."""
        address = self._deployment.tokens.get(currency)
        return None if address is None else self._of(address)

    def by_address(self, address: str) -> Token | None:
        """A token of this network by its address; None for any other contract."""
        known = {one.lower(): one for one in self._deployment.tokens.values()}
        found = known.get(address.lower())
        return None if found is None else self._of(found)

    def _of(self, address: str) -> Token:
        with self._lock:
            if address not in self._known:
                contract = FiatToken(address, self._rpc)
                self._known[address] = Token(
                    address=address,
                    name=contract.name(),
                    symbol=contract.symbol(),
                    currency=contract.currency(),
                    decimals=contract.decimals(),
                    issuer=f"{contract.issuer():013d}",
                )
            return self._known[address]

    def money(self, address: str, amount: int) -> Money:
        """An amount of whichever token; one that is not of this network has no currency that we vouch for."""
        token = self.by_address(address)
        return Money(amount=str(amount), currency="", decimals=0) if token is None else token.money(amount)
