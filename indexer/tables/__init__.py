"""All tables of the mirror, by subject."""

from indexer.tables import access, chainlog, content, ip, oracle, provenance, settlement
from indexer.tables.base import EventRow, metadata

__all__ = ["EVENT_TABLES", "EventRow", "metadata"]

EVENT_TABLES: dict[str, type[EventRow]] = {}
"""event name and number of topics -> its table"""

for _table in EventRow.__subclasses__():
    if EVENT_TABLES.setdefault(_table.EVENT, _table) is not _table:
        raise TypeError(f"event {_table.EVENT} has two tables: {EVENT_TABLES[_table.EVENT]}, {_table}")
# imported for their tables
_MODULES = (access, chainlog, content, ip, oracle, provenance, settlement)
