"""What is read out of sealed documents and manifests, checked against the log that names them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from chain.fields import raw_bytes
from epcis import canonical, cbv_hash, digital_link, sealed, tiles, tree
from epcis.contexts import as_list
from epcis.tiles import Tile
from epcis.vocabulary import FIELDS

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_HASH: Final = re.compile(r"0x[0-9a-f]{64}")
_EPC_LISTS: Final = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_QUANTITY_LISTS: Final = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ContradictionError(ValueError):
    """Content is what its CID names, but not what the log says of it; the message names the field."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """An event in a batch; hashes as 0x-hexadecimal text, `cid` as written."""

    seal_id: str
    event_hash: str
    salt: str
    cid: str


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing an event names; `uri` canonical where it is a Digital Link, which gives it an `item_id`."""

    role: str
    uri: str
    item_id: str | None
    quantity: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A sealed event's own fields, None where it has none or they cannot be read."""

    columns: dict[str, Any]
    things: list[Thing]
    text: str
    """the sealed document itself, canonical JSON"""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch manifest that recomputes to the anchored root, with its Merkle tree."""

    leaves: list[Leaf]
    tiles: list[Tile]


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue manifest that recomputes to the issued root, with its Merkle tree; serials in leaf order."""

    serials: list[str]
    tiles: list[Tile]


def open_batch(content: bytes, member: int, root: str, size: int) -> Batch:
    """Read a batch manifest, which must recompute to the anchored root. Raises ContradictionError."""
    manifest = _manifest(content, "TradeSealBatch", member, root, size)
    leaves = []
    for i, entry in enumerate(_list(manifest, "leaves", size)):
        if not isinstance(entry, dict):
            raise ContradictionError(f"leaves/{i}: is not an object")
        hashes = [_hash(entry.get(name), f"leaves/{i}/{name}") for name in ("sealId", "eventHash", "salt")]
        cid = entry.get("cid")
        if not isinstance(cid, str):
            raise ContradictionError(f"leaves/{i}/cid: {cid!r} is not text")
        leaves.append(Leaf(hashes[0], hashes[1], hashes[2], cid))
    data = [
        tree.event_leaf(raw_bytes(leaf.seal_id), raw_bytes(leaf.event_hash), raw_bytes(leaf.salt))
        for leaf in leaves
    ]
    return Batch(leaves, _tree(data, root))


def open_issue(content: bytes, member: int, root: str, size: int, gtin: int) -> Issue:
    """Read an issue manifest, which must recompute to the issued root. Raises ContradictionError."""
    manifest = _manifest(content, "TradeSealIssue", member, root, size)
    if manifest.get("gtin") != f"{gtin:014d}":
        raise ContradictionError(f"gtin: {manifest.get('gtin')!r} instead of {gtin:014d}")
    serials = []
    data = []
    for i, serial in enumerate(_list(manifest, "serials", size)):
        if not isinstance(serial, str):
            raise ContradictionError(f"serials/{i}: {serial!r} is not text")
        try:
            data.append(tree.item_leaf(serial))
        except ValueError as error:
            raise ContradictionError(f"serials/{i}: {error}") from error
        serials.append(serial)
    return Issue(serials, _tree(data, root))


def read_document(content: bytes, seal_id: str, event_hash: str) -> Document:
    """A sealed event's columns. Raises ContradictionError where sealId or event hash are not its own."""
    actual = "0x" + sealed.seal_id(content).hex()
    if actual != seal_id:
        raise ContradictionError(f"sealId: the document's is {actual}")
    try:
        event = sealed.join(content, None)
        context = as_list(event.get("@context", []))
        computed = "0x" + cbv_hash.event_hash(event, context).hex()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ContradictionError(f"document: {error}") from error
    if computed != event_hash:
        raise ContradictionError(f"eventHash: the document's is {computed}, signed was {event_hash}")
    declared = event.get("errorDeclaration")
    declaration = declared if isinstance(declared, dict) else {}
    is_made = event.get("type") == "TransformationEvent"
    columns = {
        "type": _text(event.get("type")),
        "event_time": event_millis(event.get("eventTime")),
        "event_time_offset": _text(event.get("eventTimeZoneOffset")),
        "event_id": _text(event.get("eventID")),
        "transformation_id": _text(event.get("transformationID")) if is_made else None,
        "action": _text(event.get("action")),
        "biz_step": vocabulary_iri("bizStep", event.get("bizStep")),
        "disposition": vocabulary_iri("disposition", event.get("disposition")),
        "read_point": _place(event.get("readPoint")),
        "biz_location": _place(event.get("bizLocation")),
        "declares_error": declared is not None,
        "error_reason": vocabulary_iri("reason", declaration.get("reason"), "errorDeclaration"),
        "body": event,
    }
    return Document(columns, list(_things(event)), content.decode())


def event_millis(text: object) -> int | None:
    """An RFC 3339 time as Unix milliseconds, finer fractions cut; None for anything else."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}+00:00")
    except ValueError:
        return None
    offset = timedelta(hours=int(match[5] or 0), minutes=int(match[6] or 0))
    since = moment - _EPOCH + (offset if match[4] == "-" else -offset)
    return since // timedelta(milliseconds=1) + int((match[3] or "").ljust(3, "0")[:3])


def vocabulary_iri(field: str, value: object, holder: str = "") -> str | None:
    """A CBV short name as its full IRI; other text as it is."""
    if not isinstance(value, str):
        return None
    vocabulary = FIELDS.get((holder, field))
    return vocabulary.iri(value) if vocabulary else value


def item_key(identifier: str) -> tuple[str, str | None]:
    """Canonical Digital Link and item id of an identifier; what is none comes back as it is, without id."""
    try:
        uri = digital_link.canonical(identifier)
    except ValueError:
        return identifier, None
    return uri, "0x" + digital_link.item_id(uri).hex()


def _manifest(content: bytes, kind: str, member: int, root: str, size: int) -> dict[str, Any]:
    try:
        manifest = canonical.loads(content)
        if not isinstance(manifest, dict) or canonical.dumps(manifest) != content:
            raise ContradictionError("manifest: is not one object in canonical form (RFC 8785)")
    except canonical.JsonError as error:
        raise ContradictionError(f"manifest: {error}") from error
    wanted = {"type": kind, "version": 1, "member": f"{member:013d}", "size": size, "root": root}
    for name, value in wanted.items():
        found = manifest.get(name)
        if found != value or isinstance(found, bool):
            raise ContradictionError(f"{name}: {found!r} instead of {value!r}")
    return manifest


def _list(manifest: dict[str, Any], name: str, size: int) -> list[Any]:
    found = manifest.get(name)
    if not isinstance(found, list) or len(found) != size:
        count = len(found) if isinstance(found, list) else "no"
        raise ContradictionError(f"{name}: {count} entries instead of {size}")
    return found


def _tree(data: list[bytes], root: str) -> list[Tile]:
    if not data:
        raise ContradictionError("size: there is no empty batch")
    made = list(tiles.tiles_of([tree.leaf_hash(one) for one in data]))
    computed = "0x" + tiles.root_of(tiles.reader(made), len(data)).hex()
    if computed != root:
        raise ContradictionError(f"root: the leaves give {computed}")
    return made


def _hash(value: object, field: str) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ContradictionError(f"{field}: {value!r} is not 32 bytes in hexadecimal")
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _place(value: object) -> str | None:
    place = value.get("id") if isinstance(value, dict) else None
    return digital_link.normalise(place) if isinstance(place, str) else None


def _things(event: dict[str, Any]) -> Iterator[Thing]:
    parent = event.get("parentID")
    if isinstance(parent, str):
        yield Thing("parentID", *item_key(parent))
    for role in _EPC_LISTS:
        for epc in _entries(event, role):
            if isinstance(epc, str):
                yield Thing(role, *item_key(epc))
    for role in _QUANTITY_LISTS:
        for entry in _entries(event, role):
            epc_class = entry.get("epcClass") if isinstance(entry, dict) else None
            if isinstance(epc_class, str):
                quantity = entry.get("quantity")
                number = isinstance(quantity, int | float) and not isinstance(quantity, bool)
                unit = _text(entry.get("uom"))
                yield Thing(role, *item_key(epc_class), float(quantity) if number else None, unit)


def _entries(event: dict[str, Any], role: str) -> list[Any]:
    found = event.get(role)
    return found if isinstance(found, list) else []
