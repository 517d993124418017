"""The OpenAPI description: what FastAPI knows, completed with bodies that are read strictly by ourselves."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api import examples
from api.item_record import ItemRecord

_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457; `type` ends in the problem's slug",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON Pointer, RFC 6901"},
                    "detail": {"type": "string"},
                    "value": {},
                },
            },
        },
        "contract": {
            "type": "object",
            "description": "the contract's own reason",
            "required": ["error", "arguments", "text"],
            "properties": {
                "error": {"type": ["string", "null"]},
                "arguments": {"type": "object"},
                "text": {"type": "string"},
            },
        },
    },
    "example": examples.PROBLEM,
}


def install(app: FastAPI) -> None:
    """Let the application describe itself completely at `/openapi.json`."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way


def _describe(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, bodies = models_json_schema(
        [(model, "validation") for model in examples.REQUESTS],
        ref_template="#/components/schemas/{model}",
    )
    _, records = models_json_schema(
        [(ItemRecord, "serialization")], ref_template="#/components/schemas/{model}"
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for definitions in (bodies["$defs"], records["$defs"]):
        for name, schema in definitions.items():
            schemas.setdefault(name, schema)
    schemas["Problem"] = _PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for operations in found["paths"].values():
        for operation in operations.values():
            # wrong parameters are 400 here
            operation.get("responses", {}).pop("422", None) if _is_default(operation) else None
    return found


def _is_default(operation: dict[str, Any]) -> bool:
    said = operation.get("responses", {}).get("422", {})
    return "HTTPValidationError" in str(said)
