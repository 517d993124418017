"""Events in XML: the reference's hashes, the hash of the same event in JSON, and what is refused."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from epcis_event_hash_generator import hash_generator, xml_to_py
from hypothesis import given, settings
from hypothesis import strategies as st

from epcis import canonical, cbv_hash, xml
from epcis.xml import XmlError
from tests.epcis.test_cbv_differential import CONTEXT, EVENTS, QUICK, SCALARS, TIMES
from tests.epcis.test_conformance import documents
from tests.epcis.xml_form import to_document, wrapped

HEAD = (
    '<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" xmlns:ex="https://ns.example.com/epcis/" '
    'xmlns:hash="https://ns.example.com/terms#"><EPCISBody><EventList>'
)
FOOT = "</EventList></EPCISBody></epcis:EPCISDocument>"
BASE = "<eventTime>2026-07-22T06:45:00+02:00</eventTime><eventTimeZoneOffset>+02:00</eventTimeZoneOffset>"
PLAIN = "eventType=ObjectEventeventTime=2026-07-22T04:45:00.000ZeventTimeZoneOffset=+02:00"


def document(fields: str) -> bytes:
    return f"{HEAD}<ObjectEvent>{BASE}{fields}</ObjectEvent>{FOOT}".encode()


def pre(fields: str) -> str:
    (text,) = xml.prehashes(document(fields))
    return text


def reference(data: bytes) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks whether an element is true
        events = xml_to_py.event_list_from_epcis_document_str(data.decode())
        return list(hash_generator.derive_prehashes_from_events(events))


def test_published_hashes(conformance: Path) -> None:
    paths = sorted((conformance / "epcis" / "event-hash").glob("*.xml"))
    assert len(paths) == 6
    for path in paths:
        hashes = path.with_suffix(".hashes").read_text("utf-8").split()
        assert [cbv_hash.ni(one) for one in xml.event_hashes(path.read_bytes())] == hashes, path.name


def test_public_documents_have_one_hash_in_both_forms(conformance: Path) -> None:
    compared = 0
    for path in documents(conformance):
        read = canonical.loads(path.read_bytes())
        body = read.get("epcisBody", {})
        for event in body.get("eventList", []) if isinstance(body, dict) else []:
            context = [*_listed(read["@context"]), *_listed(event.get("@context", []))]
            if ":" in event["type"] or any(name in str(event) for name in ("'@value'", "'@type'", "'@id'")):
                continue
            assert xml.prehashes(to_document([event], context)) == [cbv_hash.prehash(event, context)], path
            compared += 1
    assert compared > 80


def _listed(context: Any) -> list[Any]:
    return context if isinstance(context, list) else [context]


def both_forms(event: dict[str, Any]) -> None:
    data = to_document([event], CONTEXT)
    (text,) = xml.prehashes(data)
    assert text == cbv_hash.prehash(event, CONTEXT)
    assert [text] == reference(data)


@QUICK
@given(EVENTS)
def test_random_events_have_one_pre_hash_in_both_forms_and_the_references(event: dict[str, Any]) -> None:
    both_forms(event)


@pytest.mark.deep
@settings(QUICK, max_examples=20_000)
@given(EVENTS)
def test_many_random_events_have_one_pre_hash_in_both_forms_and_the_references(event: dict[str, Any]) -> None:
    both_forms(event)


NAMES = st.sampled_from(["ex:a", "ex:timeOfDay", "hash:b", "id", "action", "type", "epc", "ex:list", "uom"])
TEXTS = st.one_of(
    SCALARS.map(str), TIMES, st.sampled_from(["gs1:Speed", "cbv:Disp-active cbv:x", "a gs1:b", ""])
).map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"))
ATTRIBUTES = st.dictionaries(NAMES, TEXTS, max_size=2).map(
    lambda found: "".join(f' {name}="{value}"' for name, value in found.items())
)
ELEMENTS = st.recursive(
    st.builds("<{0}{1}>{2}</{0}>".format, NAMES, ATTRIBUTES, TEXTS),
    lambda inner: st.builds(
        lambda name, attributes, text, children: f"<{name}{attributes}>{text}{''.join(children)}</{name}>",
        NAMES | st.sampled_from(["readPoint", "epcList", "ilmd", "sensorElementList", "ex:b"]),
        ATTRIBUTES,
        TEXTS,
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


@settings(QUICK, max_examples=150)
@given(st.lists(ELEMENTS, max_size=4))
def test_random_elements_have_the_references_pre_hash(fields: list[str]) -> None:
    data = document("".join(fields))
    assert xml.prehashes(data) == reference(data)


@settings(QUICK, max_examples=30)
@given(EVENTS, st.randoms(use_true_random=False))
def test_the_wrappers_of_epcis_1_are_as_if_not_there(event: dict[str, Any], chance: Any) -> None:
    data = to_document([event], CONTEXT)
    assert xml.prehashes(wrapped(data, lambda _: chance.random() < 0.5)) == xml.prehashes(data)


def test_a_bare_event_and_query_results() -> None:
    event = f"<ObjectEvent>{BASE}</ObjectEvent>"
    assert xml.prehashes(event.encode()) == [PLAIN]
    query = (
        '<q:EPCISQueryDocument xmlns:q="urn:epcglobal:epcis-query:xsd:2"><EPCISBody><q:QueryResults>'
        f"<resultsBody><EventList>{event}{event}</EventList></resultsBody></q:QueryResults></EPCISBody>"
        "</q:EPCISQueryDocument>"
    )
    assert xml.prehashes(query.encode()) == [PLAIN, PLAIN]


def test_comments_and_text_behind_elements_do_not_count() -> None:
    assert pre("<ex:a><!-- x -->1<?pi x?>2<ex:b/>3</ex:a>tail") == (
        PLAIN + "{https://ns.example.com/epcis/}a=12{https://ns.example.com/epcis/}b"
    )


# where the reference gives no hash, or one of something else, CBV 2.0 decides


def test_a_transaction_without_a_type_has_its_identifier_alone() -> None:
    fields = "<bizTransactionList><bizTransaction>urn:x:1</bizTransaction></bizTransactionList>"
    assert pre(fields) == PLAIN + "bizTransactionListbizTransaction=urn:x:1"
    with pytest.raises(IndexError):
        reference(document(fields))


def test_an_empty_wrapper_is_as_if_not_there_however_it_is_written() -> None:
    assert pre("<extension/>") == pre("<extension></extension>") == pre("<extension ></extension >") == PLAIN


@pytest.mark.parametrize(
    ("fraction", "kept"), [(".9999", "05.000"), (".9995", "05.000"), (".9994", "04.999"), ("", "04.000")]
)
def test_fractions_that_round_up_to_a_second_carry(fraction: str, kept: str) -> None:
    """The reference drops such events in silence."""
    event = f"<ObjectEvent><eventTime>2026-07-22T06:45:04{fraction}Z</eventTime></ObjectEvent>"
    assert xml.prehashes(event.encode()) == [f"eventType=ObjectEventeventTime=2026-07-22T06:45:{kept}Z"]


def test_a_value_that_reads_as_infinity_is_text() -> None:
    """The reference drops such events in silence."""
    assert pre("<ex:a>Infinity</ex:a>").endswith("a=Infinity")
    assert reference(document("<ex:a>Infinity</ex:a>")) == []


DEEP = b"<ObjectEvent>" + b"<a>" * 10_000 + b"</a>" * 10_000 + b"</ObjectEvent>"
ENTITIES = b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]>\n<ObjectEvent>&c;</ObjectEvent>'


@pytest.mark.parametrize(
    ("data", "line", "element", "reason"),
    [
        (ENTITIES, 1, None, "a document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 1, None, "a document type"),
        (b"<ObjectEvent>\n<eventTime>&a;</eventTime></ObjectEvent>", 2, "eventTime", "undefined entity"),
        (b"<ObjectEvent>\n<readPoint>\n<id>1</readPoint></ObjectEvent>", 3, "id", "mismatched tag"),
        (b"<ObjectEvent>\n<ex:a/></ObjectEvent>", 2, "ObjectEvent", "unbound prefix"),
        (b'<ObjectEvent a="1" a="2"/>', 1, None, "duplicate attribute"),
        (b"<ObjectEvent>\n\x01</ObjectEvent>", 2, "ObjectEvent", "not well-formed"),
        (b"<ObjectEvent>\n\xe9</ObjectEvent>", 2, "ObjectEvent", "not well-formed"),
        (b"<ObjectEvent>" * 2 + b"</ObjectEvent>", 1, "ObjectEvent", "no element found"),
        (b"", 1, None, "no element found"),
        (b'<?xml version="1.0" encoding="latin-1"?><a/>', 1, None, "must be UTF-8"),
        ("<a/>".encode("utf-16"), 1, None, "must be UTF-8"),
        (DEEP, 1, "a", "nested deeper than 64"),
        (b"<a>" * 100_000, 1, "a", "nested deeper than 64|no element found"),
        (b"<html><body/></html>", 1, "html", "no EPCISBody|holds no EPCISBody"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_line_and_element(
    data: bytes, line: int, element: str | None, reason: str
) -> None:
    with pytest.raises(XmlError, match=reason) as caught:
        xml.prehashes(data)
    assert (caught.value.line, caught.value.element) == (line, element)


def test_what_only_looks_like_a_document_type_is_text() -> None:
    assert pre("<!-- <!DOCTYPE a> --><ex:a><![CDATA[<!DOCTYPE a>]]></ex:a>").endswith("a=<!DOCTYPE a>")


def test_a_pre_hash_of_any_size_cannot_be_asked_for() -> None:
    fields = f'<n:a xmlns:n="https://example.org/{"n" * 4000}">' + "<n:b/>" * 20_000 + "</n:a>"
    with pytest.raises(canonical.JsonError, match="more than 67108864 characters"):
        xml.prehashes(document(fields))


@pytest.mark.slow
def test_a_hundred_thousand_events_of_one_document() -> None:
    event = f"<ObjectEvent>{BASE}</ObjectEvent>"
    assert xml.prehashes(f"{HEAD}{event * 100_000}{FOOT}".encode()) == [PLAIN] * 100_000
