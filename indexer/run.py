"""The indexer: one loop for history and for what happens now."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import Session

from chain.blocks import Block
from chain.database import is_passing, reading, writing
from chain.errors import ChainError
from chain.fields import hex_text
from indexer import bodies, ledger, schema
from indexer.ahead import ahead
from indexer.compare import Difference, differences
from indexer.fetch import ChainMovedError, Fetcher, Node
from indexer.health import MirrorHealth, Pulse
from indexer.ledger import Identity, IndexerError, MirrorWrittenError
from indexer.span_rows import SpanRows, rows_of_span

_log = logging.getLogger(__name__)

_TRIES: Final = 20
_LONGEST_PAUSE: Final = 30.0
_DUE_AT_ONCE: Final = 4_000
"""CIDs that are looked up at a time"""


class NotReachedError(IndexerError):
    """The mirror did not reach a block in time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one run came. Numbers are of this run, except `mirrored`, `waiting` and `undecoded`."""

    latest: int
    """number of the chain's newest block"""
    mirrored: int
    """number of the mirror's newest block; one below the first where it holds none"""
    logs: int
    """logs written"""
    contents: int
    """pieces of content asked for"""
    rolled_back: int
    """blocks undone, as a difference of numbers"""
    waiting: int
    """pieces of content that could not be read so far"""
    undecoded: int
    """logs kept without a derived row"""

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.logs or self.contents or self.rolled_back)


class Indexer:
    """Keeps one mirror up to date with one deployment on one chain.

    `addresses`: instance name -> contract address. `start_block`: the first block that can hold a log of the
    deployment. `clock`: Unix milliseconds, for retries of content only. The schema is migrated and the mirror
    bound to the chain at the first use; DifferentChainError where it belongs to another one.
    """

    def __init__(
        self,
        engine: Engine,
        rpc: Node,
        addresses: Mapping[str, str],
        store: bodies.Reader,
        *,
        start_block: int = 0,
        poll_seconds: float = 0.5,
        max_span: int = 10_000,
        clock: Callable[[], int] = bodies.clock_ms,
    ) -> None:
        self._engine = engine
        self._node = rpc
        self._addresses = dict(addresses)
        self._store = store
        self._start_block = start_block
        self._poll_seconds = poll_seconds
        self._max_span = max_span
        self._clock = clock
        self._fetcher = Fetcher(rpc, list(self._addresses.values()), max_span)
        self._migrated = False
        self._advanced = threading.Condition()
        self._pulse = Pulse()

    @property
    def last_error(self) -> str | None:
        """What the loop of `run` last failed with; None while it succeeds."""
        return self._pulse.read().last_error

    def health(self) -> MirrorHealth:
        """How this indexer is doing, from memory: neither database nor node is asked."""
        return self._pulse.read()

    # -- one pass ----------------------------------------------------------------------------------------

    def run_once(self, until: int | None = None) -> Progress:
        """Bring the mirror to the chain's newest block (or to `until`) and read the content that is due.

        Raises ChainError where the node fails, DifferentChainError, SQLAlchemyError; whatever was written
        before stays, and the next call goes on from there.
        """
        self._bind()
        before = self._pulse.read()
        moved = 0
        while True:
            try:
                if not self._step(until):
                    break
                moved = 0
            except (ChainMovedError, MirrorWrittenError, DBAPIError) as error:
                if isinstance(error, DBAPIError) and not is_passing(error):
                    raise
                moved += 1
                if moved >= _TRIES:
                    raise
        self._read_contents()
        with reading(self._engine) as session:
            state = ledger.load(session)
            waiting, undecoded = bodies.waiting(session), ledger.undecoded(session)
        self._pulse.note(mirrored=state.head_number, waiting=waiting, undecoded=undecoded)
        now = self._pulse.read()
        return Progress(
            latest=now.latest,
            mirrored=state.head_number,
            logs=now.logs - before.logs,
            contents=now.contents - before.contents,
            rolled_back=now.rolled_back - before.rolled_back,
            waiting=waiting,
            undecoded=undecoded,
        )

    def _bind(self) -> None:
        if not self._migrated:
            schema.migrate(self._engine)
            self._migrated = True
        identity = Identity(
            self._node.chain_id(), hex_text(self._node.first_block_hash()), self._addresses, self._start_block
        )
        with reading(self._engine) as session:
            if ledger.is_bound(session, identity):
                return
        with writing(self._engine) as session:
            ledger.bind(session, identity)

    def _step(self, until: int | None) -> bool:
        """Undo what the chain replaced, or mirror what is new up to its newest block now: whether there was
        anything to do. Each span is one transaction; the next is fetched while one is written."""
        with reading(self._engine) as session:
            state = ledger.load(session)
        head = (state.head_number, state.head_hash)
        latest = self._fetcher.latest()
        self._pulse.note(latest=latest.number, mirrored=state.head_number)
        target = latest.number if until is None else min(latest.number, until)
        if state.head_hash and not self._is_on_chain(head, latest):
            self._bind()  # a chain that was swapped for another one is refused, not rolled back to nothing
            ancestor = self._common_ancestor(state.head_number, latest.number)
            with writing(self._engine) as session:
                ledger.roll_back(session, state.generation, ancestor)
            self._pulse.add(rollbacks=1, rolled_back=state.head_number - ancestor[0])
            self._pulse.note(progress=True, mirrored=ancestor[0])
            _log.warning("reorganisation undone: blocks %d to %d", ancestor[0] + 1, state.head_number)
            return True
        if state.head_number >= target:
            return False
        generation = state.generation
        with closing(ahead(self._spans(head, target))) as spans:
            for rows in spans:
                self._write(rows, generation)
                generation += 1
        return True

    def _spans(self, head: tuple[int, str], target: int) -> Iterator[SpanRows]:
        """What follows the mirror's head up to block `target`, each span building on the one before."""
        while head[0] < target:
            span = self._fetcher.fetch(head[0] + 1, target, head if head[1] else None)
            yield rows_of_span(span)
            head = (span.last.number, hex_text(span.last.hash))

    def _write(self, rows: SpanRows, generation: int) -> None:
        with writing(self._engine) as session:
            ledger.add_span(session, generation, rows)
        if rows.failed:
            _log.warning(
                "logs kept undecoded: %d in blocks %d to %d", rows.failed, rows.first, rows.last.number
            )
        self._pulse.add(logs=len(rows.logs["log_index"]))
        self._pulse.note(progress=True, mirrored=rows.last.number)
        with self._advanced:
            self._advanced.notify_all()

    def _is_on_chain(self, head: tuple[int, str], latest: Block) -> bool:
        number, block_hash = head
        if number > latest.number:
            return False
        block = latest if number == latest.number else self._node.get_block(number)
        return block is not None and block.number == number and hex_text(block.hash) == block_hash

    def _common_ancestor(self, head: int, latest: int) -> tuple[int, str]:
        """The newest block that mirror and chain share; below the first block where they share none.

        A block names all blocks below it, so that known blocks are shared up to some height and none above:
        chunks of doubling size are searched downwards, then halved.
        """
        below, size = min(head, latest) + 1, 8
        while True:
            with reading(self._engine) as session:
                known = ledger.known_blocks(session, below, size)
            if not known:
                return self._start_block - 1, ""
            if self._shared(known[-1]):
                break
            below, size = known[-1][0], size * 2
        low, high = 0, len(known) - 1  # the newest shared one is at low..high
        while low < high:
            middle = (low + high) // 2
            if self._shared(known[middle]):
                high = middle
            else:
                low = middle + 1
        return known[low]

    def _shared(self, block: tuple[int, str]) -> bool:
        found = self._node.get_block(block[0])
        return found is not None and found.number == block[0] and hex_text(found.hash) == block[1]

    def _read_contents(self) -> None:
        """Read what is due; each turn is one transaction, the next is read while one is written. Manifests
        lead to more."""
        now = self._clock()
        moved = 0
        while True:
            with reading(self._engine) as session:
                generation = ledger.load(session).generation
                wanted = bodies.due(session, now, _DUE_AT_ONCE)
            if not wanted:
                return
            try:
                with closing(ahead(bodies.turns(self._store, wanted))) as turns:
                    for turn in turns:
                        generation = self._fill(turn, generation, now)
                        self._pulse.add(contents=len(turn))
                        self._pulse.note(progress=True)
            except (MirrorWrittenError, DBAPIError) as error:
                moved += 1
                if (isinstance(error, DBAPIError) and not is_passing(error)) or moved >= _TRIES:
                    raise

    def _fill(self, turn: list[bodies.Reading], generation: int, now: int) -> int:
        """Write one turn; gives the mirror's generation after it."""
        try:
            with writing(self._engine) as session:
                ledger.claim(session, generation)
                bodies.apply(session, turn, max(now, self._clock()))
        except MirrorWrittenError:
            raise
        except Exception as error:
            if isinstance(error, DBAPIError) and is_passing(error):
                raise
            # content is anybody's writing: one piece must never stop the others
            with writing(self._engine) as session:
                ledger.claim(session, generation)
                for one in turn:
                    self._fill_one(session, one, max(now, self._clock()))
        return generation + 1

    def _fill_one(self, session: Session, one: bodies.Reading, now: int) -> None:
        try:
            with session.begin_nested():
                bodies.apply(session, [one], now)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            _log.warning("content %s cannot be mirrored: %s", one.cid, reason)
            bodies.postpone(session, one, reason, now)

    # -- the loop ----------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Follow the chain until `stop` is set. Whatever fails is logged and tried again.

        Raises DifferentChainError: no waiting mends that.
        """
        pause = self._poll_seconds
        while not stop.is_set():
            try:
                self.run_once()
                self._pulse.note(passed=True, last_error=None)
            except ledger.DifferentChainError:
                raise
            except Exception as error:  # nothing that a node or a database does may end the loop for good
                expected = isinstance(error, ChainError | IndexerError | SQLAlchemyError | OSError)
                if self.last_error is None:
                    _log.warning("indexer waits: %s", error, exc_info=not expected)
                text = str(error) if expected else f"{type(error).__name__}: {error}"
                self._pulse.add(errors=1)
                self._pulse.note(last_error=text)
                pause = min(_LONGEST_PAUSE, pause * 2)
            else:
                pause = self._poll_seconds
            stop.wait(pause)

    def wait_for_block(self, number: int, timeout: float) -> None:
        """Return once the mirror, written by whichever process, holds block `number` and has asked for all
        content named so far.

        `timeout` in seconds; raises NotReachedError with what stands in the way where it is known.
        """
        deadline = time.monotonic() + timeout
        while True:
            mirrored, untried = self._reached()
            if mirrored >= number and not untried:
                return
            left = deadline - time.monotonic()
            if left <= 0:
                why = f": {self.last_error}" if self.last_error else ""
                raise NotReachedError(
                    f"mirror is at block {mirrored}, {untried} contents unread; block {number} was wanted "
                    f"in {timeout} s{why}"
                )
            with self._advanced:
                self._advanced.wait(min(left, 0.05))

    def mirrored(self) -> int:
        """Number of the mirror's newest block; one below the first where it holds none."""
        return self._reached()[0]

    def _reached(self) -> tuple[int, int]:
        if not self._migrated:
            schema.migrate(self._engine)
            self._migrated = True
        with reading(self._engine) as session:
            try:
                return ledger.load(session).head_number, bodies.untried(session)
            except MirrorWrittenError:
                return self._start_block - 1, 0

    # -- the operator's commands -------------------------------------------------------------------------

    def check(self) -> list[Difference]:
        """Build a second mirror of the same blocks from chain and vault, and name every difference.

        Changes nothing. Raises ChainError, DifferentChainError.
        """
        self._bind()
        return differences(self._engine, self._rebuilt)

    def _rebuilt(self, engine: Engine, until: int) -> None:
        fresh = Indexer(
            engine,
            self._node,
            self._addresses,
            self._store,
            start_block=self._start_block,
            max_span=self._max_span,
            clock=self._clock,
        )
        fresh.run_once(until)

    def reindex(self) -> Progress:
        """Drop the mirror's tables, and no others, and build them again from chain and vault (rule 1)."""
        schema.drop(self._engine)
        self._migrated = False
        return self.run_once()
