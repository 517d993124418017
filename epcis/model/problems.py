"""What is wrong with a document: every problem with its place, value and reason."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from epcis.canonical import pointer

_SHOWN: Final = 80
_LISTED: Final = 20
MAX_PROBLEMS: Final = 1000
"""Whoever sends more than that wrong is told of the first ones."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: JSON Pointer (RFC 6901) of the field, its value (None where missing), the reason."""

    path: str
    value: Any
    reason: str

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.path or 'document'}: {self.reason}"
        text = json.dumps(self.value, ensure_ascii=True, default=str)
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        return f"{self.path or 'document'}: {self.reason}: {shown}"


class EpcisError(ValueError):
    """A document that is no valid EPCIS 2.0; `problems` are in document order, as far as that is known."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = [str(problem) for problem in problems[:_LISTED]]
        if len(problems) > _LISTED:
            lines.append(f"… and {len(problems) - _LISTED} more")
        super().__init__("\n".join(lines))
        self.problems = list(problems)


def from_validation(error: ValidationError, path: str) -> list[Problem]:
    """Problems of a Pydantic validation of the value at `path`."""
    problems = []
    for fault in error.errors(include_url=False)[:MAX_PROBLEMS]:
        where = path
        for token in (*fault["loc"], *fault.get("ctx", {}).get("at", ())):
            where = pointer(where, token)
        if fault["type"] == "missing":
            problems.append(Problem(where, None, "is required"))
        elif "at" in fault.get("ctx", {}):
            problems.append(Problem(where, None, fault["msg"]))
        else:
            problems.append(Problem(where, fault["input"], fault["msg"]))
    return problems
