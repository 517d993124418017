"""A worker of the `verify` bench: uvicorn in one process, serving our API or the peer's one route."""

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, select
from sqlmodel import col

from api.app import create_app
from api.services import Services
from chain.bindings import event_ledger
from chain.database import open_engine
from chain.deployment import Deployment
from chain.rpc import Rpc
from chain.sender import Sender
from evidence.capture import CaptureService
from indexer.run import Indexer
from indexer.tables.content import SealedEvent
from tests.evidence.world import Key
from vault.store import LocalStore


def peer_app(given: dict[str, Any], rpc: Rpc, mirror: Engine, ledger: str) -> FastAPI:
    """One `eth_call`, one select and one file read for each request, nothing kept."""
    app = FastAPI()
    table = SealedEvent.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    query = select(table).where(col(SealedEvent.seal_id) == given["sealId"])
    call = event_ledger.encode_anchored(given["member"], bytes.fromhex(given["root"][2:]))
    path = Path(given["file"])

    @app.get("/peer")
    def peer() -> dict[str, Any]:
        size, recorded_at = event_ledger.decode_anchored_result(rpc.call(ledger, call))
        with mirror.connect() as connection:
            row = connection.execute(query).mappings().one()
        document = path.read_bytes()
        return {
            "size": size,
            "recordedAt": recorded_at,
            "sealId": row["seal_id"],
            "state": row["state"],
            "bytes": len(document),
        }

    return app


def our_app(given: dict[str, Any], rpc: Rpc, mirror: Engine, deployment: Deployment) -> FastAPI:
    """The whole API as the service builds it; nothing sends or indexes meanwhile."""
    state = open_engine(given["state"])
    store = LocalStore(Path(given["vault"]))
    sender = Sender(state, rpc, Key("relayer"))
    return create_app(
        Services(
            deployment=deployment,
            rpc=rpc,
            sender=sender,
            mirror=mirror,
            store=store,
            capture=CaptureService(state, sender, rpc, deployment, store, mirror=mirror),
            indexer=Indexer(
                mirror, rpc, deployment.all_addresses(), store, start_block=deployment.first_block
            ),
            public_url="https://seal.example",
            max_body=1 << 20,
        )
    )


def main(kind: str, file: str, port: str) -> None:
    """Serve until ended by a signal; `kind` is peer or ours."""
    given = json.loads(Path(file).read_text(encoding="utf-8"))
    deployment = Deployment.from_json(given["deployment"])
    rpc, mirror = Rpc(given["rpc"]), open_engine(given["mirror"], synchronous="NORMAL")
    if kind == "peer":
        app = peer_app(given, rpc, mirror, deployment.address("EventLedger"))
    elif kind == "ours":
        app = our_app(given, rpc, mirror, deployment)
    else:
        raise SystemExit(f"kind: {kind!r} is neither peer nor ours")
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:4])
