"""Time and chance of a simulated story: both come from the seed alone."""

import datetime as dates
import random
import secrets
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

EPOCH = 1_790_000_000
"""Unix seconds at which every story begins, and of the chain's first block"""
_ROOMS = ("chain.", "evidence.", "indexer.", "oracle.", "api.")


class _InThisThread:
    """An executor whose work is done when it is asked for: what runs beside has no order of its own."""

    def __init__(self, *_arguments: object) -> None:
        pass

    def __enter__(self) -> "_InThisThread":
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def submit(self, act: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(act(*arguments))
        except BaseException as error:
            done.set_exception(error)
        return done


class Clock(ABC):
    """A wall clock that may jump and a steady one that never does; nanoseconds."""

    @property
    @abstractmethod
    def wall(self) -> int:
        """Nanoseconds of Unix time."""

    @property
    @abstractmethod
    def steady(self) -> int:
        """Nanoseconds from some moment on."""

    @abstractmethod
    def tick(self, seconds: float) -> None:
        """Let time pass."""

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self.wall / 1e9

    @contextmanager
    def installed(self, dice: random.Random) -> Iterator[None]:
        """`time`, `datetime.now` of the product's rooms and `secrets` tell of this clock and these dice."""
        clock = self

        class Moment(dates.datetime):
            @classmethod
            def now(cls, tz: dates.tzinfo | None = None) -> "Moment":
                return cls.fromtimestamp(clock.now, tz)

        rooms = [
            module
            for name, module in sorted(sys.modules.items())
            if name.startswith(_ROOMS) and getattr(module, "datetime", None) is dates.datetime
        ]
        with (
            patch.multiple(
                time,
                time=lambda: clock.wall / 1e9,
                time_ns=lambda: clock.wall,
                monotonic=lambda: clock.steady / 1e9,
                monotonic_ns=lambda: clock.steady,
                sleep=clock.tick,
            ),
            patch("indexer.ahead.ThreadPoolExecutor", _InThisThread),
            patch.multiple(
                secrets,
                token_hex=lambda size=32: dice.randbytes(size).hex(),
                token_bytes=lambda size=32: dice.randbytes(size),
            ),
        ):
            for module in rooms:
                module.datetime = Moment  # type: ignore[attr-defined]  # a module that has it, as seen above
            try:
                yield
            finally:
                for module in rooms:
                    module.datetime = dates.datetime  # type: ignore[attr-defined]


class ToldClock(Clock):
    """Stands still but for what the story tells."""

    def __init__(self) -> None:
        self._wall = EPOCH * 10**9
        self._steady = 10**9

    @property
    def wall(self) -> int:
        return self._wall

    @property
    def steady(self) -> int:
        return self._steady

    def tick(self, seconds: float) -> None:
        self._wall += int(seconds * 1e9)
        self._steady += int(seconds * 1e9)

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock, forward or back."""
        self._wall += int(seconds * 1e9)

    def follow(self, other: Clock) -> None:
        """Show what another clock shows."""
        self._wall, self._steady = other.wall, other.steady
