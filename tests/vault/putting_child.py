"""A process that puts batches into a vault until it is killed, and says which ones were acknowledged.

python -m tests.vault.putting_child URLS STATE SEED
"""

import sys
from pathlib import Path

from vault.location import open_vault

SIZE = 120


def batch(seed: int, number: int) -> list[bytes]:
    """Documents of one batch."""
    return [f"{seed} {number} {place} ".encode() * 40 for place in range(SIZE)]


def main(urls: str, state: str, seed: str) -> None:
    """Put batch after batch, a line of output behind each."""
    vault = open_vault(urls, Path(state))
    number = 0
    while True:
        vault.put_many(batch(int(seed), number))
        print(number, flush=True)
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
