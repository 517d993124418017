"""What tests of the audit share: running it, and changes that are undone."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from chain.database import writing
from evidence.audit import AuditReport, audit
from tests.evidence.world import World


def run(world: World) -> AuditReport:
    return audit(world.deployment, world.rpc, world.mirror, world.store)


def flipped(byte: int, rng: random.Random) -> int:
    return byte ^ (1 << rng.randrange(8))


@contextmanager
def changed_file(path: Path, rng: random.Random) -> Iterator[None]:
    """One bit of one byte of a file is another for a while."""
    original = path.read_bytes()
    place = rng.randrange(len(original))
    path.chmod(0o640)
    path.write_bytes(original[:place] + bytes([flipped(original[place], rng)]) + original[place + 1 :])
    try:
        yield
    finally:
        path.write_bytes(original)


@contextmanager
def altered(world: World, change: str, undo: str, **values: object) -> Iterator[None]:
    """The mirror is changed by one statement and changed back by another."""
    with writing(world.mirror) as session:
        session.execute(text(change), values)
    try:
        yield
    finally:
        with writing(world.mirror) as session:
            session.execute(text(undo), values)
