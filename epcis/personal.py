"""Which values of an event are personal data, by the IRI that their member or class expands to.

A local name says nothing ("name" may be a product's): `ex:mail` is personal because the context says that it
is https://schema.org/email, and `ex:email` is not while `ex` is somebody's own vocabulary.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from epcis.canonical import Place, pointer_of
from epcis.contexts import ActiveContext, Context


def _terms(base: str, names: str) -> frozenset[str]:
    return frozenset(base + name for name in names.split())


PERSONAL_TERMS: Final = (
    _terms(
        "https://schema.org/",
        "givenName familyName additionalName honorificPrefix honorificSuffix email telephone "
        "faxNumber birthDate birthPlace deathDate gender nationality homeLocation workLocation jobTitle "
        "spouse children parent sibling knows colleague",
    )
    | _terms(
        "http://www.w3.org/2006/vcard/ns#",
        "given-name family-name additional-name honorific-prefix honorific-suffix nickname bday anniversary "
        "email hasEmail tel hasTelephone hasGender hasGivenName hasFamilyName hasAdditionalName hasNickname "
        "hasPhoto hasHonorificPrefix hasHonorificSuffix homeTel",
    )
    | _terms(
        "http://xmlns.com/foaf/0.1/",
        "givenName givenname familyName family_name firstName lastName surname nick mbox mbox_sha1sum "
        "phone birthday age gender knows img",
    )
    | _terms("http://www.w3.org/ns/person#", "birthName patronymicName citizenship residency countryOfBirth")
    | _terms("https://gs1.org/voc/", "contactPoint email telephone faxNumber")
)
"""IRIs of properties whose values are personal, wherever they stand."""

PERSON_CLASSES: Final = frozenset(
    {
        "https://schema.org/Person",
        "https://schema.org/Patient",
        "http://xmlns.com/foaf/0.1/Person",
        "http://www.w3.org/2006/vcard/ns#Individual",
        "http://www.w3.org/ns/person#Person",
    }
)
"""IRIs of classes whose objects are personal as a whole."""

_HOST: Final = re.compile(r"https?://(www\.|ref\.(?=gs1\.org/))?", re.IGNORECASE)


def _key(iri: str) -> str:
    """One spelling per IRI: vocabularies are met with http and https, with and without www."""
    return _HOST.sub("//", iri, count=1) if iri[:4].lower() == "http" else iri


_KNOWN: Final = frozenset(_key(iri) for iri in PERSONAL_TERMS | PERSON_CLASSES)
_CLASSES: Final = frozenset(_key(iri) for iri in PERSON_CLASSES)


@dataclass(frozen=True, slots=True, repr=False)
class PersonalValue:
    """A personal value: JSON Pointer into the event, the IRI that makes it personal, and the value."""

    path: str
    term: str
    value: Any

    def __repr__(self) -> str:
        return f"PersonalValue(path={self.path!r}, term={self.term!r})"


class PersonalDataError(ValueError):
    """An event holds personal data that cannot be taken; the value itself is never in the message."""

    def __init__(self, path: str, term: str) -> None:
        super().__init__(f"{path}: holds personal data ({term}), which is not accepted")
        self.path = path
        self.term = term


def personal_paths(
    event: dict[str, Any], context: Context, extra_terms: Collection[str] = ()
) -> list[PersonalValue]:
    """Personal values of an event, outermost first, sorted by path.

    `context`: effective context; `extra_terms`: IRIs of further properties or classes.
    """
    known, classes = _KNOWN, _CLASSES
    if extra_terms:
        extra = {_key(iri) for iri in extra_terms}
        known, classes = known | extra, classes | extra
    finder = _Finder(known, classes)
    finder.members(event, ActiveContext.of(context), None)
    return sorted(finder.found, key=lambda value: value.path)


def refuse_personal(event: dict[str, Any], context: Context, extra_terms: Collection[str] = ()) -> None:
    """Raise PersonalDataError for the first personal value, in the order of paths."""
    for value in personal_paths(event, context, extra_terms):
        raise PersonalDataError(value.path, value.term)


class _Finder:
    def __init__(self, known: frozenset[str], classes: frozenset[str]) -> None:
        self.known, self.classes = known, classes
        self.found: list[PersonalValue] = []

    def members(self, node: dict[str, Any], active: ActiveContext, place: Place) -> None:
        for name, value in node.items():
            if name == "@context":
                continue
            iri = active.expand(name)
            if iri is not None and _key(iri) in self.known:
                self.found.append(PersonalValue(pointer_of((place, name)), iri, value))
                continue
            if value.__class__ is not dict and value.__class__ is not list:
                continue
            definition = active.definition(name)
            scoped = active.extended(definition.get("@context")) if definition else active
            self.value(value, scoped, (place, name))

    def value(self, node: Any, active: ActiveContext, place: Place) -> None:
        if node.__class__ is list:
            for i, item in enumerate(node):
                if item.__class__ is dict or item.__class__ is list:
                    self.value(item, active, (place, i))
        elif node.__class__ is dict:
            inner = active.extended(node["@context"]) if "@context" in node else active
            person = next((iri for iri in self.types(node, inner) if _key(iri) in self.classes), None)
            if person is not None:
                self.found.append(PersonalValue(pointer_of(place), person, node))
            else:
                self.members(node, inner, place)

    @staticmethod
    def types(node: dict[str, Any], active: ActiveContext) -> list[str]:
        given = [node[name] for name in ("type", "@type") if name in node]
        flat = [t for value in given for t in (value if isinstance(value, list) else [value])]
        return [iri for t in flat if isinstance(t, str) and (iri := active.expand(t)) is not None]
