"""A process that streams a large file into a vault and out again, and says how much memory that took.

python -m tests.vault.streaming_child URLS STATE MEGABYTES
"""

import hashlib
import resource
import sys
from pathlib import Path

from vault.location import open_vault
from vault.unixfs import Readable

_MEGABYTE = 1 << 20


class Source:
    """Bytes that are made while they are read."""

    def __init__(self, megabytes: int) -> None:
        self._left = megabytes * _MEGABYTE
        self._number = 0
        self.digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; the same in every run."""
        size = min(self._left, size if size >= 0 else self._left)
        data = hashlib.shake_128(self._number.to_bytes(8, "big")).digest(size) if size else b""
        self._number += 1
        self._left -= size
        self.digest.update(data)
        return data


def peak() -> int:
    """Largest resident set so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(urls: str, state: str, megabytes: str) -> None:
    """Print how many bytes of memory the peak grew by, after a small file has warmed everything up."""
    vault = open_vault(urls, Path(state))
    with vault.open(vault.put(Source(2))) as stream:
        stream.read()
    before = peak()
    source = Source(int(megabytes))
    content: Readable = source
    cid = vault.put(content)
    digest = hashlib.sha256()
    with vault.open(cid) as stream:
        while piece := stream.read(_MEGABYTE):
            digest.update(piece)
    if digest.digest() != source.digest.digest():
        raise SystemExit("what came back is not what was put")
    print(peak() - before)
    vault.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
