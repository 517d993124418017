"""What ends a command: one sentence for people, one exit code for scripts."""

from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes of all commands."""

    DONE = 0
    REFUSED = 1
    """Refused, invalid or contradicted: doing it again changes nothing."""
    UNCHECKED = 2
    """Something could not be checked, or the command line is wrong."""
    UNREACHABLE = 3
    """Service or node gave no answer: may be tried again."""


class Failure(Exception):
    """Ends a command with a message and an exit code; `problem` is what `--json` prints beside it."""

    def __init__(
        self, message: str, code: Exit = Exit.REFUSED, problem: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.problem = problem
