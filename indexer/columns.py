"""Column types of the mirror: what a contract can say, held exactly on PostgreSQL and on SQLite."""

from decimal import Decimal
from functools import cache
from typing import Any, ClassVar

from sqlalchemy import Dialect, Numeric, Text
from sqlalchemy.types import TypeDecorator, TypeEngine


class Exact(TypeDecorator[int]):
    """An integer wider than SQL's own: NUMERIC on PostgreSQL, text of fixed width on SQLite."""

    impl = Text
    cache_ok = True
    BITS: ClassVar[int]
    SIGNED: ClassVar[bool] = False

    @classmethod
    @cache
    def digits(cls) -> int:
        """Decimal digits of the largest value."""
        return len(str((1 << cls.BITS) - 1 if not cls.SIGNED else 1 << cls.BITS - 1))

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type that the database itself knows."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(Numeric(self.digits(), 0))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        """Refuses with ValueError what the type cannot hold."""
        if value is None:
            return None
        return self.text(value) if dialect.name == "sqlite" else Decimal(self.checked(value))

    def checked(self, value: int) -> int:
        """The value itself. Raises ValueError for what the type cannot hold."""
        low, high = (-(1 << self.BITS - 1), 1 << self.BITS - 1) if self.SIGNED else (0, 1 << self.BITS)
        if not low <= value < high:
            raise ValueError(f"{type(self).__name__}: {value} is outside {low}..{high - 1}")
        return value

    def text(self, value: int) -> str:
        """SQLite's form. Raises ValueError as `checked` does."""
        self.checked(value)
        # a signed text begins with its sign, so that no value has two spellings
        return f"{value:+0{self.digits() + 1}d}" if self.SIGNED else f"{value:0{self.digits()}d}"

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """An int again, whichever way the database holds it."""
        return None if value is None else int(value)


class Uint64(Exact):
    """uint64: NUMERIC(20,0), or 20 digits of text that sort as the numbers do."""

    cache_ok = True
    BITS = 64


class Uint128(Exact):
    """uint128: NUMERIC(39,0), or 39 digits of text that sort as the numbers do."""

    cache_ok = True
    BITS = 128


class Uint256(Exact):
    """uint256: NUMERIC(78,0), or 78 digits of text that sort as the numbers do."""

    cache_ok = True
    BITS = 256


class Int128(Exact):
    """int128: NUMERIC(39,0), or a sign and 39 digits of text, which only compare for equality."""

    cache_ok = True
    BITS = 128
    SIGNED = True


class ChainText(TypeDecorator[str]):
    """Text that anybody may have written: PostgreSQL has no NUL, so it is kept as U+2400 (␀)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replaces what some database could not hold."""
        return None if value is None else self.cleaned(value)

    @staticmethod
    def cleaned(value: str) -> str:
        """The text as every database can hold it."""
        if value.isascii() and "\0" not in value:
            return value
        return value.replace("\0", "\u2400").encode("utf-8", "replace").decode("utf-8")
