"""XML from strangers: elements of a document without a document type, or the line and element at fault.

Nothing is ever fetched: without a document type there are no entities and no external references, and schema
locations and stylesheets are not followed.
"""

import re
from typing import Any, Final, NoReturn
from xml.etree.ElementTree import Element, ParseError, XMLParser
from xml.parsers import expat

MAX_DEPTH: Final = 64

_DECLARATION: Final = re.compile(rb"<\?xml\b[^>]*?\bencoding\s*=\s*[\"']([^\"']*)[\"']")
_ENCODINGS: Final = frozenset({b"utf-8", b"us-ascii", b"ascii"})
_SHOWN: Final = 80


class XmlError(ValueError):
    """XML that cannot be taken: `line` (from 1) and the innermost element open there, None where none is."""

    def __init__(self, line: int, element: str | None, reason: str) -> None:
        shown = None if element is None else element if len(element) <= _SHOWN else element[:_SHOWN] + "…"
        where = f"line {line}" + ("" if shown is None else f", element {shown!a}")
        super().__init__(f"{where}: {reason}")
        self.line = line
        self.element = shown
        self.reason = reason


def read(data: bytes) -> Element:
    """Root element of a document in UTF-8.

    Raises XmlError for what is malformed, another encoding, a document type (and with it every entity), and
    elements nested deeper than 64.
    """
    _refuse_encodings(data)
    if b"<!DOCTYPE" in data:
        explain(data)  # returns where it is but text
    parser = XMLParser()  # noqa: S314 - no document type reaches it, so it has no entity to expand
    try:
        parser.feed(data)
        root: Element = parser.close()
    except (ParseError, ValueError):
        refuse(data)
    if _is_deep(root):
        refuse(data)
    return root


def _refuse_encodings(data: bytes) -> None:
    declared = _DECLARATION.match(data.removeprefix(b"\xef\xbb\xbf")[:200])
    name = declared[1].lower() if declared else b"utf-8"
    if name not in _ENCODINGS or data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:4]:
        raise XmlError(1, None, "must be UTF-8")


def _is_deep(root: Element) -> bool:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [inner for element in level if len(element) for inner in element]
        if not level:
            return False
    return True


def refuse(data: bytes) -> NoReturn:
    """Raise the XmlError of a document that cannot be taken."""
    explain(data)
    raise XmlError(1, None, "cannot be read")


def explain(data: bytes) -> None:
    """Read a document once more, slowly, to raise the XmlError that names what is wrong with it."""
    parser = expat.ParserCreate("utf-8", "}")
    opened: list[str] = []

    def fail(reason: str) -> NoReturn:
        raise XmlError(parser.CurrentLineNumber, opened[-1] if opened else None, reason)

    def start(name: str, _: Any) -> None:
        opened.append(name.rpartition("}")[2])
        if len(opened) > MAX_DEPTH:
            fail(f"nested deeper than {MAX_DEPTH}")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: opened.pop()
    parser.StartDoctypeDeclHandler = lambda *_: fail("a document type, and so an entity, is not taken")
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = f"malformed XML: {expat.ErrorString(error.code)} at column {error.offset + 1}"
        raise XmlError(error.lineno, opened[-1] if opened else None, reason) from None
