"""Fills a mirror on PostgreSQL with rows that fit together, made in bulk after the rows of a real item."""

from typing import Final

from sqlalchemy import Connection, Engine, Table, text

from indexer.tables import metadata

BATCH: Final = 1_000
"""events of one synthetic batch"""
_FIRST_BLOCK: Final = 10_000_000
_BLOCK: Final = "'0x' || md5('block' || b) || md5('kcolb' || b)"
_SEAL: Final = "'0x' || md5('seal' || e) || md5('laes' || e)"
_ITEM: Final = "'0x' || md5('item' || e) || md5('meti' || e)"
_PER_BLOCK: Final[dict[str, dict[str, str]]] = {
    "block": {"hash": _BLOCK, "number": f"{_FIRST_BLOCK} + b", "parent_hash": "'0x' || md5('p' || b)"},
    "raw_log": {"block_hash": _BLOCK, "block_number": f"{_FIRST_BLOCK} + b", "tx_hash": f"{_BLOCK}"},
    "anchored": {"block_hash": _BLOCK, "block_number": f"{_FIRST_BLOCK} + b", "root": _BLOCK},
    "manifest": {
        "block_hash": _BLOCK,
        "block_number": f"{_FIRST_BLOCK} + b",
        "root": _BLOCK,
        "cid": "'bafk' || md5('manifest' || b)",
    },
}
_PER_EVENT: Final[dict[str, dict[str, str]]] = {
    "event_proof": {
        "block_hash": _BLOCK,
        "block_number": f"{_FIRST_BLOCK} + b",
        "root": _BLOCK,
        "position": f"mod(e, {BATCH})",
        "seal_id": _SEAL,
        "event_hash": _SEAL,
        "salt": _SEAL,
        "cid": "'bafk' || md5('event' || e)",
    },
    "sealed_event": {
        "seal_id": _SEAL,
        "event_hash": _SEAL,
        "block_hash": _BLOCK,
        "block_number": f"{_FIRST_BLOCK} + b",
        "position": f"mod(e, {BATCH})",
        "event_time": "t.event_time + e",
        "cid": "'bafk' || md5('event' || e)",
    },
    "event_epc": {
        "seal_id": _SEAL,
        "block_number": f"{_FIRST_BLOCK} + b",
        "uri": "'https://id.gs1.org/01/09506000134352/21/S' || e",
        "item_id": _ITEM,
    },
    "content": {
        "cid": "'bafk' || md5('event' || e)",
        "block_hash": _BLOCK,
        "block_number": f"{_FIRST_BLOCK} + b",
    },
    "issued_item": {
        "block_hash": _BLOCK,
        "block_number": f"{_FIRST_BLOCK} + b",
        "issue_id": _BLOCK,
        "position": f"mod(e, {BATCH})",
        "serial": "'S' || e",
        "uri": "'https://id.gs1.org/01/09506000134352/21/S' || e",
        "item_id": _ITEM,
    },
}
_LIKE: Final = {
    "raw_log": "raw_log WHERE (block_hash, log_index) IN (SELECT block_hash, log_index FROM anchored)",
    "manifest": "manifest WHERE kind = 'batch'",
    "event_proof": "event_proof WHERE kind = 'batch'",
    "event_epc": "event_epc WHERE role = 'epcList'",
}


def fill(mirror: Engine, events: int) -> None:
    """Bring the mirror to about `events` events, whose rows name each other as real ones do."""
    with mirror.begin() as connection:
        count = text("SELECT count(*) FROM sealed_event WHERE block_number >= :first")
        there: int = connection.execute(count, {"first": _FIRST_BLOCK}).scalar_one()
        until = events // BATCH * BATCH
        if until <= there:
            return
        for name, given in _PER_BLOCK.items():
            numbers = f"generate_series({there // BATCH}, {until // BATCH - 1}) AS b"
            _insert(connection, metadata.tables[name], given, numbers)
        for name, given in _PER_EVENT.items():
            numbers = (
                f"(SELECT e, e / {BATCH} AS b "  # noqa: S608 - numbers of our own
                f"FROM generate_series({there}, {until - 1}) AS e) AS numbers"
            )
            _insert(connection, metadata.tables[name], given, numbers)
    with mirror.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _insert(connection: Connection, table: Table, given: dict[str, str], numbers: str) -> None:
    """Copies of the table's first fitting row, with some columns of their own."""
    names = [column.name for column in table.columns]
    values = ", ".join(given.get(name, f't."{name}"') for name in names)
    source = _LIKE.get(table.name, table.name)
    columns = ", ".join(f'"{name}"' for name in names)
    connection.exec_driver_sql(
        f'INSERT INTO "{table.name}" ({columns}) SELECT {values} '  # noqa: S608 - our own tables
        f"FROM (SELECT * FROM {source} LIMIT 1) AS t, {numbers}"
    )
