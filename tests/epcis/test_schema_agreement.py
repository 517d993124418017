"""Our verdict against GS1's JSON schema, on valid documents damaged at random from a fixed seed.

Formats are asserted. The two must agree, but for the differences in `DIFFERENCES`, each with its reason: a
refusal of ours must be the schema's too or one that the table names, and so the other way round.
"""

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from epcis.model import EpcisError, parse_document
from tests.epcis.test_conformance import documents

SEED = 20260722


@dataclass(frozen=True)
class Difference:
    """A rule on which the two differ: text in the reason of whoever refuses, why, and the standard's word."""

    rule: str
    why: str
    section: str


OURS_REFUSES = (
    Difference("is not declared", "a prefix without a context has no meaning", "JSON-LD 1.1, 4.1.5"),
    Difference(
        "is not a field of EPCIS",
        "unknown plain names are extensions only where a namespace says whose",
        "EPCIS 2.0, 7.1.1 and 10.3",
    ),
    Difference("check digit", "a key with a wrong check digit names nothing", "GS1 GenSpecs, 7.9"),
    Difference("GTIN", "a Digital Link's key must be a key", "GS1 Digital Link 1.2, 4.3"),
    Difference("SSCC", "a Digital Link's key must be a key", "GS1 Digital Link 1.2, 4.3"),
    Difference("GLN", "a Digital Link's key must be a key", "GS1 Digital Link 1.2, 4.3"),
    Difference(
        "must be a URI or an object", "a relative context has nothing to be relative to", "RFC 3986, 5.1"
    ),
    Difference("double", "a number that a double cannot hold reads otherwise elsewhere", "RFC 7493, 2.2"),
    Difference(
        "integer outside", "a number that a double cannot hold reads otherwise elsewhere", "RFC 7493, 2.2"
    ),
    Difference(
        r'\n"', "patterns end in $, which in Python matches before a last line feed too", "ECMA-262, 22.2.2.4"
    ),
)
SCHEMA_REFUSES = (
    Difference(
        "uniqueItems",
        "a context entry may repeat: a sealed event carries its document's entries and its own",
        "JSON-LD 1.1, 4.1",
    ),
)

VALUES: list[Any] = [
    *["x", 7, -1.5, True, None, [], {}, "urn:x:y", ["a"], {"a": 1}, [{}], [{"type": "po"}], "", 0, 1e300],
    *["2020-01-01T00:00:00Z", "2020-01-01", "shipping", "active", "ADD", "OBSERVE", "DELETE", "KGM"],
    *["urn:epcglobal:cbv:bizstep:shipping", "https://gs1.org/voc/Speed", "+25:00", "+14:00", "ex:y"],
    *["2020-02-30T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01T00:00:60Z", "2020-01-01T00:00:00+14:30"],
    *["2020-01-01T00:00:00", "2020-01-01t00:00:00z", "2020-01-01 00:00:00Z", "urn:", "http://a b", "a:é"],
    *["urn:x:%zz", "//host/path", "/relative", "ObjectEvent", "EPCISDocument", "2.0", "-14:00", "+00:60"],
]
NAMES = [
    *["colour", "readPoint", "ilmd", "persistentDisposition", "epcList", "quantityList", "bizStep", "type"],
    *["id", "parentID", "childEPCs", "sensorElementList", "recordTime", "eventID", "errorDeclaration"],
    *["uom", "value", "time", "exception", "transformationID", "action", "certificationInfo", "sourceList"],
    *["example:x", "bizLocation", "destinationList", "bizTransactionList", "inputEPCList", "set", "unset"],
    *["outputQuantityList", "epcClass", "quantity", "sensorMetadata", "sensorReport", "correctiveEventIDs"],
    *["declarationTime", "reason", "component", "booleanValue", "hexBinaryValue", "@context", "@id", "a:b:c"],
]
ENUMS = [
    "shipping",
    "Shipping",
    "active",
    "po",
    "owning_party",
    "did_not_occur",
    "Temperature",
    "x",
    "latitude",
]


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(node, dict):
        inner = list(node.items())
    elif isinstance(node, list):
        inner = list(enumerate(node))
    return [path, *(place for token, value in inner for place in places(value, (*path, token)))]


Damage = Callable[[Any, Any, random.Random], None]


def _drop(holder: Any, last: Any, chance: random.Random) -> None:
    del holder[last]


def _replace(holder: Any, last: Any, chance: random.Random) -> None:
    holder[last] = copy.deepcopy(chance.choice(VALUES))


def _rename(holder: Any, last: Any, chance: random.Random) -> None:
    if isinstance(holder, dict):
        changed = [
            last.upper(),
            last + "s",
            last[:-1],
            last.capitalize(),
            "example:" + last,
            chance.choice(NAMES),
        ]
        holder[chance.choice(changed)] = holder.pop(last)


def _retype(holder: Any, last: Any, chance: random.Random) -> None:
    value = holder[last]
    if isinstance(value, list):
        holder[last] = value[0] if value else {}
    elif isinstance(value, str):
        holder[last] = chance.choice([[value], {"id": value}, len(value), value + " ", value.upper()])
    elif isinstance(value, dict):
        holder[last] = chance.choice([[value], "x", list(value.values())])
    else:
        holder[last] = chance.choice([str(value), [value], None])


def _duplicate(holder: Any, last: Any, chance: random.Random) -> None:
    if isinstance(holder, list):
        holder.append(copy.deepcopy(holder[last]))
    elif isinstance(holder[last], list):
        holder[last] += copy.deepcopy(holder[last])
    else:
        holder[chance.choice(NAMES)] = copy.deepcopy(holder[last])


def _extend(holder: Any, last: Any, chance: random.Random) -> None:
    value = copy.deepcopy(chance.choice(VALUES))
    if isinstance(holder[last], dict):
        holder[last][chance.choice(NAMES)] = value
    elif isinstance(holder[last], list):
        holder[last].insert(chance.randrange(len(holder[last]) + 1), value)


def _enumerate(holder: Any, last: Any, chance: random.Random) -> None:
    if isinstance(holder[last], str):
        holder[last] = chance.choice(ENUMS)


def _misspell(holder: Any, last: Any, chance: random.Random) -> None:
    text = holder[last]
    if isinstance(text, str) and text:
        at = chance.randrange(len(text))
        holder[last] = (
            text[:at] + chance.choice(["", "#", " ", "0", "Z", "%", "é", ":", "\n"]) + text[at + 1 :]
        )


def _nest(holder: Any, last: Any, chance: random.Random) -> None:
    holder[last] = chance.choice([[holder[last]], {str(last): holder[last]}, {"example:in": holder[last]}])


KINDS: tuple[Damage, ...] = (
    *(_drop, _replace, _rename, _retype, _duplicate, _extend, _extend, _enumerate, _misspell, _nest),
)


def damage(document: Any, chance: random.Random) -> None:
    """One random change, somewhere."""
    *way, last = chance.choice([place for place in places(document) if place])
    holder = document
    for token in way:
        holder = holder[token]
    chance.choice(KINDS)(holder, last, chance)


def validator(conformance: Path) -> Any:
    schema = json.loads((conformance / "epcis" / "schema" / "EPCIS-JSON-Schema.json").read_text("utf-8"))
    formats = jsonschema.Draft7Validator.FORMAT_CHECKER
    assert {"date-time", "uri"} <= set(formats.checkers), "formats would not be asserted"
    return jsonschema.Draft7Validator(schema, format_checker=formats)


def judge(checker: Any, document: Any, seed: int) -> tuple[bool, bool]:
    """Verdicts of the schema and ours; fails where they differ for no reason that the tables name."""
    refused = list(checker.iter_errors(document))
    real = [error for error in refused if not _named(error)]
    try:
        parse_document(document)
        problems = []
    except EpcisError as error:
        problems = error.problems
    if real:
        assert problems, (seed, real[0].json_path, real[0].message[:300])
    if not refused:
        for problem in problems:
            assert any(one.rule in str(problem) for one in OURS_REFUSES), (seed, str(problem))
    return not refused, not problems


def _named(error: Any) -> bool:
    if error.context:
        branches: dict[Any, list[Any]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        return any(all(map(_named, inner)) for inner in branches.values())
    in_context = "@context" in error.absolute_path
    return in_context and any(error.validator == one.rule for one in SCHEMA_REFUSES)


def compare(conformance: Path, rounds: int, changes: int) -> None:
    checker = validator(conformance)
    originals = [json.loads(path.read_bytes()) for path in documents(conformance)]
    verdicts = set()
    for number in range(rounds):
        seed = SEED + number
        chance = random.Random(seed)
        document = copy.deepcopy(chance.choice(originals))
        body = document.get("epcisBody")
        if isinstance(body, dict) and "eventList" in body:
            body["eventList"] = [chance.choice(body["eventList"])]
        for _ in range(chance.randint(1, changes)):
            damage(document, chance)
        verdicts.add(judge(checker, document, seed))
    assert {(True, True), (False, False)} <= verdicts


def test_damaged_documents_get_the_schemas_verdict(conformance: Path) -> None:
    compare(conformance, 120, 1)


@pytest.mark.slow
def test_more_damaged_documents_get_the_schemas_verdict(conformance: Path) -> None:
    compare(conformance, 600, 2)


@pytest.mark.deep
def test_very_many_damaged_documents_get_the_schemas_verdict(conformance: Path) -> None:
    compare(conformance, 60_000, 3)
