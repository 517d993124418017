"""GS1 Digital Links: what a scanned code leads to."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from api.paths import item_path
from api.routes.relaying import problems
from api.wire import GtinPath, SerialPath

router = APIRouter(tags=["items"])


@router.get(
    "/01/{gtin}/21/{serial}",
    summary="Resolve a GS1 Digital Link",
    status_code=307,
    response_class=RedirectResponse,
    responses=problems(400) | {307: {"description": "To the item's page"}},
)
def resolve(gtin: GtinPath, serial: SerialPath) -> RedirectResponse:
    """Leads to the item's page, which says so where nothing is known of it."""
    return RedirectResponse(item_path(gtin, serial), 307)
