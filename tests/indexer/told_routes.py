"""Routes out of what members told, and what tests look for in them."""

from indexer.read.route.derive import derive
from indexer.read.route.facts import named
from indexer.read.route.parts import Finding, Route, Rules
from tests.indexer.journeys import (
    ITEM,
    Told,
    facts,
)
from tests.indexer.recorded import counted


def told(*what: Told, thing: str = ITEM, rules: Rules | None = None) -> Route:
    """The route of a thing as these events tell it."""
    return derive(*named(thing), counted(facts(list(what))), rules)


def kinds(found: Route) -> list[tuple[str, str]]:
    """Kind and severity of each finding."""
    return [(one.kind, one.severity) for one in found.findings]


def only(found: Route, kind: str) -> Finding:
    """The one finding of a kind."""
    (one,) = [one for one in found.findings if one.kind == kind]
    return one


def steps(found: Route, one: Finding) -> list[str]:
    """Business steps of the events that a finding names."""
    by_ref = {ref: node for node in found.nodes for ref in node.events}
    return [(by_ref[ref].biz_step or "").rpartition("-")[2] for ref in one.events]
