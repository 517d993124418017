"""JSON-LD contexts read offline: prefixes and terms to IRIs (JSON-LD 1.1, section 4.1 and 4.1.5).

Only what stands in the document is read. GS1's own context is known by its prefixes; any other remote context
is never fetched, so its terms stay unknown.
"""

import re
from collections import ChainMap
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import orjson

Context = list[Any]
"""Effective context: strings (URLs) and objects, outermost first."""

MAX_ALIASES: Final = 16

GS1_PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "epcis": "https://ref.gs1.org/epcis/",
        "cbv": "https://ref.gs1.org/cbv/",
        "cbvmda": "urn:epcglobal:cbv:mda:",
        "gs1": "https://gs1.org/voc/",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "owl": "http://www.w3.org/2002/07/owl#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "dcterms": "http://purl.org/dc/terms/",
    }
)
"""Prefixes that GS1's EPCIS context declares."""

_FULL_IRI: Final = re.compile(
    r"(https?://[^\s/?#]+|urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:|tag:|did:[a-z0-9]+:)\S*"
)


class ContextError(ValueError):
    """An `@context` that is not a URL, an object or a list of these."""

    def __init__(self, path: str, value: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}: {value!r}")
        self.path = path
        self.value = value
        self.reason = reason


def as_list(context: Any, path: str = "/@context") -> Context:
    """A `@context` member's value as a list; raises ContextError."""
    entries = context if isinstance(context, list) else [context]
    for entry in entries:
        if not isinstance(entry, (str, dict)):
            raise ContextError(path, entry, "a context must be a URL or an object")
    return list(entries)


_LARGEST_REMEMBERED: Final = 8 * 1024
"""bytes of a context whose terms are kept for the next event under it"""
_MOST_REMEMBERED: Final = 1024
_LONGEST_REMEMBERED: Final = 512
"""names of one context that are kept expanded, and their characters"""


def memory_key(context: Context) -> bytes | None:
    """What a context may be remembered by; None where it is too large for that, or no plain JSON."""
    try:
        key = orjson.dumps(context)
    except TypeError:
        return None
    return key if len(key) <= _LARGEST_REMEMBERED else None


_Root = tuple[dict[str, Any], str | None, dict[str, str | None]]


def _merged(context: Context) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for entry in context:
        if isinstance(entry, dict):
            merged.update(entry)
    return merged


def _root(context: Context) -> _Root:
    local = _merged(context)
    vocab = local.get("@vocab")
    return {**GS1_PREFIXES, **local}, vocab if isinstance(vocab, str) else None, {}


@lru_cache(maxsize=64)
def _remembered(key: bytes) -> _Root:
    return _root(orjson.loads(key))


class ActiveContext:
    """Terms in force at one place of a document.

    Contexts come from strangers: local ones are chained, never copied per use, and aliases of aliases are
    followed `MAX_ALIASES` deep.
    """

    __slots__ = ("_expanded", "_merged", "_terms", "_vocab")

    def __init__(
        self,
        terms: "dict[str, Any] | ChainMap[str, Any]",
        vocab: str | None,
        merged: dict[int, tuple[Any, dict[str, Any]]],
        expanded: dict[str, str | None],
    ) -> None:
        self._terms = terms
        self._vocab = vocab
        self._merged = merged
        self._expanded = expanded

    @classmethod
    def of(cls, context: Context) -> "ActiveContext":
        """Active context of an effective context list, GS1's prefixes included."""
        key = memory_key(context)
        terms, vocab, expanded = _root(context) if key is None else _remembered(key)
        return cls(terms, vocab, {}, expanded)

    def extended(self, context: Any) -> "ActiveContext":
        """This context with a local `@context` on top; what is not an object adds nothing."""
        local = self._local(context)
        if not local:
            return self
        vocab = self._vocab
        if "@vocab" in local:
            vocab = local["@vocab"] if isinstance(local["@vocab"], str) else None
        outer = self._terms.maps if isinstance(self._terms, ChainMap) else [self._terms]
        return ActiveContext(ChainMap(local, *outer), vocab, self._merged, {})

    def _local(self, context: Any) -> dict[str, Any]:
        if isinstance(context, dict):
            return context
        if not isinstance(context, list):
            return {}
        if id(context) not in self._merged:
            # the list is kept beside what came of it, so that nothing else takes its id
            self._merged[id(context)] = context, _merged(context)
        return self._merged[id(context)][1]

    def definition(self, term: str) -> Mapping[str, Any] | None:
        """Expanded definition of a term, where it has one."""
        found = self._terms.get(term)
        return found if isinstance(found, dict) else None

    def prefix(self, name: str) -> str | None:
        """IRI that stands for a prefix, or None where the context does not declare it."""
        return self._resolve(name, frozenset()) if name in self._terms else None

    def expand(self, name: str) -> str | None:
        """IRI of a member name, type or compact IRI; None where the context gives it none."""
        known = self._expanded.get(name, self)
        if known is not self:
            return known  # type: ignore[return-value]
        found = self._expand(name, frozenset())
        if len(self._expanded) < _MOST_REMEMBERED and len(name) + len(found or "") < _LONGEST_REMEMBERED:
            self._expanded[name] = found
        return found

    def declares(self, name: str) -> bool:
        """Whether an extension member's name is a full IRI or uses a declared prefix."""
        prefix, colon, _ = name.partition(":")
        return bool(colon) and (self.prefix(prefix) is not None or _FULL_IRI.fullmatch(name) is not None)

    def _resolve(self, term: str, seen: frozenset[str]) -> str | None:
        if term in seen or len(seen) >= MAX_ALIASES:
            return None
        found = self._terms[term]
        if isinstance(found, dict):
            if "@id" not in found:
                return self._absolute(term, seen | {term})
            found = found["@id"]
        return self._expand(found, seen | {term}) if isinstance(found, str) else None

    def _expand(self, name: str, seen: frozenset[str]) -> str | None:
        if name.startswith("@"):
            return None
        if name in self._terms and name not in seen:
            return self._resolve(name, seen)
        return self._absolute(name, seen)

    def _absolute(self, name: str, seen: frozenset[str]) -> str | None:
        prefix, colon, rest = name.partition(":")
        if colon:
            if prefix in self._terms and prefix not in seen and not rest.startswith("//"):
                base = self._resolve(prefix, seen)
                return None if base is None else base + rest
            return name
        return None if self._vocab is None else self._vocab + name
