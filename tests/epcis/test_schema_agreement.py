"""Our verdict against GS1's JSON schema, on valid documents damaged at random from a fixed seed.

What the schema refuses we refuse (a context entry that repeats apart); what we refuse beyond it is an
undeclared field or a GS1 key, nothing else.
"""

import copy
import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from epcis.model import EpcisError, parse_document
from tests.epcis.test_conformance import documents

SEED = 20260722
VALUES: list[Any] = [
    *["x", 7, -1.5, True, None, [], {}, "urn:x:y", ["a"], {"a": 1}, [{}], [{"type": "po"}]],
    *["2020-01-01T00:00:00Z", "2020-01-01", "shipping", "active", "ADD", "OBSERVE", "DELETE", "KGM"],
    *["urn:epcglobal:cbv:bizstep:shipping", "https://gs1.org/voc/Speed", "+25:00", "+14:00", "ex:y"],
]
NAMES = [
    *[
        "colour",
        "readPoint",
        "ilmd",
        "persistentDisposition",
        "epcList",
        "quantityList",
        "bizStep",
        "type",
        "id",
    ],
    *[
        "parentID",
        "childEPCs",
        "sensorElementList",
        "recordTime",
        "eventID",
        "errorDeclaration",
        "uom",
        "value",
    ],
    *["time", "exception", "transformationID", "action", "certificationInfo", "sourceList", "example:x"],
]
BEYOND_THE_SCHEMA = ("is not declared", "is not a field of EPCIS", "check digit", "GTIN", "SSCC", "GLN")


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(node, dict):
        inner = list(node.items())
    elif isinstance(node, list):
        inner = list(enumerate(node))
    return [path, *(place for token, value in inner for place in places(value, (*path, token)))]


def damage(document: Any, chance: random.Random) -> None:
    *way, last = chance.choice([place for place in places(document) if place])
    holder = document
    for token in way:
        holder = holder[token]
    kind, value = chance.random(), copy.deepcopy(chance.choice(VALUES))
    if kind < 0.35:
        del holder[last]
    elif kind < 0.7 or not isinstance(holder[last], (dict, list)):
        holder[last] = value
    elif isinstance(holder[last], dict):
        holder[last][chance.choice(NAMES)] = value
    else:
        holder[last].append(value)


def compare(conformance: Path, rounds: int) -> None:
    schema = json.loads((conformance / "epcis" / "schema" / "EPCIS-JSON-Schema.json").read_text("utf-8"))
    checker = jsonschema.Draft7Validator(schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)
    originals = [json.loads(path.read_bytes()) for path in documents(conformance)]
    chance = random.Random(SEED)
    verdicts = set()
    for _ in range(rounds):
        document = copy.deepcopy(chance.choice(originals))
        if "epcisBody" in document:
            document["epcisBody"]["eventList"] = [chance.choice(document["epcisBody"]["eventList"])]
        damage(document, chance)
        refused = [error for error in checker.iter_errors(document) if error.validator != "uniqueItems"]
        try:
            parse_document(document)
            problems = []
        except EpcisError as error:
            problems = error.problems
        verdicts.add((not refused, not problems))
        if refused:
            assert problems, (SEED, refused[0].json_path, refused[0].message)
        for problem in problems if checker.is_valid(document) else ():
            assert any(reason in problem.reason for reason in BEYOND_THE_SCHEMA), (SEED, str(problem))
    assert {(True, True), (False, False)} <= verdicts


def test_damaged_documents_get_the_schemas_verdict(conformance: Path) -> None:
    compare(conformance, 120)


@pytest.mark.slow
def test_many_damaged_documents_get_the_schemas_verdict(conformance: Path) -> None:
    compare(conformance, 8000)
