"""Pages for people: rendered on the server, one style sheet of our own, no script, nothing from elsewhere."""

from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.item_record import ItemRecord
from api.item_view import day, item_view, short, utc
from api.paths import item_path, item_uri

CSP: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_ASSETS: Final = {"page.css": "text/css", "icon.svg": "image/svg+xml"}
_HTML: Final = "text/html"
_JSON: Final = ("application/json", "application/ld+json")


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"utc": utc, "day": day, "short": short}
    return found


def wants_html(accept: str | None) -> bool:
    """Whether a client would rather have the page than the record; without a wish it is the record."""
    weights = {name: _weight(accept or "*/*", name) for name in (_HTML, *_JSON)}
    best_json = max(weights[name] for name in _JSON)
    explicit = _HTML in (accept or "").lower()
    return weights[_HTML] > best_json or (explicit and 0 < weights[_HTML] == best_json)


def acceptable(accept: str | None) -> bool:
    """Whether page or record can satisfy an Accept header (RFC 9110, section 12.5.1)."""
    return any(_weight(accept or "*/*", name) > 0 for name in (_HTML, *_JSON))


def _weight(accept: str, media_type: str) -> float:
    """Weight of a media type: that of the most specific range that holds it, 0 where none does."""
    best = (-1, 0.0)
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        specific = {media_type: 2, media_type.partition("/")[0] + "/*": 1, "*/*": 0}.get(name)
        if specific is None:
            continue
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        best = max(best, (specific, weight))
    return best[1]


def render_item(public_url: str, record: ItemRecord, headers: dict[str, str]) -> Response:
    """The page of an item."""
    path = item_path(record.gtin, record.serial)
    return _page(
        "item.html", 200, headers, view=item_view(record), path=path, url=public_url + path, record=record
    )


def render_unknown_item(gtin: str, serial: str) -> Response:
    """The page that says that nothing is known of an item."""
    headers = {"Vary": "Accept"}
    return _page("unknown.html", 404, headers, gtin=gtin, serial=serial, uri=item_uri(gtin, serial))


def render_home() -> Response:
    """The entrance."""
    return _page("home.html", 200, {})


def render_docs(description: dict[str, Any]) -> Response:
    """The API for people, out of its own description."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(
                {"method": method.upper(), "path": path, **_documented(operation)}
            )
    return _page("docs.html", 200, {}, description=description, groups=groups)


def _documented(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    return {
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": operation.get("parameters", []),
        "responses": operation.get("responses", {}),
        "example": next((entry["example"] for entry in content.values() if "example" in entry), None),
    }


def asset(name: str) -> Response | None:
    """A file that pages need; None where there is none of that name."""
    media_type = _ASSETS.get(name)
    if media_type is None:
        return None
    text = (files("api") / "static" / name).read_text(encoding="utf-8")
    return Response(text, media_type=media_type, headers={"Cache-Control": "max-age=300"})


def _page(name: str, status: int, headers: dict[str, str], **values: Any) -> Response:
    text = _templates().get_template(name).render(**values)
    return HTMLResponse(text, status, {"Content-Security-Policy": CSP, **headers})
