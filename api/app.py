"""The HTTP application: routes, limits, problems, and the description of it all."""

from fastapi import Depends, FastAPI

from api import openapi, problems
from api.limits import BodyLimit, EncodedPaths, HeadRequests, SecurityHeaders, Slots
from api.routes import register
from api.routes.relaying import only_known_parameters
from api.services import Services
from api.tokens import Tokens

_DESCRIPTION = """\
Sealed EPCIS events, passports, escrows and rights of one TradeSeal installation. Every write carries what
members signed; the service relays it and holds no member's key. Errors are RFC 9457 problems."""


def create_app(services: Services) -> FastAPI:
    """The application over services that somebody else started and will stop."""
    app = FastAPI(
        title="TradeSeal",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(only_known_parameters)],
    )
    app.state.services = services
    app.state.tokens = Tokens(services.deployment, services.rpc)
    app.state.capture_slots = Slots()
    problems.install(app)
    register(app)
    openapi.install(app)
    app.add_middleware(BodyLimit, limit=services.max_body)
    app.add_middleware(EncodedPaths)
    app.add_middleware(HeadRequests)
    app.add_middleware(SecurityHeaders)
    return app
