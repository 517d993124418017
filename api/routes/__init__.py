"""The routes, one module per noun."""

from fastapi import FastAPI

from api.routes import (
    attestations,
    council,
    epcis,
    escrows,
    items,
    links,
    members,
    network,
    oracle,
    pages,
    rights,
    route,
    tokens,
)

_MODULES = (
    epcis,
    attestations,
    items,
    route,
    links,
    escrows,
    tokens,
    rights,
    members,
    council,
    oracle,
    network,
    pages,
)


def register(app: FastAPI) -> None:
    """Add every route."""
    for module in _MODULES:
        app.include_router(module.router)
