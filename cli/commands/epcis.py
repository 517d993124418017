"""`tradeseal epcis`: checks and hashes of documents, without any service."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.failure import Exit, Failure
from cli.output import JsonFlag, counted, emit

_app = typer.Typer(
    help="EPCIS 2.0 documents, without any service.", no_args_is_help=True, rich_markup_mode=None
)
_SHOWN = 120


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="epcis")


@_app.command("validate")
def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="EPCIS 2.0 JSON-LD documents.")],
    json: JsonFlag = False,
) -> None:
    """Check documents; each problem is named by JSON Pointer, value and reason. Exit 1 where there is one.

    Example: tradeseal epcis validate events.jsonld
    """
    reports = [_check(path) for path in files]
    broken = sum(not report["valid"] for report in reports)
    if json:
        emit({"valid": not broken, "files": reports}, json)
    else:
        for report in reports:
            _show(report)
    if broken:
        raise typer.Exit(int(Exit.REFUSED))


@_app.command("hash")
def event_hashes(
    file: Annotated[Path, typer.Argument(help="EPCIS 2.0 document or event, JSON-LD or XML.")],
    json: JsonFlag = False,
) -> None:
    """Print the CBV 2.0 event hash of each event, one `ni:///…` a line, in document order.

    Example: tradeseal epcis hash events.jsonld
    """
    from cli.files import read_bytes
    from epcis import cbv_hash, xml
    from epcis.canonical import JsonError
    from epcis.model import EpcisError, parse_document

    data = read_bytes(file)
    try:
        if xml.is_xml(data):
            found = xml.event_hashes(data)
        else:
            events = parse_document(data).events
            found = [cbv_hash.event_hash(one.event, one.context) for one in events]
    except EpcisError as error:
        raise Failure(f"{file}: {error}", problem={"file": str(file), "problems": _problems(error)}) from None
    except (xml.XmlError, JsonError) as error:
        raise Failure(f"{file}: {error}", problem={"file": str(file), "reason": str(error)}) from None
    hashes = [cbv_hash.ni(one) for one in found]
    emit({"file": str(file), "hashes": hashes}, json, "\n".join(hashes))


def _check(path: Path) -> dict[str, Any]:
    from cli.files import read_bytes
    from epcis.model import EpcisError, parse_document

    report: dict[str, Any] = {"file": str(path)}
    try:
        events = len(parse_document(read_bytes(path)).events)
    except EpcisError as error:
        return report | {"valid": False, "problems": _problems(error)}
    return report | {"valid": True, "events": events, "problems": []}


def _problems(error: Any) -> list[dict[str, Any]]:
    return [{"pointer": one.path, "value": one.value, "reason": one.reason} for one in error.problems]


def _show(report: dict[str, Any]) -> None:
    import json as json_module

    if report["valid"]:
        typer.echo(f"{report['file']}: valid, {report['events']} events")
        return
    typer.echo(f"{report['file']}: {counted(len(report['problems']), 'problem')}")
    for one in report["problems"]:
        value = "" if one["value"] is None else json_module.dumps(one["value"], default=str)
        shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
        typer.echo(f"  {one['pointer'] or '/'}: {one['reason']}" + (f": {shown}" if shown else ""))
