"""`/tokens`: fiat-pegged tokens, their supply and balances."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from api.problems import not_found
from api.routes.relaying import Use, add_relay, problems
from api.tokens import Token, Tokens
from api.wire import Account, Answer, Currency, Money
from chain.bindings.fiat_token import FiatToken
from chain.requests import BurnTokens, MintTokens

router = APIRouter(prefix="/tokens", tags=["tokens"])


class TokenAnswer(Answer):
    """A token: one unit of its currency is 10^decimals minor units. `issuer` is a GLN."""

    currency: str
    address: str
    name: str
    symbol: str
    decimals: int
    issuer: str
    total_supply: Money


class TokensAnswer(Answer):
    """Every token of the network."""

    tokens: list[TokenAnswer]


class BalanceAnswer(Answer):
    """What an account holds now."""

    currency: str
    token: str
    account: str
    balance: Money


def tokens_of(request: Request) -> Tokens:
    """The application's tokens."""
    found: Tokens = request.app.state.tokens
    return found


@router.get("", summary="Tokens of the network", response_model=TokensAnswer, responses=problems(502, 503))
def list_tokens(request: Request, services: Use) -> TokensAnswer:
    """Each currency's token with its issuer and supply."""

    def answer(token: Token) -> TokenAnswer:
        supply = FiatToken(token.address, services.rpc).total_supply()
        return TokenAnswer(
            currency=token.currency,
            address=token.address,
            name=token.name,
            symbol=token.symbol,
            decimals=token.decimals,
            issuer=token.issuer,
            total_supply=token.money(supply),
        )

    return TokensAnswer(tokens=[answer(one) for one in tokens_of(request).all()])


@router.get(
    "/{currency}/balances/{account}",
    summary="Balance of an account",
    response_model=BalanceAnswer,
    responses=problems(400, 404, 502, 503),
)
def show_balance(
    request: Request,
    services: Use,
    currency: Annotated[Currency, Path(description="ISO 4217 code")],
    account: Annotated[Account, Path(description="account of the chain")],
) -> BalanceAnswer:
    """What an account holds of a currency's token."""
    token = tokens_of(request).by_currency(currency)
    if token is None:
        raise not_found("token", currency)
    balance = FiatToken(token.address, services.rpc).balance_of(account)
    return BalanceAnswer(
        currency=currency, token=token.address, account=account, balance=token.money(balance)
    )


add_relay(router, "/mints", MintTokens, "Mint against a payment")
add_relay(router, "/burns", BurnTokens, "Burn tokens of the issuer")
