"""What people open in a browser beside items: the entrance, the description of the API, the style sheet."""

from fastapi import APIRouter, Request, Response

from api.page import asset, render_docs, render_home
from api.problems import not_found

router = APIRouter(include_in_schema=False)


@router.get("/")
def show_home(request: Request) -> Response:
    """Where to go from here."""
    return render_home()


@router.get("/docs")
def show_docs(request: Request) -> Response:
    """The API described for people."""
    return render_docs(request.app.openapi())


@router.get("/assets/{name}")
def show_asset(name: str) -> Response:
    """The pages' style sheet and icon."""
    found = asset(name)
    if found is None:
        raise not_found("asset", name)
    return found
