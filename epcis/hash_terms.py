"""What the event hash needs of a context: names in XML of members in JSON, IRIs of prefixes."""

from typing import Final

from epcis.canonical import JsonError
from epcis.contexts import ActiveContext, Context
from epcis.hash_identifier import usual_form
from epcis.hash_order import IGNORED_ANYWHERE, PAIRS, QUANTITY_NAMES
from epcis.hash_values import NEVER_A_NUMBER, canonical_value

MAX_PREHASH: Final = 64 * 1024 * 1024
"""Characters of a pre-hash: names and namespaces stand in it once for every value, so that a small document
may ask for a pre-hash of any size."""

_NAMES_REMEMBERED: Final = 4096
CALLED_OTHERWISE: Final = QUANTITY_NAMES | {"inputEPC", "outputEPC", "quantity"}
IGNORED_KIND: Final = "ignored"
PAIRS_KIND: Final = "pairs"
LIST_KIND: Final = "list"
RENAMED_KIND: Final = "renamed"


class Budget:
    """Characters that a pre-hash may still take."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_PREHASH

    def spend(self, characters: int) -> None:
        """Raise JsonError where the pre-hash has become too long."""
        self._left -= characters
        if self._left < 0:
            raise JsonError("", "", f"its CBV event hash is over more than {MAX_PREHASH} characters")


class Terms:
    """Names and prefixes of events under one context, resolved once."""

    def __init__(self, context: Context) -> None:
        self._active = ActiveContext.of(context)
        self._prefixes: dict[str, str | None] = {}
        self.names: dict[str, tuple[str, str | None]] = {}
        """what `name` found so far"""
        own = {name for entry in context if isinstance(entry, dict) for name in entry}
        self._plain = not any(name in ("urn", "http", "https") or name[:1].isdecimal() for name in own)
        """whether URNs, links and times hold no prefix"""

    def name(self, member: str) -> tuple[str, str | None]:
        """A member's name in XML, its prefix, where the context has it, as `{namespace}`; and its kind."""
        prefix, colon, local = member.partition(":")
        namespace = self.namespace(prefix) if colon else None
        name = member if namespace is None else f"{{{namespace}}}{local}"
        found = name, _kind(member, name)
        if len(self.names) < _NAMES_REMEMBERED and len(name) < 512:
            self.names[member] = found
        return found

    def namespace(self, prefix: str) -> str | None:
        """IRI of a prefix, None where the context has none."""
        if prefix in self._prefixes:
            return self._prefixes[prefix]
        found = self._active.prefix(prefix)
        if len(self._prefixes) < _NAMES_REMEMBERED and len(prefix) < 512:
            self._prefixes[prefix] = found
        return found

    def full(self, text: str) -> str:
        """A value with its prefix, where the context has it, as the IRI behind it."""
        if ":" not in text or (
            self._plain and (text[:1].isdecimal() or text.startswith(("urn:", "http:", "https:")))
        ):
            return text
        prefix, colon, rest = text.partition(":")
        namespace = self.namespace(prefix) if colon else None
        return text if namespace is None else namespace + rest

    def form(self, text: str, budget: "Budget") -> str:
        """A value's text in its one form, prefixes resolved; nothing for blank text."""
        if ":" not in text:
            return text.strip() if text[:1] in NEVER_A_NUMBER else canonical_value(text.strip())
        if self._plain and (known := usual_form(text)) is not None:
            return known
        full = self.full(text)
        if full is not text:
            budget.spend(len(full))
        return canonical_value(full.strip())

    @property
    def plain(self) -> bool:
        """Whether URNs, links and times hold no prefix under this context."""
        return self._plain


def _kind(member: str, name: str) -> str | None:
    if member in IGNORED_ANYWHERE:
        return IGNORED_KIND
    if member in PAIRS:
        return PAIRS_KIND
    if name.endswith("List") or name == "childEPCs":
        return LIST_KIND
    return RENAMED_KIND if name in CALLED_OTHERWISE else None
