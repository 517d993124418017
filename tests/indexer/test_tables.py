"""Every event of every contract has one table that can hold whatever the event can say."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, inspect
from sqlalchemy.engine import make_url
from sqlmodel import Session, select

from chain.artifact import load, names
from chain.bindings import EVENTS
from chain.blocks import Log
from chain.codec import Event, checksum, keccak256
from indexer import schema
from indexer.columns import ChainText, Int128, Uint64, Uint128, Uint256
from indexer.decode import event_row, key_of
from indexer.tables import EVENT_TABLES, EventRow, metadata

pytestmark = pytest.mark.slow

Abi = dict[str, Any]
BASE = set(EventRow.model_fields)


def canonical(parameter: Abi) -> str:
    kind: str = parameter["type"]
    if kind.startswith("tuple"):
        return f"({','.join(canonical(part) for part in parameter['components'])}){kind[5:]}"
    return kind


def declared_events() -> dict[tuple[bytes, int], Abi]:
    """Every event of every compiled ABI by what tells logs apart: topic 0 and number of topics."""
    found: dict[tuple[bytes, int], Abi] = {}
    for name in names():
        for entry in load(name).abi:
            if entry["type"] == "event":
                text = f"{entry['name']}({','.join(canonical(p) for p in entry['inputs'])})"
                topics = 1 + sum(p["indexed"] for p in entry["inputs"])
                found[keccak256(text.encode()), topics] = dict(entry)
    return found


DECLARED = declared_events()
CLASSES: list[type[Event]] = [event for group in EVENTS.values() for event in group]


def test_contracts_declare_what_bindings_decode() -> None:
    assert {(event.TOPIC0, event.TOPICS) for event in CLASSES} == set(DECLARED)


def test_each_event_has_one_table_and_each_table_an_event() -> None:
    keys = [key_of(event) for event in CLASSES]
    assert len(keys) == len(set(keys))
    assert set(keys) <= set(EVENT_TABLES)
    # declared by standards the contracts follow, whether or not the present contracts inherit them
    standard = {"MetadataUpdate/1", "BatchMetadataUpdate/1", "EIP712DomainChanged/1", "AuthorityUpdated/1"}
    assert set(EVENT_TABLES) - set(keys) <= standard


def flat(entry: Abi) -> dict[str, str]:
    """Column names and ABI types that an event's table must have; structs flattened, lists as they are."""
    from chain.abi_types import snake

    columns: dict[str, str] = {}
    for parameter in entry["inputs"]:
        parts = parameter["components"] if parameter["type"] == "tuple" else [parameter]
        for part in parts:
            assert columns.setdefault(snake(part["name"]), part["type"]) == part["type"]
    return columns


def expected_type(abi: str) -> tuple[str, ...]:
    if abi.endswith("]"):
        return ("JSON",)
    if abi.startswith("uint"):
        bits = int(abi[4:])
        exact = {64: "Uint64", 128: "Uint128", 256: "Uint256"}
        return (exact[bits],) if bits in exact else ("BigInteger",)
    return {"int128": ("Int128",), "bool": ("Boolean",), "string": ("ChainText",)}.get(abi, ("AutoString",))


@pytest.mark.parametrize("event", CLASSES, ids=key_of)
def test_columns_are_the_events_parameters(event: type[Event]) -> None:
    columns = EVENT_TABLES[key_of(event)].__table__.columns  # type: ignore[attr-defined]  # set by SQLAlchemy
    wanted = flat(DECLARED[event.TOPIC0, event.TOPICS])
    assert set(columns.keys()) - BASE == set(wanted) - BASE
    for name, abi in wanted.items():
        assert type(columns[name].type).__name__ in expected_type(abi), name


def values_of(abi: str, parts: list[Abi]) -> st.SearchStrategy[Any]:
    """Values of an ABI type, ends of its range among them."""
    if abi.endswith("[]"):
        return st.lists(values_of(abi[:-2], parts), max_size=3)
    if abi == "tuple":
        return st.tuples(*(values_of(part["type"], part.get("components", [])) for part in parts))
    if abi.startswith("uint"):
        top = (1 << int(abi[4:])) - 1
        return st.one_of(st.integers(0, top), st.just(top))
    if abi.startswith("int"):
        half = 1 << int(abi[3:]) - 1
        return st.one_of(st.integers(-half, half - 1), st.sampled_from([-half, half - 1]))
    if abi.startswith("bytes"):
        size = int(abi[5:] or 0)
        return st.binary(min_size=size, max_size=size or 50)
    if abi == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
    if abi == "bool":
        return st.booleans()
    assert abi == "string", abi
    return st.one_of(st.text(max_size=20), st.just("a\0b"))


@st.composite
def logs(draw: st.DrawFn) -> tuple[type[Event], Log, dict[str, Any]]:
    """An event, a log of it, and the values that its parameters and its structs' members have."""
    from eth_abi.abi import encode

    event = draw(st.sampled_from(CLASSES))
    entry = DECLARED[event.TOPIC0, event.TOPICS]
    values: dict[str, Any] = {}
    chosen = []
    for parameter in entry["inputs"]:
        parts = parameter.get("components", [])
        value = draw(values_of(parameter["type"], parts))
        if parameter["internalType"].startswith("enum"):
            value = draw(st.integers(0, 7))
        if parameter["type"] == "tuple":  # a struct's member repeats the parameter of the same name
            value = tuple(values.get(p["name"], v) for p, v in zip(parts, value, strict=True))
            values.update({p["name"]: v for p, v in zip(parts, value, strict=True)})
        else:
            values[parameter["name"]] = value
        chosen.append(value)
    pairs = list(zip(entry["inputs"], chosen, strict=True))
    topics = [encode([p["type"]], [v]) for p, v in pairs if p["indexed"]]
    plain = [(canonical(p), v) for p, v in pairs if not p["indexed"]]
    data = encode([kind for kind, _ in plain], [value for _, value in plain])
    log = Log("0x" + "ab" * 20, (event.TOPIC0, *topics), data, 7, b"\7" * 32, b"\1" * 32, 0, 3)
    return event, log, values


def shown(value: Any) -> Any:
    """A value as its column gives it back."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, str):
        return checksum(value) if value.startswith("0x") and len(value) == 42 else value.replace("\0", "␀")
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value


@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sample=logs())
def test_a_row_holds_every_value_exactly(
    migrated: Engine, sample: tuple[type[Event], Log, dict[str, Any]]
) -> None:
    from chain.abi_types import snake

    event, log, values = sample
    row = event_row(log, block_time=1_700_000_000)
    table = EVENT_TABLES[key_of(event)]
    with Session(migrated) as session:
        session.add(row)
        session.flush()
        session.expire_all()
        read = session.exec(select(table)).one()
        for name, value in values.items():
            if isinstance(value, list) and value and isinstance(value[0], tuple):
                assert len(getattr(read, snake(name))) == len(value)
            else:
                assert getattr(read, snake(name)) == shown(value), name
        assert (read.block_number, read.log_index, read.block_time) == (7, 3, 1_700_000_000)
        session.rollback()


def test_migrations_make_exactly_these_tables(migrated: Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_dropping_the_mirror_leaves_other_rooms_alone(migrated: Engine) -> None:
    with migrated.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE outbox_operation (id INTEGER PRIMARY KEY)")
    schema.drop(migrated)
    assert inspect(migrated).get_table_names() == ["outbox_operation"]
    schema.migrate(migrated)
    assert len(inspect(migrated).get_table_names()) == len(metadata.tables) + 2


@pytest.mark.parametrize("kind", [Uint64, Uint128, Uint256])
def test_numbers_as_text_sort_as_numbers(kind: type[Uint64], migrated: Engine) -> None:
    column = kind()
    values = [0, 9, 10, 99, 2**63, 2 ** (kind.BITS) - 1]
    texts = [column.process_bind_param(value, migrated.dialect) for value in values]
    assert texts == sorted(texts)
    assert [column.process_result_value(text, migrated.dialect) for text in texts] == values
    with pytest.raises(ValueError, match="outside"):
        column.process_bind_param(1 << kind.BITS, migrated.dialect)


def test_exact_numbers_are_numeric_on_postgresql() -> None:
    dialect = make_url("postgresql://").get_dialect()()
    for kind, wanted in [(Uint64, "NUMERIC(20, 0)"), (Uint256, "NUMERIC(78, 0)"), (Int128, "NUMERIC(39, 0)")]:
        assert kind().compile(dialect=dialect) == wanted
    assert ChainText().compile(dialect=dialect) == "TEXT"
