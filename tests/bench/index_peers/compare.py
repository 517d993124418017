"""All peers on one chain, one after the other, each into a database of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chain.rpc import Rpc
from tests.bench.index_chain import Chain
from tests.bench.index_peers import envio, ponder, rindexer
from tests.bench.index_peers.peer import Event, PeerError, Task

_FINAL = 128
"""empty blocks on top: a peer that treats the newest blocks otherwise has them all below these"""
PEERS: dict[str, tuple[str, Callable[[Task], float]]] = {
    "Ponder": (ponder.VERSION, ponder.index),
    "Envio HyperIndex": (envio.VERSION, envio.index),
    "rindexer": (rindexer.VERSION, rindexer.index),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`rate` in logs a second, None where the peer failed as `failure` says."""

    peer: str
    version: str
    rate: float | None
    failure: str | None


def bury(chain: Chain) -> None:
    """Mine empty blocks on top of the logs."""
    with Rpc(chain.url) as rpc:
        rpc.request("anvil_mine", [hex(_FINAL)])


def outcomes(
    chain: Chain, fresh_database: Callable[[], str], names: tuple[str, ...] = ()
) -> Iterator[Outcome]:
    """Run the peers named, or all; `fresh_database` gives a libpq URL. The chain must be buried."""
    for name, (version, index) in PEERS.items():
        if names and name not in names:
            continue
        try:
            yield Outcome(name, version, index(task(chain, fresh_database())), None)
        except PeerError as error:
            yield Outcome(name, version, None, str(error))


def task(chain: Chain, database: str) -> Task:
    """The chain as peers are told of it."""
    events = []
    for (instance, name), rows in chain.counts.items():
        abi = next(
            one for one in chain.abi[instance] if one.get("type") == "event" and one.get("name") == name
        )
        contract = instance.partition(":")[0]
        events.append(Event(contract, chain.addresses[instance], abi, rows))
    return Task(chain.url, chain.chain_id, chain.first_block, chain.last_block, events, database)
