"""rindexer's library, from crates.io: its command line is not published there."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.bench.index_peers.peer import SETUP, Task, install, timed

VERSION = "0.1.0"
_CARGO = f"""[package]
name = "peer"
version = "0.0.0"
edition = "2024"

[dependencies]
rindexer = "={VERSION}"
tokio = {{ version = "1", features = ["full"] }}
"""
_MAIN = """use rindexer::{start_rindexer_no_code, GraphqlOverrideSettings};
use rindexer::{IndexerNoCodeDetails, StartNoCodeDetails};

#[tokio::main]
async fn main() {
    let manifest = std::env::current_dir().unwrap().join("rindexer.yaml");
    start_rindexer_no_code(StartNoCodeDetails {
        manifest_path: &manifest,
        indexing_details: IndexerNoCodeDetails { enabled: true },
        graphql_details: GraphqlOverrideSettings { enabled: false, override_port: None },
    })
    .await
    .unwrap();
}
"""


def index(task: Task) -> float:
    """Logs a second. Raises PeerError."""
    folder = SETUP / "rindexer"
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "Cargo.toml").write_text(_CARGO, encoding="utf-8")
    (folder / "src" / "main.rs").write_text(_MAIN, encoding="utf-8")
    install(folder, ["cargo", "build", "--release", "--quiet"], _CARGO + _MAIN)
    _write(folder, task)
    seconds = timed(
        [str(folder / "target" / "release" / "peer")],
        folder,
        {"DATABASE_URL": task.database},
        task,
        "start_block is",
        [(f"peer_{_snake(event.contract)}", _snake(event.name)) for event in task.events],
    )
    return task.rows / seconds


def _write(folder: Path, task: Task) -> None:
    contracts: dict[str, dict[str, Any]] = {}
    for event in task.events:
        path = folder / f"{event.contract}.json"
        one = contracts.setdefault(
            event.contract,
            {
                "name": event.contract,
                "details": [
                    {"network": "local", "address": event.address, "start_block": str(task.first_block)}
                ],
                "abi": f"./{path.name}",
                "include_events": [],
            },
        )
        one["include_events"].append(event.name)
        path.write_text(
            json.dumps([dict(e.abi) for e in task.events if e.contract == event.contract]), encoding="utf-8"
        )
    manifest = {
        "name": "peer",
        "project_type": "no-code",
        "networks": [{"name": "local", "chain_id": task.chain_id, "rpc": task.url}],
        "storage": {"postgres": {"enabled": True}},
        "contracts": list(contracts.values()),
    }
    (folder / "rindexer.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
