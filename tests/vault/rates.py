"""How fast each store takes and gives small documents: `python -m tests.vault.rates [DOCUMENTS]`."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.vault.conftest import ipfs_store, s3_store
from tests.vault.servers.daemon import KuboDaemon
from tests.vault.servers.gateway import S3Gateway
from vault.content import Vault
from vault.ledger import Ledger
from vault.replicated import ReplicatedStore
from vault.store import LocalStore

_SIZE = 1500  # bytes, as a sealed document has


def rates(store: Vault, number: int) -> dict[str, float | str]:
    """Documents a second, put together and given together, and one by one."""
    documents = [os.urandom(_SIZE) for _ in range(number)]
    few = [os.urandom(_SIZE) for _ in range(min(number, 200))]

    def rate(work: Callable[[], object], count: int) -> float:
        before = time.perf_counter()
        work()
        return round(count / (time.perf_counter() - before), 1)

    put_many = rate(lambda: store.put_many(documents), number)
    put = rate(lambda: [store.put(one) for one in few], len(few))
    cids = list(store.iterate())[:number]
    get_many = rate(lambda: store.get_many(cids), len(cids))
    get = rate(lambda: [store.get(cid) for cid in cids[:500]], len(cids[:500]))
    kind = str(store.status()["store"])
    return {"store": kind, "putMany": put_many, "put": put, "getMany": get_many, "get": get, "unit": "1/s"}


def main(number: int) -> None:
    """Print one JSON line for each store."""
    with tempfile.TemporaryDirectory() as name, KuboDaemon() as daemon, S3Gateway() as gateway:
        folder = Path(name)
        os.environ.update(gateway.environment())
        local, kubo, s3 = LocalStore(folder / "a"), ipfs_store(daemon, folder), s3_store(gateway, folder)
        two = ReplicatedStore([LocalStore(folder / "b"), kubo], Ledger(folder / "r.db"), folder)
        for store in (local, kubo, s3, two):
            print(json.dumps(rates(store, number)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
