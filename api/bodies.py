"""Bodies of requests: read strictly, as the protocol's JSON, into the models of `chain.requests`."""

from typing import Any, Final, TypeVar

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError

from api.problems import Problem, invalid_model, malformed
from epcis import canonical

M = TypeVar("M", bound=BaseModel)
JSON_TYPES: Final = ("application/json", "application/ld+json")


async def read_bytes(request: Request) -> bytes:
    """The body, once its media type is one we take: JSON, plain or linked; nothing said counts as JSON."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given and given not in JSON_TYPES:
        raise Problem(
            415,
            "unsupported-media-type",
            f"{given[:100]} is not taken, {' and '.join(JSON_TYPES)} are",
            headers={"Accept-Post": ", ".join(JSON_TYPES)},
        )
    return await request.body()


async def read_model(request: Request, model: type[M]) -> M:
    """The body as a model. Raises Problem naming each member that is wrong."""
    body = await read_bytes(request)
    return await run_in_threadpool(parse, body, model)


def parse(body: bytes, model: type[M]) -> M:
    """A model from JSON without repeated members or numbers that JSON does not have. Raises Problem."""
    try:
        value: Any = canonical.loads(body)
    except canonical.JsonError as error:
        raise malformed(error) from None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid_model(error) from None
