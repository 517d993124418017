"""Verification from the command line: where bundle, node and trust anchor come from."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from cli.failure import Exit, Failure
from cli.session import Session

if TYPE_CHECKING:
    from chain.rpc import Rpc
    from evidence.bundle import Trust
    from evidence.report import Report

_MARKS = {"verified": "ok", "contradicted": "CONTRADICTED", "unchecked": "not checked"}


def verify(session: Session, subject: str, url: str | None, trust_file: Path | None) -> "Report":
    """Verify a bundle file, or what is recorded of an item.

    An item of this installation is read from its own mirror and vault; any other from the API, whose bundle
    is believed no more than a file's. A node that is not there leaves links unchecked. Raises Failure.
    """
    from cli.content import opened_vault
    from cli.installation import existing_mirror, known_deployment, trust_of
    from cli.item_names import link_of
    from evidence.verify_item import verify_item

    settings, home = session.settings, session.home
    trust = trust_of(settings, home, trust_file)
    with ExitStack() as stack:
        rpc = _node(stack, session, url)
        path = Path(subject)
        if path.is_file():
            return _bundle(_read(path), trust, rpc, f"{path}: ")
        if subject.lower().endswith((".json", ".jsonld")):
            raise Failure(f"{subject}: there is no such file", Exit.UNCHECKED)
        uri = link_of(subject)
        deployment = known_deployment(home, trust) if settings.api_url is None else None
        mirror = stack.enter_context(existing_mirror(settings, home)) if deployment is not None else None
        if deployment is not None and mirror is not None:
            store = stack.enter_context(opened_vault(settings, home))
            return verify_item(uri, deployment, trust, rpc, mirror, store)
        return _bundle(fetch_bundle(session, subject), trust, rpc)


def fetch_bundle(session: Session, item: str) -> bytes:
    """An item's proof bundle from the API. Raises Failure."""
    import json

    from cli.item_names import item_of

    return json.dumps(session.api.get(f"{item_of(item).page}/proof"), ensure_ascii=False).encode()


def report_text(report: "Report") -> str:
    """Each link with its state, then notices and the verdict, which is about the record, never the goods."""
    lines = [report.item]
    for check in report.checks:
        place = "" if check.place is None else f"{check.place[:14]}…  "
        lines.append(
            f"  {_MARKS[check.status.value].ljust(12)}  {check.link.value.ljust(13)}  {place}{check.detail}"
        )
    lines += [f"note: {notice}" for notice in report.notices]
    return "\n".join([*lines, report.text])


def _node(stack: ExitStack, session: Session, url: str | None) -> "Rpc | None":
    from chain.rpc import Rpc

    node = url or session.rpc_url
    if node is None:
        return None
    try:
        return stack.enter_context(Rpc(node))
    except ValueError as error:
        raise Failure(str(error), Exit.UNCHECKED) from None


def _bundle(data: bytes, trust: "Trust | None", rpc: "Rpc | None", name: str = "") -> "Report":
    from evidence.bundle import BundleError
    from evidence.route_bundle import RouteBundle, read_evidence
    from evidence.route_verify import verify_route
    from evidence.verify import verify_bundle

    try:
        found = read_evidence(data)
    except BundleError as error:
        # What is no proof bundle says nothing about an item: there is nothing that could be contradicted.
        raise Failure(f"{name}{error}", Exit.UNCHECKED) from None
    if isinstance(found, RouteBundle):
        return verify_route(found, trust, rpc)
    return verify_bundle(found, trust, rpc)


def _read(path: Path) -> bytes:
    from cli.files import read_bytes
    from evidence.bundle import MAX_BUNDLE

    return read_bytes(path, MAX_BUNDLE)
