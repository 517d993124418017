"""What the API is given to work with; the command line builds it and passes it down."""

from dataclasses import dataclass, field
from threading import Thread

from sqlalchemy import Engine

from chain.deployment import Deployment
from chain.rpc import Rpc
from chain.sender import Sender
from evidence.capture import CaptureService
from evidence.facts import Facts
from indexer.run import Indexer
from vault.store import ContentStore


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may touch; `workers` are the loops that must be alive."""

    deployment: Deployment
    rpc: Rpc
    sender: Sender
    mirror: Engine
    store: ContentStore
    capture: CaptureService
    indexer: Indexer
    public_url: str
    """Where consumers reach this API, without a slash at the end."""
    max_body: int
    """Largest request body in bytes."""
    workers: dict[str, Thread] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    """What verifications need not ask twice."""
