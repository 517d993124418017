"""Rows whose two columns are one of several pairs, so that every database finds them by an index."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, tuple_


def among(table: Any, first: str, second: str, pairs: Sequence[tuple[Any, Any]]) -> ColumnElement[bool]:
    """That two columns of a table, by their names, are one of these pairs.

    Pairs alone make SQLite read the whole table, so each column is held against its own values first.
    """
    left, right = getattr(table, first), getattr(table, second)
    return and_(
        left.in_({one for one, _ in pairs}),
        right.in_({other for _, other in pairs}),
        tuple_(left, right).in_(pairs),
    )
