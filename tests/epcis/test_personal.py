from typing import Any

import pytest

from epcis.personal import PersonalDataError, personal_paths, refuse_personal

GS1 = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"


def found(event: dict[str, Any], *context: Any, extra: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(value.path, value.term) for value in personal_paths(event, [GS1, *context], extra)]


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("s:email", {"s": "https://schema.org/"}),
        ("s:email", {"s": "http://schema.org/"}),
        ("s:email", {"s": "https://www.schema.org/"}),
        ("https://schema.org/email", {}),
        ("post", {"post": "https://schema.org/email"}),
        ("post", {"post": {"@id": "https://schema.org/email", "@type": "@id"}}),
        ("x:post", {"s": "https://schema.org/", "x:post": {"@id": "s:email"}}),
        ("email", {"@vocab": "https://schema.org/"}),
        ("b:email", {"a": "https://schema.org/", "b": "a:"}),
    ],
)
def test_a_personal_term_is_found_by_its_iri_however_it_is_written(
    name: str, context: dict[str, Any]
) -> None:
    assert [path for path, _ in found({name: "z@example.com"}, context)] == ["/" + name.replace("/", "~1")]


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("ex:email", {"ex": "https://example.com/ns/"}),
        ("email", {}),
        ("ex:givenName", {"ex": "https://schema.org.example.com/"}),
        ("s:name", {"s": "https://schema.org/"}),
        ("s:email", {"s": None}),
        ("a:email", {"a": "b:", "b": "a:"}),
    ],
)
def test_a_local_name_alone_says_nothing(name: str, context: dict[str, Any]) -> None:
    assert found({name: "value"}, context) == []


def test_values_are_found_at_any_depth_outermost_first() -> None:
    event = {
        "ilmd": {"ex:by": [{"s:telephone": "1"}, {"s:birthDate": "2000-01-01"}]},
        "sensorElementList": [{"sensorReport": [{"s:email": {"s:email": "x"}}]}],
    }
    assert found(event, {"s": "https://schema.org/", "ex": "https://example.com/"}) == [
        ("/ilmd/ex:by/0/s:telephone", "https://schema.org/telephone"),
        ("/ilmd/ex:by/1/s:birthDate", "https://schema.org/birthDate"),
        ("/sensorElementList/0/sensorReport/0/s:email", "https://schema.org/email"),
    ]


def test_an_object_of_a_persons_class_is_personal_as_a_whole() -> None:
    context = {"s": "https://schema.org/", "ex": "https://example.com/"}
    event = {
        "ex:crew": [{"type": "s:Person", "s:name": "Zoë"}, {"@type": ["s:Organization"], "s:name": "ACME"}]
    }
    assert found(event, context) == [("/ex:crew/0", "https://schema.org/Person")]


def test_contexts_inside_objects_and_term_definitions_count() -> None:
    inner = {"ex:a": {"@context": {"m": "https://schema.org/email"}, "m": "z@example.com"}, "m": 1}
    assert found(inner, {"ex": "https://example.com/"}) == [("/ex:a/m", "https://schema.org/email")]
    scoped = {"ex:a": {"m": "z@example.com"}}
    definition = {"@id": "https://example.com/a", "@context": {"m": "https://schema.org/email"}}
    assert found(scoped, {"ex:a": definition}) == [("/ex:a/m", "https://schema.org/email")]


def test_later_contexts_win() -> None:
    event = {"s:email": "x"}
    assert found(event, {"s": "https://schema.org/"}, {"s": "https://example.com/"}) == []


def test_the_table_can_be_extended() -> None:
    event = {"ex:badge": "1234"}
    context = {"ex": "https://example.com/"}
    assert found(event, context) == []
    assert found(event, context, extra=("https://example.com/badge",)) == [
        ("/ex:badge", "https://example.com/badge")
    ]


def test_gs1_vocabulary_is_known_without_declaring_it() -> None:
    assert found({"gs1:telephone": "1"}) == [("/gs1:telephone", "https://gs1.org/voc/telephone")]
    assert found({"g:telephone": "1"}, {"g": "https://ref.gs1.org/voc/"}) == [
        ("/g:telephone", "https://ref.gs1.org/voc/telephone")
    ]


def test_refusal_names_place_and_term_but_not_the_value() -> None:
    event = {"ex:by": {"f:mbox": "mailto:zoe@example.com"}}
    context = [GS1, {"f": "http://xmlns.com/foaf/0.1/", "ex": "https://example.com/"}]
    with pytest.raises(PersonalDataError) as caught:
        refuse_personal(event, context)
    assert str(caught.value).startswith("/ex:by/f:mbox: holds personal data (http://xmlns.com/foaf/0.1/mbox)")
    assert "zoe@" not in str(caught.value) + repr(personal_paths(event, context))
    refuse_personal({"ex:by": {"ex:role": "inspector"}}, context)


def test_hostile_contexts_end_quickly() -> None:
    chain = {f"t{i}": f"t{i + 1}:" for i in range(5000)}
    assert found({"t0:email": "x"}, chain) == []
    terms: dict[str, Any] = {f"x{i}": "https://example.com/" for i in range(5000)}
    scoped = {**terms, "ex:a": {"@id": "https://example.com/a", "@context": [terms]}}
    assert found({"ilmd": [{"ex:a": {"x1:b": i}} for i in range(5000)]}, scoped) == []
