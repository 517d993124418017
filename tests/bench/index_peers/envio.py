"""Envio's HyperIndex over JSON-RPC, from npm."""

import json
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.bench.index_peers.peer import SETUP, Event, Task, install, timed

VERSION = "2.32.12"
_PACKAGES = {"envio": VERSION, "pnpm": "9.15.9"}
"""its code generator wants a pnpm, and the newest one refuses to build what it needs"""
_COLUMNS = {"address": "String", "bool": "Boolean", "string": "String"}


def index(task: Task) -> float:
    """Logs a second. Raises PeerError."""
    # apart from its programs: the generator's pnpm takes away what npm put beside the project
    tools, folder = SETUP / "envio" / "tools", SETUP / "envio" / "project"
    tools.mkdir(parents=True, exist_ok=True)
    (folder / "src").mkdir(parents=True, exist_ok=True)
    package = json.dumps({"name": "tools", "private": True, "dependencies": _PACKAGES})
    (tools / "package.json").write_text(package, encoding="utf-8")
    install(
        tools, ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], package
    )
    (folder / "package.json").write_text('{"name": "peer", "private": true}', encoding="utf-8")
    config = _write(folder, task)
    programs = tools / "node_modules" / ".bin"
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    # what is generated holds the node's URL and the addresses, so that it is made anew for each chain
    generate = f"PATH='{path}' envio codegen && mkdir -p node_modules && ln -sfn ../generated node_modules/"
    install(folder, ["sh", "-c", generate], package + config)
    database = urlsplit(task.database)
    seconds = timed(
        [str(programs / "envio"), "start", "--restart"],
        folder,
        {
            "PATH": path,
            "NODE_PATH": str(
                tools / "node_modules"
            ),  # what is generated names packages that it does not declare
            "ENVIO_PG_HOST": str(database.hostname),
            "ENVIO_PG_PORT": str(database.port),
            "ENVIO_PG_USER": str(database.username),
            "ENVIO_PG_PASSWORD": "unused",
            "ENVIO_PG_DATABASE": database.path.lstrip("/"),
            "ENVIO_HASURA": "false",
            "ENVIO_INDEXER_PORT": str(_free_port()),
            "TUI_OFF": "true",
            "LOG_STRATEGY": "console-raw",
        },
        task,
        "Starting indexing!",
        [("public", event.table) for event in task.events],
    )
    return task.rows / seconds


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write(folder: Path, task: Task) -> str:
    contracts: dict[str, dict[str, object]] = {}
    for event in task.events:
        one = contracts.setdefault(
            event.contract,
            {
                "name": event.contract,
                "address": event.address,
                "handler": "./src/EventHandlers.js",
                "events": [],
            },
        )
        events = one["events"]
        assert isinstance(events, list)
        events.append({"event": _signature(event)})
    network = {
        "id": task.chain_id,
        "start_block": task.first_block,
        "rpc_config": {"url": task.url, "initial_block_interval": 10_000, "interval_ceiling": 10_000},
        "contracts": list(contracts.values()),
    }
    # raw logs are kept as well, as they are in our mirror
    config = yaml.safe_dump({"name": "peer", "raw_events": True, "networks": [network]}, sort_keys=False)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    schema = []
    code = [f"const {{ {', '.join(contracts)} }} = require('generated');"]
    for event in task.events:
        own = "".join(f" {name}: {_column(kind)}!" for name, kind in event.parameters)
        schema.append(
            f"type {event.table} {{ id: ID! block_hash: String! log_index: Int! block_number: Int! "
            f"block_time: Int! contract: String!{own} }}"
        )
        values = "".join(f"{name}: event.params.{name}, " for name, _ in event.parameters)
        code.append(
            f"{event.contract}.{event.name}.handler(async ({{ event, context }}) => {{ "
            f"context.{event.table}.set({{ id: `${{event.block.hash}}-${{event.logIndex}}`, "
            "block_hash: event.block.hash, log_index: event.logIndex, block_number: event.block.number, "
            f"block_time: event.block.timestamp, contract: event.srcAddress, {values}}}); }});"
        )
    (folder / "schema.graphql").write_text("\n".join(schema) + "\n", encoding="utf-8")
    (folder / "src" / "EventHandlers.js").write_text("\n".join(code) + "\n", encoding="utf-8")
    return config + "\n".join(schema)


def _signature(event: Event) -> str:
    parameters = ", ".join(
        f"{one['type']} {'indexed ' if one['indexed'] else ''}{one['name']}" for one in event.abi["inputs"]
    )
    return f"{event.name}({parameters})"


def _column(kind: str) -> str:
    return _COLUMNS.get(kind) or ("String" if kind.startswith("bytes") else "BigInt")
