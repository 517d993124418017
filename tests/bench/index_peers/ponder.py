"""Ponder, from npm."""

import json
from pathlib import Path
from typing import Any

from tests.bench.index_peers.peer import SETUP, Task, install, timed

VERSION = "0.16.10"
"""The newest that installs: 1.0.0, npm's `latest`, is 0.10 under another number, and 0.17.7 asks for an
`@ponder/utils` that is not published."""
_PACKAGES = {"ponder": VERSION, "viem": "2.38.0", "hono": "4.6.0"}
_COLUMNS = {"address": "t.hex()", "bool": "t.boolean()", "string": "t.text()"}


def index(task: Task) -> float:
    """Logs a second. Raises PeerError."""
    folder = SETUP / "ponder"
    (folder / "src" / "api").mkdir(parents=True, exist_ok=True)
    package = json.dumps({"name": "peer", "private": True, "type": "module", "dependencies": _PACKAGES})
    (folder / "package.json").write_text(package, encoding="utf-8")
    install(
        folder, ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], package
    )
    _write(folder, task)
    seconds = timed(
        [
            *(str(folder / "node_modules/.bin/ponder"), "start", "--schema", "ponder"),
            *("--port", "0", "--log-format", "json"),
        ],
        folder,
        {"PONDER_TELEMETRY_DISABLED": "true"},
        task,
        "Started backfill indexing",
        [("ponder", event.table) for event in task.events],
    )
    return task.rows / seconds


def _write(folder: Path, task: Task) -> None:
    contracts: dict[str, dict[str, Any]] = {}
    for event in task.events:
        one = contracts.setdefault(
            event.contract,
            {"chain": "local", "address": event.address, "startBlock": task.first_block, "abi": []},
        )
        one["abi"].append(dict(event.abi))
    config = {
        "database": {"kind": "postgres", "connectionString": task.database},
        "chains": {"local": {"id": task.chain_id, "rpc": task.url, "maxRequestsPerSecond": 10_000}},
        "contracts": contracts,
    }
    (folder / "ponder.config.ts").write_text(
        f'import {{ createConfig }} from "ponder";\nexport default createConfig({json.dumps(config)});\n',
        encoding="utf-8",
    )
    schema = ['import { onchainTable } from "ponder";']
    code = ['import { ponder } from "ponder:registry";', 'import * as tables from "ponder:schema";']
    for event in task.events:
        own = "".join(f'"{name}": {_column(kind)}, ' for name, kind in event.parameters)
        columns = (
            "id: t.text().primaryKey(), block_hash: t.hex(), log_index: t.integer(), "
            f"block_number: t.bigint(), block_time: t.bigint(), contract: t.hex(), {own}"
        )
        schema.append(f'export const {event.table} = onchainTable("{event.table}", (t) => ({{ {columns}}}));')
        values = "".join(f'"{name}": event.args["{name}"], ' for name, _ in event.parameters)
        code.append(
            f'ponder.on("{event.contract}:{event.name}", async ({{ event, context }}) => {{ '
            f"await context.db.insert(tables.{event.table}).values({{ id: event.id, "
            "block_hash: event.block.hash, log_index: event.log.logIndex, block_number: event.block.number, "
            f"block_time: event.block.timestamp, contract: event.log.address, {values}}}); }});"
        )
    (folder / "ponder.schema.ts").write_text("\n".join(schema) + "\n", encoding="utf-8")
    (folder / "src" / "index.ts").write_text("\n".join(code) + "\n", encoding="utf-8")
    (folder / "src" / "api" / "index.ts").write_text(
        'import { Hono } from "hono";\nexport default new Hono();\n', encoding="utf-8"
    )


def _column(kind: str) -> str:
    return _COLUMNS.get(kind) or ("t.hex()" if kind.startswith("bytes") else "t.bigint()")
