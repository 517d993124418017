"""Signed messages as JSON: whatever can be signed survives the way, whatever differs is refused by name."""

import json
from typing import Annotated, Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from chain.bindings import types
from chain.codec import FieldError, TypedMessage
from chain.messages import MessageJson, json_schema, read_message
from tests.chain.messages_strategies import KINDS, messages

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
quick = settings(derandomize=True, deadline=None, max_examples=25)
SAFE = (1 << 53) - 1
ANCHOR: dict[str, Any] = {
    "root": "0x" + "ab" * 32,
    "size": "3",
    "cid": "0x0155",
    "deadline": "1900000000",
}


def refused(kind: type[TypedMessage], value: object) -> str:
    with pytest.raises(FieldError) as caught:
        read_message(kind, value)
    assert len(str(caught.value)) < 400
    return str(caught.value)


def schema_accepts(kind: type[TypedMessage], value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(json_schema(kind)).is_valid(value))


@each_kind
def test_every_message_survives_json(kind: type[TypedMessage]) -> None:
    schema = jsonschema.Draft202012Validator(json_schema(kind))

    @quick
    @given(message=messages(kind))
    def survives(message: Any) -> None:
        text = json.dumps(message.message())
        given_ = json.loads(text)
        assert read_message(kind, given_) == message
        assert schema.is_valid(given_)
        # Nothing in it needs more than a double holds.
        assert json.loads(text, parse_int=lambda digits: int(float(digits))) == given_

    survives()


@each_kind
def test_every_member_is_needed_and_no_other_is_taken(kind: type[TypedMessage]) -> None:
    @settings(quick, max_examples=3)
    @given(message=messages(kind))
    def strict(message: Any) -> None:
        given_ = message.message()
        for name in given_:
            without = {key: value for key, value in given_.items() if key != name}
            assert refused(kind, without) == f"field /{name}: is missing"
            assert not schema_accepts(kind, without)
            assert refused(kind, given_ | {name: None}).startswith(f"field /{name}")
            assert not schema_accepts(kind, given_ | {name: None})
        assert refused(kind, given_ | {"nonsense": 1}) == (
            f"field /nonsense: is not a member of {kind.__name__}"
        )
        assert not schema_accepts(kind, given_ | {"nonsense": 1})

    strict()


@each_kind
def test_every_wrong_value_is_refused_with_its_member(kind: type[TypedMessage]) -> None:
    """JSON values of each kind in every member's place: taken as that very value, or refused by name."""
    wrong: list[Any] = [True, False, None, -1, 1.0, 1.5, SAFE + 1, 1 << 300, [], {}, [[]], [None]]
    wrong += ["", "0x", "0X00", "0xAB", "0x0", "1_0", "١", " 1", "+1", "01", "-0", "1e3", "x" * 200]

    @settings(quick, max_examples=1)
    @given(message=messages(kind))
    def named(message: Any) -> None:
        given_ = message.message()
        for name, solidity in kind.MEMBERS[kind.PRIMARY_TYPE]:
            for value in wrong:
                empty_list = value == [] and solidity.endswith("[]")
                if empty_list or (value == "0x" and solidity == "bytes"):
                    continue
                if value == -1 and solidity.startswith("int"):
                    continue
                assert refused(kind, given_ | {name: value}).startswith(f"field /{name}")

    named()


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (0, 0),
        (SAFE, SAFE),
        (str(SAFE), SAFE),
        (str(SAFE + 1), SAFE + 1),
        (str((1 << 64) - 1), (1 << 64) - 1),
    ],
)
def test_integers_that_are_taken(value: Any, read: int) -> None:
    assert read_message(types.Anchor, ANCHOR | {"size": value}).size == read
    assert schema_accepts(types.Anchor, ANCHOR | {"size": value})


@pytest.mark.parametrize(
    "value",
    [SAFE + 1, -SAFE - 1, True, False, 3.0, 2.5, "", "-1", "-0", "00", "0x3", " 3", "3\n", "3.0", "1e3",
     "٣", "9" * 79, "9" * 100_000, None, [], {}, str(1 << 64), -1, 1 << 64, float("nan"), float("inf")],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_integers_that_are_refused(value: Any) -> None:
    assert refused(types.Anchor, ANCHOR | {"size": value}).startswith("field /size: ")


@pytest.mark.parametrize(
    "value", ["", "0", "ab", "0x0", "0xAB", "0Xab", "0xzz", " 0x", "0x\n", "0x" + "ab" * 33, None, 1, b"ab"]
)
def test_bytes_that_are_refused(value: Any) -> None:
    assert "root" in refused(types.Anchor, ANCHOR | {"root": value})


def test_huge_texts_are_refused_without_being_repeated() -> None:
    for name in ("root", "cid", "size"):
        assert name in refused(types.Anchor, ANCHOR | {name: "0x" + "ab" * (1 << 20)})
    mint = {"to": "0x" + "00" * 20, "amount": "1", "paymentReference": "0x" + "00" * 32, "deadline": "1"}
    assert "to" in refused(types.Mint, mint | {"to": "0x" + "0" * (1 << 21)})
    assert "to" in refused(types.Mint, mint | {"to": "0x" + "0" * 100_000})
    licence: Any = {name: "0x" for name, _ in types.Licence.MEMBERS["Licence"]}
    licence |= {"mark": "0x" + "00" * 32, "licensee": 1, "gtins": [1] * 10_001}
    assert refused(types.Licence, licence) == "field /gtins: must be a list of at most 10000"
    assert len(refused(types.Anchor, ANCHOR | {"x" * 10_000: 1})) < 120


def test_nested_faults_have_their_path() -> None:
    order: Any = dict(
        types.Order(
            1, 2, "0x" + "00" * 20, "0x" + "00" * 20, "0x" + "00" * 20, 1, bytes(32), 0, 0, 0, 0, 0, 0, 0, 0,
            (types.OrderLine(1, bytes(32), 1, b"DE"),) * 2, bytes(32), bytes(32),
        ).message()
    )  # fmt: skip
    order["lines"][1] = order["lines"][1] | {"quantity": "many"}
    assert refused(types.Order, order).startswith("field /lines/1/quantity: 'many' must be an integer")
    order["lines"][1] = 5
    assert refused(types.Order, order) == "field /lines/1: must be an object"
    order["lines"] = {"0": {}}
    assert refused(types.Order, order).startswith("field /lines: must be a list")


def test_addresses_must_have_their_checksum_or_one_case() -> None:
    proper = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    mint: Any = {"amount": "1", "paymentReference": "0x" + "00" * 32, "deadline": "1"}
    for text in (proper, proper.lower(), "0x" + proper[2:].upper()):
        assert read_message(types.Mint, mint | {"to": text}).to == proper
    for text in (proper.replace("aA", "Aa"), proper[2:], proper + "0", proper[:-1], ""):
        assert "to" in refused(types.Mint, mint | {"to": text})


@pytest.mark.parametrize("value", [None, [], "", 1, True, [("root", 1)]])
def test_only_objects_are_messages(value: Any) -> None:
    assert refused(types.Anchor, value) == "field /: must be an object"
    assert not schema_accepts(types.Anchor, value)


def test_what_is_no_message_type_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="str is not a generated message"):
        read_message(str, {})


@quick
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
))  # fmt: skip
def test_any_json_is_read_or_refused(value: Any) -> None:
    for kind in (types.Anchor, types.Licence, types.Order):
        names = [name for name, _ in kind.MEMBERS[kind.PRIMARY_TYPE]]
        for shape in (value, dict.fromkeys(names, value)):
            with pytest.raises(FieldError):
                read_message(kind, shape)


def test_in_a_model_a_fault_is_a_validation_error_with_its_field() -> None:
    class Request(BaseModel):
        message: Annotated[types.Anchor, MessageJson(types.Anchor)]

    made = Request.model_validate({"message": ANCHOR})
    assert Request.model_validate(made.model_dump(mode="json")) == made
    assert Request(message=made.message) == made
    assert Request.model_json_schema()["properties"]["message"] == json_schema(types.Anchor)
    with pytest.raises(ValidationError, match="field /size: is missing"):
        Request.model_validate({"message": {key: value for key, value in ANCHOR.items() if key != "size"}})
