"""Exit codes and JSON of what needs no service, and of what goes wrong."""

import hashlib
import json
from pathlib import Path

import pytest

from cli import main as program
from cli.home import Home
from tests.cli.program import tradeseal
from tests.evidence.documents import commissioning, document
from tests.processes import free_port

pytestmark = pytest.mark.usefixtures("home")


def test_a_key_is_made_once_and_listed(home: Path) -> None:
    made = tradeseal("key", "new", "brand", "--json")
    assert made.code == 0
    assert made.data["name"] == "brand"
    keystore = json.loads(Path(made.data["file"]).read_text())
    assert keystore["address"].removeprefix("0x").lower() == made.data["address"][2:].lower()
    assert "ciphertext" in json.dumps(keystore)
    assert tradeseal("key", "list", "--json").data == {
        "keys": [{"name": "brand", "address": made.data["address"]}]
    }
    again = tradeseal("key", "new", "brand", "--json")
    assert again.code == 2
    assert again.data["failed"] is True
    assert again.data["exit"] == 2
    assert "exists already" in again.err
    assert oct(home.stat().st_mode & 0o777) == "0o700"


@pytest.mark.parametrize("name", ["../evil", "UPPER", "", "a/b", "x" * 60])
def test_a_key_name_that_is_no_file_name_is_refused(name: str) -> None:
    found = tradeseal("key", "new", name)
    assert found.code == 2
    assert "Traceback" not in found.err


def test_without_a_service_it_says_how_to_get_one() -> None:
    found = tradeseal("member", "list", "--json")
    assert found.code == 3
    assert "tradeseal up" in found.err
    assert found.data["failed"] is True


def test_a_service_that_ended_does_not_run(home: Path) -> None:
    Home(home).create()
    Home(home).write_service({"url": "http://127.0.0.1:9", "publicUrl": "http://127.0.0.1:9"})
    found = tradeseal("member", "list")
    assert found.code == 3
    assert f"no service runs in {home}: start it with `tradeseal up`" in found.err


def test_a_service_that_does_not_answer_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADESEAL_API_URL", f"http://127.0.0.1:{free_port()}")
    found = tradeseal("escrow", "list")
    assert found.code == 3
    assert found.err.count("\n") == 1
    assert "cannot be reached" in found.err


def test_a_setting_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADESEAL_PORT", "99999")
    found = tradeseal("key", "list")
    assert found.code == 2
    assert "TRADESEAL_PORT" in found.err


def test_a_wrong_command_line_is_2() -> None:
    assert tradeseal("escrow", "show").code == 2
    assert tradeseal("no-such-command").code == 2
    assert tradeseal("epcis", "validate", "--nope").code == 2


def test_validation_names_every_problem(tmp_path: Path) -> None:
    good, bad, broken = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "broken.json"
    good.write_bytes(document(commissioning("A1", "A2")))
    bad.write_bytes(document(commissioning("A1", time="yesterday")))
    broken.write_text("{")
    assert tradeseal("epcis", "validate", str(good)).code == 0
    found = tradeseal("epcis", "validate", str(good), str(bad), str(broken), "--json")
    assert found.code == 1
    assert [one["valid"] for one in found.data["files"]] == [True, False, False]
    problem = found.data["files"][1]["problems"][0]
    assert problem["pointer"] == "/epcisBody/eventList/0/eventTime"
    assert problem["value"] == "yesterday"
    assert "date and time" in problem["reason"]
    text = tradeseal("epcis", "validate", str(bad)).out
    assert "/epcisBody/eventList/0/eventTime" in text
    assert "yesterday" in text


def test_hashes_are_alone_on_stdout_in_document_order(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(document(commissioning("A1"), commissioning("A2")))
    found = tradeseal("epcis", "hash", str(path))
    lines = found.out.splitlines()
    assert (found.code, len(lines), found.err) == (0, 2, "")
    assert all(line.startswith("ni:///sha-256;") and line.endswith("?ver=CBV2.0") for line in lines)
    path.write_bytes(document(commissioning("A2"), commissioning("A1")))
    assert tradeseal("epcis", "hash", str(path)).out.splitlines() == lines[::-1]


def test_an_event_in_xml_has_the_hash_it_has_in_json(tmp_path: Path) -> None:
    path = tmp_path / "events.xml"
    fields = (
        "<eventTime>2026-07-22T06:45:00+02:00</eventTime><eventTimeZoneOffset>+02:00</eventTimeZoneOffset>"
    )
    path.write_text(f"<ObjectEvent>{fields}<action>OBSERVE</action></ObjectEvent>")
    found = tradeseal("epcis", "hash", str(path), "--json")
    pre = "eventType=ObjectEventeventTime=2026-07-22T04:45:00.000ZeventTimeZoneOffset=+02:00action=OBSERVE"
    digest = hashlib.sha256(pre.encode()).hexdigest()
    assert found.data["hashes"] == [f"ni:///sha-256;{digest}?ver=CBV2.0"]
    path.write_text("<ObjectEvent>\n<action></ObjectEvent>")
    found = tradeseal("epcis", "hash", str(path))
    assert (found.code, found.out) == (1, "")
    assert "line 2, element 'action': malformed XML" in found.err


def test_hashing_what_is_no_document_prints_no_hash(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text('{"type": "EPCISDocument"}')
    found = tradeseal("epcis", "hash", str(path))
    assert (found.code, found.out) == (1, "")
    assert str(path) in found.err


def test_the_conformance_documents_are_judged_as_their_names_say(conformance: Path) -> None:
    documents = sorted((conformance / "epcis" / "gs1").rglob("*.jsonld"))[:5]
    assert documents
    assert tradeseal("epcis", "validate", *map(str, documents)).code == 0


def test_what_is_no_bundle_or_no_file_is_unchecked(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content in ("{}", "no JSON", '{"type": "EPCISDocument"}'):
        path.write_text(content)
        found = tradeseal("verify", str(path))
        assert found.code == 2
        assert str(path) in found.err
    assert tradeseal("verify", str(tmp_path / "none.json")).code == 2
    assert tradeseal("verify", "nonsense").code == 2


def test_a_trust_file_that_cannot_be_read_is_no_trust_at_all(tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_text("{}")
    found = tradeseal("verify", "09506000134352/A1", "--trust", str(tmp_path / "trust.json"))
    assert found.code == 2
    assert "trust anchor" in found.err
    assert tradeseal("trust", "show").code == 2


def test_operators_commands_say_that_nothing_is_installed() -> None:
    for command in (("audit",), ("indexer", "check"), ("indexer", "reindex"), ("oracle", "run")):
        found = tradeseal(*command)
        assert found.code == 2
        assert "nothing is installed" in found.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--threshold", "2"), "no chain to deploy to"),
        (("--threshold", "3", "--rpc", "http://127.0.0.1:1"), "threshold 3"),
        (("--threshold", "2", "--token", "EUR:2"), "CUR:DECIMALS:GLN:SYMBOL:NAME"),
        (("--threshold", "2", "--token", "eur:2:9521307000018:T:N"), "ISO 4217"),
        (("--threshold", "2", "--token", "EUR:2:9521307000019:T:N"), "check digit"),
    ],
)
def test_a_deployment_that_cannot_be_is_refused(arguments: tuple[str, ...], named: str) -> None:
    found = tradeseal("deploy", "--seat", "0x" + "11" * 20, "--seat", "0x" + "22" * 20, *arguments)
    assert found.code == 2
    assert named in found.err


def test_what_nobody_expected_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("a\nb")

    monkeypatch.setattr(program, "app", broken)
    found = tradeseal("key", "list", "--json")
    assert found.code == 2
    assert found.err == "tradeseal: unexpected RuntimeError: a b (TRADESEAL_DEBUG=1 shows where)\n"
    assert found.data["failed"] is True
    monkeypatch.setenv("TRADESEAL_DEBUG", "1")
    with pytest.raises(RuntimeError):
        tradeseal("key", "list")
