"""Events that were captured before, by whomever: where they are, and jobs that only point there."""

from collections.abc import Sequence

from sqlalchemy import Engine

from chain.fields import hex_text
from evidence.errors import UnknownJob
from evidence.job_runner import JobRunner
from evidence.job_store import EXISTING, CapturedEvent, JobStore, NewEvent, mirrored
from evidence.jobs import Job


class KnownEvents:
    """What jobs and the mirror know of a member's events."""

    def __init__(self, jobs: JobStore, runner: JobRunner, mirror: Engine | None) -> None:
        self._jobs = jobs
        self._runner = runner
        self._mirror = mirror

    def live(self, kind: str, member: int, signed_id: bytes, *, seals: bool = True) -> Job | None:
        """The job over the same root or sealId that has not failed."""
        for row in self._jobs.signed(kind, member, signed_id):
            operation = self._runner.operation(row.id) or self._runner.submit(row)
            job = self._runner.job(row, operation, seals=seals)
            if job.running or job.success:
                return job
        return None

    def all_of(self, member: int, seal_ids: Sequence[str]) -> dict[str, NewEvent]:
        """Where every one of these events is; empty where one is new, which the first nearly always is."""
        if not self.of(member, seal_ids[:1]):
            return {}
        known = self.of(member, seal_ids)
        return known if all(seal_id in known for seal_id in seal_ids) else {}

    def of(self, member: int, seal_ids: Sequence[str]) -> dict[str, NewEvent]:
        """Those events that are captured, or about to be, with where."""
        found: dict[str, NewEvent] = {}
        alive: dict[str, bool] = {}
        for row in self._jobs.sources(member, seal_ids):
            source = row.source or ""
            if source not in alive:
                job = self._job(source, seals=False)
                alive[source] = job.running or job.success
            if alive[source]:
                found.setdefault(row.seal_id, _known_event(row))
        missing = [seal_id for seal_id in seal_ids if seal_id not in found]
        if self._mirror is not None and missing:
            for seal_id, place in mirrored(self._mirror, member, missing).items():
                root = None if place.root is None else bytes.fromhex(place.root[2:])
                found[seal_id] = NewEvent(
                    bytes.fromhex(seal_id[2:]), b"", "", root, place.leaf, None, place.transaction
                )
        return found

    def point(
        self,
        member: int,
        signer: str,
        signed_id: bytes,
        deadline: int,
        events: Sequence[NewEvent],
        known: dict[str, NewEvent],
        call: tuple[str, bytes, int | None],
    ) -> Job:
        """A job that only points to what is there; the very job where all of it came from one.

        It keeps the call where others brought some of it: the chain may lose that, and nobody send it again.
        """
        places = [known.get(hex_text(event.seal_id)) for event in events]
        sources = {None if place is None else place.source for place in places}
        only = next(iter(sources))
        if len(sources) == 1 and only is not None and len(self._jobs.events(only)) == len(events):
            return self._job(only)
        pointing = [
            NewEvent(
                event.seal_id,
                event.event_hash,
                event.cid,
                None if place is None else place.root,
                0 if place is None else place.leaf,
                None if place is None else place.source,
                None if place is None else place.transaction,
            )
            for event, place in zip(events, places, strict=True)
        ]
        kept = call if any(event.source is None for event in pointing) else None
        return self._runner.job(self._jobs.add(EXISTING, member, signer, signed_id, deadline, pointing, kept))

    def _job(self, capture_id: str, *, seals: bool = True) -> Job:
        row = self._jobs.get(capture_id)
        if row is None:
            raise UnknownJob(f"capture job {capture_id}: its events name it, but it is not there")
        return self._runner.job(row, seals=seals)


def _known_event(row: CapturedEvent) -> NewEvent:
    root = None if row.root is None else bytes.fromhex(row.root[2:])
    return NewEvent(
        bytes.fromhex(row.seal_id[2:]),
        bytes.fromhex(row.event_hash[2:]),
        row.cid,
        root,
        row.leaf,
        row.source,
        row.transaction,
    )
