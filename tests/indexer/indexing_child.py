"""A process that mirrors a chain until it is killed: database URL, node URL, ledger address, vault folder,
first block.
"""

import sys
import threading
from pathlib import Path

from chain.database import open_engine
from chain.rpc import Rpc
from indexer.run import Indexer
from vault.store import LocalStore

database, node, ledger, vault, start = sys.argv[1:]
indexer = Indexer(
    open_engine(database, synchronous="NORMAL"),
    Rpc(node),
    {"EventLedger": ledger},
    LocalStore(Path(vault)),
    start_block=int(start),
    poll_seconds=0.001,
    max_span=1,
)
indexer.run(threading.Event())
