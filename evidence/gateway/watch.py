"""Final batches, until they are deep enough that no reorganisation undoes them."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from chain.fields import hex_text, raw_bytes
from evidence.gateway.batches import Batches, ClosedBatch
from evidence.gateway.door import Door, DoorError
from evidence.gateway.limits import Delivery

_log = logging.getLogger(__name__)

_DOUBLINGS: Final = 20  # of a pause, beyond which it only overflows
_LOOKS: Final = 4  # of one pass, which has batches to post as well


class Watch:
    """Looks again at what is final.

    What the chain lost goes on as delivered: it is followed, and signed again where its call failed. Until
    then documents stay in the spool, since they may have to be posted again.
    """

    def __init__(
        self, batches: Batches, door: Door, member: str, settings: Delivery, clock: Callable[[], float]
    ) -> None:
        self._batches = batches
        self._door = door
        self._member = member
        self._settings = settings
        self._clock = clock
        self._looks: dict[int, int] = {}  # batch -> how often it was looked at
        self._until = 0.0  # Unix seconds before which the service is left alone
        self._at_work: set[int] = set()
        self._lock = threading.Lock()

    def look(self) -> tuple[bool, float | None]:
        """Look at what is due: whether anything changed, and seconds until the next look (None: nothing is
        watched). Threads never look at the same batch. Raises SQLAlchemyError."""
        most = self._settings.watch[1]
        changed = False
        for batch in self._batches.watched(_LOOKS):
            now = self._clock()
            due = max(batch.next_ms / 1000, self._until)
            # no pause is that long: the clock was set back, and nobody waits for it to catch up
            if now < due <= now + 2 * most:
                return changed, due - now
            with self._lock:
                if batch.id in self._at_work:
                    continue
                self._at_work.add(batch.id)
            try:
                changed = self._look(batch, now) or changed
            except DoorError as error:
                _log.info("gateway of %s: batch %d looked at in vain: %s", self._member, batch.id, error)
                self._until = now + most
                return changed, most
            finally:
                with self._lock:
                    self._at_work.discard(batch.id)
        following = self._batches.watched(1)
        return changed, max(0.0, following[0].next_ms / 1000 - self._clock()) if following else None

    def _look(self, batch: ClosedBatch, now: float) -> bool:
        proofs = [self._proof(*one) for one in self._anchors(batch)]
        if None in proofs:  # not mirrored yet, or not on the chain any more
            job = None if batch.job_id is None else self._door.job(batch.job_id)
            if job is None or not job.success:
                said = "; ".join(job.errors) if job is not None and job.errors else "it is in no block"
                _log.warning("gateway of %s: batch %d was final: %s", self._member, batch.id, said)
                self._looks.pop(batch.id, None)
                return self._batches.record_lost(batch, f"it was final, and the chain lost it: {said}")
        elif all(_depth(one, self._settings.depth) >= self._settings.depth for one in proofs if one):
            self._looks.pop(batch.id, None)
            own = proofs[0] if len(proofs) == 1 else None
            return self._batches.record_deep(batch, None if own is None else own.get("transaction"))
        looks = self._looks[batch.id] = min(self._looks.get(batch.id, 0) + 1, _DOUBLINGS)
        first, most = self._settings.watch
        self._batches.look_later(batch, int((now + min(first * 1.5**looks, most)) * 1000))
        return False

    def _anchors(self, batch: ClosedBatch) -> list[tuple[bytes, bytes | None]]:
        """(sealId, root it hangs on or None for an attestation), for each call that a batch rests on."""
        elsewhere = self._batches.elsewhere(batch)
        if not elsewhere:
            return [(self._batches.seal_ids(batch)[0][1], None if batch.single else batch.root)]
        found: dict[bytes | None, bytes] = {}
        single = []
        for seal_id, text in elsewhere:
            root = json.loads(text).get("root")
            if root is None:
                single.append((seal_id, None))
            else:
                found.setdefault(raw_bytes(root), seal_id)
        return [*((seal_id, root) for root, seal_id in found.items()), *single]

    def _proof(self, seal_id: bytes, root: bytes | None) -> Mapping[str, Any] | None:
        under = None if root is None else hex_text(root)
        return self._door.proof(
            self._member, hex_text(seal_id), kind="attestation" if root is None else "batch", root=under
        )


def _depth(proof: Mapping[str, Any], otherwise: int) -> int:
    """Blocks on top of the proof's; a service that does not tell is believed."""
    depth = proof.get("depth")
    return depth if type(depth) is int else otherwise
