"""Runs one seed after the other on one saved scene."""

import logging
import shutil
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from tests.simulation.children import chaos
from tests.simulation.clock import ToldClock
from tests.simulation.databases import Engines, PostgresqlDatabases, SqliteDatabases, migrated_from
from tests.simulation.processes import Bug
from tests.simulation.scene import build
from tests.simulation.story import Story
from tests.simulation.truth import compare

POSTGRESQL_EVERY = 10
"""this one of so many seeds is told on PostgreSQL"""
CHILDREN_EVERY = 20
"""the seventh of so many seeds is told by real processes that are killed"""
CHILDREN_ON_POSTGRESQL_EVERY = 60
"""the 27th of so many seeds is told by such processes on PostgreSQL"""
_perf_counter, _process_time = time.perf_counter, time.process_time


@dataclass(frozen=True)
class Result:
    """One seed. `error` None: all was as it must be."""

    seed: int
    engine: str
    seconds: float
    cpu: float
    trace: list[str]
    kills: int
    asks: int
    error: str | None

    def line(self) -> str:
        """For one line of output."""
        end = "ok" if self.error is None else "FAILED"
        return (
            f"seed {self.seed} {end} {self.engine} {self.seconds:.2f} s ({self.cpu:.2f} s of CPU), "
            f"{len(self.trace)} lines, {self.asks} asks, {self.kills} kills"
        )


class Runner:
    """A scene, built once; use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.scene = build(folder / "scene")
        self._sqlite = Engines(SqliteDatabases(self.scene, folder / "databases"))
        self._server: PostgresqlDatabases | None = None
        self._postgresql: Engines | None = None
        logging.disable(logging.CRITICAL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.disable(logging.NOTSET)
        self._sqlite.dispose()
        if self._postgresql is not None:
            self._postgresql.dispose()
        if self._server is not None:
            self._server.close()

    def run(self, seed: int, postgresql: bool | None = None) -> Result:
        """Tell one story and compare; never raises for what the product did."""
        if postgresql is None:
            postgresql = seed % POSTGRESQL_EVERY == 0 or seed % CHILDREN_ON_POSTGRESQL_EVERY == 27
        children = seed % CHILDREN_EVERY == 7
        folder = self._folder / f"seed-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        clock = ToldClock()
        if postgresql and self._postgresql is None:
            self._server = PostgresqlDatabases()
            self._postgresql = Engines(self._server)
        engines = self._postgresql if postgresql and self._postgresql is not None else self._sqlite
        began, busy = _perf_counter(), _process_time()
        error: str | None = None
        story = Story(seed, self.scene, folder, clock, engines)
        try:
            engines.begin(clock)
            with clock.installed(Random(seed)), migrated_from(self.scene.mirror_db):
                try:
                    if children:
                        story.begin()
                        chaos(story, engines.urls)
                        story.end()
                    else:
                        story.run()
                    compare(story)
                except Bug as bug:
                    error = str(bug)
                    if bug.__cause__ is not None:
                        error += "\n" + "".join(traceback.format_exception(bug.__cause__))
        finally:
            story.close()
            shutil.rmtree(folder, ignore_errors=True)
        return Result(
            seed,
            ("postgresql" if postgresql else "sqlite") + (" with children" if children else ""),
            _perf_counter() - began,
            _process_time() - busy,
            story.told.trace,
            story.told.kills,
            len(story.members.asks),
            error,
        )
