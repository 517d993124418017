"""Random changes of a vault: of files by themselves, of packs, and of the index of packs."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from vault.cid import Cid
from vault.store import LocalStore
from vault.unixfs import cid_of

_HEAD: Final = 2
"""bytes before a CID in a pack of documents: the length of what follows"""


@dataclass(frozen=True)
class Tampering:
    """One change. Some finding of `kind` must have each of `named` in its place."""

    what: str
    kind: str
    named: tuple[str, ...]
    undo: Callable[[], None]


def tamper_vault(rng: random.Random, store: LocalStore) -> Tampering:
    """Make one random change."""
    where: dict[Path, list[Cid]] = {}
    for cid in store.iterate():
        where.setdefault(store.path_of(cid), []).append(cid)
    packs = sorted(path for path in where if path.suffix == ".car")
    if packs and rng.random() < 0.4:
        path = rng.choice(packs)
        return _index(rng, store, where[path]) if rng.random() < 0.25 else _pack(rng, path, where[path])
    return _file(rng, sorted(path for path in where if path not in packs), store)


def _file(rng: random.Random, paths: list[Path], store: LocalStore) -> Tampering:
    path = rng.choice(paths)
    content = path.read_bytes()
    way = rng.choice(["byte", "byte", "bit", "cut", "longer", "empty", "gone", "swap", "foreign", "posing"])
    restore = partial(_write, path, content)
    if way == "foreign":
        stray = path.with_name(rng.choice(["note.txt", path.name + ".bak", path.name.upper()]))
        _write(stray, content)
        return Tampering(f"vault: added {stray.name}", "vault", (str(stray),), stray.unlink)
    if way == "posing":
        cid = cid_of(rng.randbytes(40))
        posing = store.path_of(cid)
        made = not posing.parent.is_dir()
        _write(posing, content)
        return Tampering(
            f"vault: other content as {cid}", "vault", (str(cid),), partial(_remove, posing, made)
        )
    if way == "swap":
        other = rng.choice([one for one in paths if one != path])
        theirs = other.read_bytes()
        _write(path, theirs)
        _write(other, content)
        return Tampering(
            f"vault: swapped {path.name} and {other.name}",
            "vault",
            (path.name, other.name),
            partial(_write_both, (path, content), (other, theirs)),
        )
    if way == "gone":
        path.unlink()
    else:
        place = rng.randrange(len(content))
        _write(
            path,
            {
                "byte": content[:place]
                + bytes([content[place] ^ rng.randrange(1, 256)])
                + content[place + 1 :],
                "bit": content[:place]
                + bytes([content[place] ^ 1 << rng.randrange(8)])
                + content[place + 1 :],
                "cut": content[:place],
                "longer": content + rng.choice([b" ", b"\n", b"\0", content]),
                "empty": b"",
            }[way],
        )
    return Tampering(f"vault: {way} of {path.name}", "vault", (path.name,), restore)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        path.chmod(0o640)
    path.write_bytes(content)


def _write_both(*files: tuple[Path, bytes]) -> None:
    for path, content in files:
        _write(path, content)


def _remove(path: Path, folder_too: bool) -> None:
    path.unlink()
    if folder_too:
        path.parent.rmdir()


def _pack(rng: random.Random, path: Path, cids: list[Cid]) -> Tampering:
    """Each piece that a change of a pack reaches must be named, or the pack where it reaches none."""
    content = path.read_bytes()
    heads = {cid: content.index(bytes(cid)) - _HEAD for cid in cids}
    way = rng.choice(["byte", "byte", "byte", "bit", "cut", "longer", "empty", "gone", "foreign"])
    restore = partial(_write, path, content)
    if way == "foreign":
        stray = path.with_name(rng.choice(["note.txt", path.name + ".bak", path.name.upper(), "0.car"]))
        _write(stray, content)
        return Tampering(f"vault: added pack {stray.name}", "vault", (str(stray),), stray.unlink)
    place = rng.randrange(len(content))
    if way in ("byte", "bit"):
        flipped = rng.randrange(1, 256) if way == "byte" else 1 << rng.randrange(8)
        _write(path, content[:place] + bytes([content[place] ^ flipped]) + content[place + 1 :])
        reached = max((cid for cid in cids if heads[cid] <= place), key=heads.__getitem__, default=None)
        named: tuple[str, ...] = (str(path if reached is None else reached),)
    elif way == "longer":
        _write(path, content + rng.choice([b" ", b"\0", content]))
        named = (str(path),)
    else:
        if way == "gone":
            path.unlink()
        else:
            place = 0 if way == "empty" else place
            _write(path, content[:place])
        following = dict(
            zip(sorted(heads.values()), [*sorted(heads.values())[1:], len(content)], strict=True)
        )
        reached_all = [cid for cid in cids if way == "gone" or following[heads[cid]] > place]
        named = tuple(str(cid) for cid in reached_all)
    return Tampering(f"vault: {way} of pack {path.name} at {place}", "vault", named, restore)


def _index(rng: random.Random, store: LocalStore, cids: list[Cid]) -> Tampering:
    """What the index says of one piece is changed or deleted: nobody finds it where it lies."""
    cid = rng.choice(cids)
    change = rng.choice(
        [
            "DELETE FROM piece WHERE digest = ?1",
            "UPDATE piece SET start = start + 1 WHERE digest = ?1",
            "UPDATE piece SET start = start - 7 WHERE digest = ?1",
            "UPDATE piece SET size = size - 1 WHERE digest = ?1",
            "UPDATE piece SET size = size + 1 WHERE digest = ?1",
            "UPDATE piece SET pack = 999 WHERE digest = ?1",
            "UPDATE piece SET digest = zeroblob(32) WHERE digest = ?1",
        ]
    )
    path = store.root / "packs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        row = database.execute("SELECT * FROM piece WHERE digest = ?", (cid.digest,)).fetchone()
        database.execute(change, (cid.digest,))

    def undo() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("DELETE FROM piece WHERE digest IN (?, zeroblob(32))", (cid.digest,))
            database.execute("INSERT INTO piece VALUES (?, ?, ?, ?)", row)

    return Tampering(f"vault: {change} for {cid}", "vault", (str(cid),), undo)
