"""Files that survive a power cut: written, flushed to the disk, and only then given their name."""

import ctypes
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

_ONE_BY_ONE: Final = 16
"""Up to so many files are flushed each by itself: a flush of the whole file system waits for others' data."""


def _find_syncfs() -> Callable[[int], int] | None:
    """Linux's syncfs(2); other systems have none."""
    try:
        function = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_int]
    function.restype = ctypes.c_int
    return lambda descriptor: int(function(descriptor))


_syncfs: Final = _find_syncfs()


def sync_folder(folder: str | Path) -> None:
    """Make a rename in a folder, or a new folder in it, survive. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(descriptor: int, paths: Sequence[str]) -> None:
    """Flush files or folders that lie on the file system of an open descriptor. Raises OSError.

    Many are flushed by one syncfs: 14 ms for 1,000 small files where one fsync each took 350 ms. Errors of
    writing are reported (Linux 5.8) if they happened since the descriptor was opened: open it first.
    """
    if len(paths) > _ONE_BY_ONE and _syncfs is not None:
        if _syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return
    for path in paths:
        one = os.open(path, os.O_RDONLY)
        try:
            os.fsync(one)
        finally:
            os.close(one)


def write_new(path: str, content: bytes, mode: int = 0o640) -> None:
    """Write a file that must not exist, without flushing it. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        write_whole(descriptor, content)
    finally:
        os.close(descriptor)


def write_flushed(path: str, content: bytes, mode: int = 0o640) -> None:
    """Write a file that must not exist, and flush it to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        write_whole(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(descriptor: int, content: bytes) -> None:
    """Write all of it: one write(2) may take less. Raises OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def make_folders(folders: Iterable[str], mode: int = 0o750) -> None:
    """Make folders that may be there already. Raises OSError."""
    for folder in folders:
        try:
            os.mkdir(folder, mode)
        except FileExistsError:
            continue
