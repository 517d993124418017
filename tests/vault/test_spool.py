"""Files that are checked leaf by leaf: what the disk refuses is the vault's own error, here and later."""

import io
import os
import random
from pathlib import Path

import pytest

from vault.content import CorruptContent, StoreUnavailable
from vault.spool import VerifiedReader
from vault.unixfs import LEAF_SIZE, cid_of

BIG = random.Random(4).randbytes(3 * LEAF_SIZE + 9)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "content"
    made.write_bytes(BIG)
    return made


def unreadable() -> int:
    """Descriptor of a file whose bytes cannot be read: Linux gives EIO where no memory is mapped."""
    return os.open("/proc/self/mem", os.O_RDONLY)


def test_a_disk_that_fails_at_the_start(path: Path) -> None:
    file = path.open("rb", buffering=0)
    broken = unreadable()
    os.dup2(broken, file.fileno())
    os.close(broken)
    with pytest.raises(StoreUnavailable, match=f"{path}: Input/output error"):
        VerifiedReader(cid_of(BIG), file)
    assert file.closed


def test_a_disk_that_fails_while_it_is_read(path: Path) -> None:
    file = path.open("rb", buffering=0)
    with io.BufferedReader(VerifiedReader(cid_of(BIG), file), LEAF_SIZE) as reader:
        assert reader.read(LEAF_SIZE) == BIG[:LEAF_SIZE]
        broken = unreadable()
        os.dup2(broken, file.fileno())
        os.close(broken)
        reader.seek(0)
        with pytest.raises(StoreUnavailable, match=f"{path}: Input/output error"):
            reader.seek(2 * LEAF_SIZE)
            reader.read()


@pytest.mark.parametrize("change", ["byte", "cut", "longer"])
def test_what_changes_behind_the_check_is_not_given(path: Path, change: str) -> None:
    with io.BufferedReader(VerifiedReader(cid_of(BIG), path.open("rb", buffering=0)), LEAF_SIZE) as reader:
        assert reader.read(10) == BIG[:10]
        altered = bytearray(BIG)
        altered[2 * LEAF_SIZE + 7] ^= 1
        path.write_bytes({"byte": bytes(altered), "cut": BIG[: 2 * LEAF_SIZE], "longer": BIG + b"x"}[change])
        assert reader.read(LEAF_SIZE) == BIG[10 : LEAF_SIZE + 10]
        with pytest.raises(CorruptContent):
            reader.read()


def test_a_position_before_the_start_is_refused(path: Path) -> None:
    with VerifiedReader(cid_of(BIG), path.open("rb", buffering=0)) as reader:
        assert reader.seek(-3, os.SEEK_END) == len(BIG) - 3
        assert reader.read() == BIG[-3:]
        assert reader.read() == b""
        with pytest.raises(ValueError, match="before the start"):
            reader.seek(-len(BIG) - 1, os.SEEK_END)
