"""Rule 8: whatever byte of the vault is changed, the audit finds it and names what it is of."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import pytest
from sqlalchemy import text

from chain.database import reading, writing
from evidence.audit import audit
from tests.evidence import documents as docs
from tests.evidence.auditing import altered, changed_file, run
from tests.evidence.world import World
from vault.cid import Cid
from vault.content import Problem, StoreUnavailable
from vault.store import ContentStore, LocalStore, VaultError

pytestmark = pytest.mark.slow

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))]


@pytest.mark.parametrize("seed", SEEDS)
def test_rule_8_any_byte_of_any_vault_file_is_found_and_named(story: World, seed: int) -> None:
    rng = random.Random(seed)
    cid = rng.choice(sorted(story.store.iterate()))
    with changed_file(story.store.path_of(cid), rng):
        report = run(story)
        assert report.exit_code == 1
        named = [finding for finding in report.findings if finding.place == str(cid)]
        assert len(named) == 1, report.findings
        # a changed file is no reason to call the mirror wrong
        assert {finding.kind for finding in report.findings} == {"vault"}, report.findings
    assert run(story).findings == ()


def test_a_damaged_document_is_named_with_its_event_and_item(story: World) -> None:
    job = story.service.jobs(limit=50)[-1]
    seal = job.seals[0]
    with changed_file(story.store.path_of(Cid.parse(seal.cid)), random.Random(1)):
        (finding,) = run(story).findings
    assert (finding.kind, finding.place) == ("vault", seal.cid)
    assert finding.events == (seal.seal_id,)
    assert finding.items == (docs.item("a1"),)
    assert "corrupt" in finding.detail


def test_a_missing_manifest_is_named_with_all_its_events(story: World) -> None:
    job = story.service.jobs(limit=50)[-1]
    with writing(story.mirror) as session:
        rows = session.execute(
            text("SELECT cid FROM manifest WHERE root = :root"), {"root": job.seals[0].root}
        )
        cid = Cid.parse(rows.scalar_one())
    away = story.store.root / "away"
    story.store.path_of(cid).rename(away)
    try:
        (finding,) = run(story).findings
    finally:
        away.rename(story.store.path_of(cid))
    assert (finding.kind, finding.place) == ("vault", str(cid))
    assert set(finding.events) == {seal.seal_id for seal in job.seals}
    assert "missing" in finding.detail


@pytest.mark.parametrize(
    ("table", "column", "manifest"),
    [
        ("sealed_event", "block_number", False),  # where a document lies says nothing of its proof
        ("event_proof", "salt", False),
        ("content", "log_index", False),
        ("anchored", "size", True),
        ("manifest", "root", True),
        ("sealed_event", "type", True),  # of an event that is proven elsewhere, too
    ],
)
def test_damaged_content_excuses_no_more_than_hangs_on_it(
    story: World, table: str, column: str, manifest: bool
) -> None:
    seal = story.service.jobs(limit=50)[-1].seals[0]
    with reading(story.mirror) as session:
        query = text("SELECT cid FROM manifest WHERE root = :root")
        cid = session.execute(query, {"root": seal.root}).scalar_one() if manifest else seal.cid
        by = {"sealed_event": "seal_id", "event_proof": "seal_id", "content": "cid"}.get(table, "root")
        if manifest and table == "sealed_event":
            found = "NOT IN (SELECT seal_id FROM event_proof WHERE root = :value)"
            value = seal.root
        else:
            found, value = "= :value", {"seal_id": seal.seal_id, "cid": seal.cid, "root": seal.root}[by]
        query = text(f"SELECT rowid, {column} FROM {table} WHERE {by} {found}")  # noqa: S608 - ours
        place, kept = session.execute(query, {"value": value}).first() or (None, None)
    other = kept + 1 if isinstance(kept, int) else f"{kept}0"
    change = f"UPDATE {table} SET {column} = :other WHERE rowid = :place"  # noqa: S608 - ours
    undo = f"UPDATE {table} SET {column} = :kept WHERE rowid = :place"  # noqa: S608 - ours
    with (
        altered(story, change, undo, other=other, kept=kept, place=place),
        changed_file(story.store.path_of(Cid.parse(cid)), random.Random(1)),
    ):
        kinds = {
            (finding.kind, finding.place.partition("/")[0], finding.place.rpartition("/")[2])
            for finding in run(story).findings
        }
    assert kinds == {("vault", cid, cid), ("mirror", table, column)}


class Away:
    """A vault that gives no answer, to some questions or to all."""

    def __init__(self, store: LocalStore, silent: frozenset[Cid] | None) -> None:
        self._store = store
        self._silent = silent

    def get(self, cid: Cid) -> bytes:
        (answer,) = self.get_many([cid])
        if isinstance(answer, VaultError):
            raise answer
        return answer

    def get_many(self, cids: Sequence[Cid]) -> list[bytes | VaultError]:
        if self._silent is None:
            raise StoreUnavailable("https://vault.example", "no answer")
        error = StoreUnavailable("https://vault.example", "timed out")
        return [error if cid in self._silent else self._store.get(cid) for cid in cids]

    def verify_all(self, progress: Callable[[int, int], None] | None = None) -> Iterator[Problem]:
        if self._silent is None:
            raise StoreUnavailable("https://vault.example", "no answer")
        yield from self._store.verify_all(progress)


def test_a_vault_that_does_not_answer_is_not_clean_and_not_at_fault(story: World) -> None:
    report = audit(story.deployment, story.rpc, story.mirror, cast(ContentStore, Away(story.store, None)))
    assert report.exit_code == 2
    assert {(finding.kind, finding.unchecked) for finding in report.findings} == {("vault", True)}
    assert "https://vault.example" in {finding.place for finding in report.findings}
    assert not report.to_json()["clean"]
    seal = story.service.jobs(limit=50)[-1].seals[0]
    away = cast(ContentStore, Away(story.store, frozenset({Cid.parse(seal.cid)})))
    (finding,) = audit(story.deployment, story.rpc, story.mirror, away).findings
    assert (finding.place, finding.unchecked, finding.events) == (seal.cid, True, (seal.seal_id,))
    assert finding.items == (docs.item("a1"),)
    # what is wrong counts before what is unknown
    with changed_file(story.store.path_of(sorted(story.store.iterate())[0]), random.Random(3)):
        assert run(story).exit_code == 1


def test_a_file_that_nothing_names_is_read_too(story: World) -> None:
    cid = story.store.put(b"left by a refused capture")
    path = story.store.path_of(cid)
    path.chmod(0o640)
    path.write_bytes(b"left by a refused captureX")
    try:
        assert [finding.place for finding in run(story).findings] == [str(cid)]
    finally:
        path.unlink()
