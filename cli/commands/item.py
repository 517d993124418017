"""`tradeseal item`: issue, show, materialise, recall, QR code."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.commands.item_label import label
from cli.failure import Exit, Failure
from cli.options import As, Evidence, ItemArgument, Output
from cli.output import JsonFlag, emit, facts, operation_text, table
from cli.session import Session

_app = typer.Typer(help="Serialised items.", no_args_is_help=True, rich_markup_mode=None)
_PICTURES = (".png", ".svg")
_SERIAL_LENGTH = 20


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="item")
    _app.command("label")(label)


@_app.command("issue")
def issue(
    gtin: Annotated[str, typer.Argument(help="GTIN of 8, 12, 13 or 14 digits.")],
    signer: As,
    licence: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The licence, 0x and 64 digits; else the only live one that fits."),
    ] = None,
    serial: Annotated[list[str] | None, typer.Option(help="Serial number; repeatable.")] = None,
    serials: Annotated[Path | None, typer.Option(metavar="FILE", help="Serial numbers, one a line.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="So many serial numbers, counted up.")] = None,
    prefix: Annotated[str, typer.Option(help="What counted serial numbers begin with.")] = "",
    start: Annotated[int, typer.Option(min=0, help="The first number counted.")] = 1,
    json: JsonFlag = False,
) -> None:
    """Issue serialised items in one transaction, using up the licence: at most 300,000 at a time.

    Example: tradeseal item issue 09521300000107 --count 100000 --prefix 2026A- --as maker
    """
    from chain.codec import keccak256
    from cli import acts
    from cli.licences import fitting, of_network

    wanted = _serials(serial or [], serials) if count is None else _counted(count, prefix, start)
    if count is not None and (serial or serials is not None):
        raise Failure("give either --count or serial numbers", Exit.UNCHECKED)
    session = Session()
    member = session.member_of(signer)
    chosen = (
        fitting(of_network(session), f"{member.gln:013d}", f"{acts.gtin(gtin):014d}", member.country)
        if licence is None
        else acts.hash32(licence, "licence")
    )
    path, request = acts.issue(session, signer, gtin, wanted, chosen, member)
    operation = session.api.submit(path, request)
    root: bytes = request.message.root  # type: ignore[attr-defined]  # an issue's request
    found = {
        "issueId": "0x" + keccak256(member.gln.to_bytes(32, "big") + root).hex(),
        "root": "0x" + root.hex(),
        "size": len(wanted),
        "operation": operation,
    }
    emit(found, json, operation_text(operation, issue=found["issueId"], items=len(wanted)))


@_app.command("show")
def show(item: ItemArgument, json: JsonFlag = False) -> None:
    """Show what is recorded of an item: passport, recalls, events.

    Example: tradeseal item show 09521300000107/A1
    """
    from cli.item_names import item_of

    found = Session().api.get(item_of(item).page)
    if json:
        emit(found, json)
        return
    typer.echo(facts(_summary(found)))
    rows = [
        (
            one["eventTime"] or "-",
            (one["bizStep"] or one["type"] or "-").rpartition("BizStep-")[2],
            _named(one["member"]),
            one["state"] + (", declared erroneous" if one["errors"] else ""),
            one["sealId"],
        )
        for one in found["events"]
    ]
    if rows:
        table("Events", ("time", "step", "member", "document", "seal"), rows)


@_app.command("materialise")
def materialise(item: ItemArgument, json: JsonFlag = False) -> None:
    """Mint the passport of an issued item to its maker; anybody may.

    Example: tradeseal item materialise 09521300000107/A1
    """
    from cli import acts
    from cli.item_names import item_of

    name = item_of(item)
    session = Session()
    operation = session.do(acts.materialise(session.api.get(f"{name.page}/issue"), name.serial))
    emit(operation, json, operation_text(operation, item=name.uri))


@_app.command("recall")
def recall(
    evidence: Evidence,
    signer: As,
    item: Annotated[
        str | None, typer.Argument(metavar="[ITEM]", help="Digital Link, EPC URN, or GTIN/SERIAL.")
    ] = None,
    whole_issue: Annotated[
        str | None, typer.Option("--issue", metavar="ID", help="Stop this whole issue instead of one item.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Stop an item, or a whole issue, at once: by its maker, the licensor, or as a seizure by an authority.

    Example: tradeseal item recall 09521300000107/A1 --evidence decision.pdf --as maker
    """
    from cli import acts
    from cli.item_names import item_of, subject_id
    from cli.options import evidence_hash

    if (item is None) == (whole_issue is None):
        raise Failure("name either an item or --issue", Exit.UNCHECKED)
    session = Session()
    if item is not None:
        name = item_of(item)
        issue_id = acts.hash32(str(session.api.get(f"{name.page}/issue")["issueId"]), "issue")
        subject = subject_id(name.uri)
    else:
        issue_id, subject = acts.hash32(str(whole_issue), "issue"), bytes(32)
    operation = session.do(acts.recall(session, signer, issue_id, subject, evidence_hash(evidence)))
    emit(operation, json, operation_text(operation, issue="0x" + issue_id.hex()))


@_app.command("qr")
def qr(item: ItemArgument, output: Output = None, json: JsonFlag = False) -> None:
    """Show an item's QR code in the terminal, or write it to a .png or .svg file.

    Example: tradeseal item qr 09521300000107/A1 -o a1.svg
    """
    import segno

    from cli.item_names import item_of

    url = Session().public_url + item_of(item).path
    code = segno.make(url, error="m", micro=False)
    if output is not None:
        if output.suffix.lower() not in _PICTURES:
            raise Failure(f"{output}: the name must end in {' or '.join(_PICTURES)}", Exit.UNCHECKED)
        try:
            code.save(str(output), scale=8)
        except OSError as error:
            raise Failure(f"{output}: {error.strerror or error}", Exit.UNCHECKED) from None
    elif not json:
        code.terminal(compact=True)
    found = {"url": url} if output is None else {"url": url, "file": str(output)}
    emit(found, json, "\n".join(found.values()))


def _serials(given: list[str], file: Path | None) -> list[str]:
    from cli.files import read_lines

    serials = given + ([] if file is None else read_lines(file))
    if not serials:
        raise Failure("no serial number: give --serial, --serials FILE or --count N", Exit.UNCHECKED)
    return serials


def _counted(count: int, prefix: str, start: int) -> list[str]:
    """`count` serial numbers of one length. Raises Failure where AI (21) could not hold them."""
    from chain.requests import MAX_SERIALS

    if count > MAX_SERIALS:
        raise Failure(f"--count {count}: {MAX_SERIALS} are allowed in one issue", Exit.UNCHECKED)
    width = len(str(start + count - 1))
    if len(prefix) + width > _SERIAL_LENGTH:
        raise Failure(
            f"--prefix {prefix!r}: with {width} digits behind it a serial number has {len(prefix) + width} "
            f"characters, {_SERIAL_LENGTH} are allowed",
            Exit.UNCHECKED,
        )
    return [f"{prefix}{number:0{width}d}" for number in range(start, start + count)]


def _named(record: dict[str, Any]) -> str:
    return f"{record['name']} ({record['gln']})" if record.get("name") else str(record["gln"])


def _summary(record: dict[str, Any]) -> dict[str, object]:
    """What stands at the top of an item's record, what stops it first."""
    product, passport = record["product"], record["passport"]
    said: dict[str, object] = {"item": record["item"]}
    for stop in record["recalls"]:
        what = "SEIZED" if stop["seizure"] else "RECALLED"
        said[what] = f"by {_named(stop['by'])} at {stop['recalledAt']}, evidence {stop['evidence']}"
    said["record"] = f"{record['status']['verdict']}: {record['status']['title']}"
    if product:
        said["maker"] = _named(product["maker"])
        said["issued"] = f"{product['issuedAt']}, one of {product['issueSize']}, issue {product['issueId']}"
        if terms := product["licence"]:
            standing = "live" if terms["live"] else "not live"
            said["licence"] = f"{terms['brand']} by {_named(terms['licensor'])}, {standing}, {terms['id']}"
    else:
        said["issued"] = "never"
    holder = passport and (_named(passport["holder"]) if passport["holder"] else passport["owner"])
    said["passport"] = f"held by {holder}" if passport else "not materialised"
    for one in record["customs"]:
        said[f"customs {one['country']}"] = f"{one['decision']} at {one['decidedAt']}"
    notices = [notice for notice in record["notices"] if not notice.startswith("RECALLED")]
    return said | ({"note": "; ".join(notices)} if notices else {})
