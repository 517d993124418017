"""One verification under way: what was found so far, and the network that may be asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chain import codec
from chain.abi_errors import decode_revert
from chain.abi_events import decode_log
from chain.bindings import event_ledger, product_passport
from chain.blocks import Log
from chain.codec import DecodeError
from chain.errors import CallReverted, ChainError
from chain.fields import hex_text
from chain.rpc import Rpc
from evidence import calls
from evidence.bundle import BatchProof, Bundle, EventProof, Trust
from evidence.facts import Facts
from evidence.readings import Reading, reading_of
from evidence.report import Check, Link, Status
from evidence.snapshot import Snapshot, Wanted


class Checking:
    """Collects checks and notices, and asks the trust anchor's network, and no other."""

    snapshot: Snapshot
    rights: str
    """address of the rights registry; both there once `chain_usable`"""

    def __init__(
        self, bundle: Bundle, trust: Trust | None, rpc: Rpc | None, facts: Facts | None = None
    ) -> None:
        self.bundle = bundle
        self.checks: list[Check] = []
        self.notices: list[str] = []
        self.item = calls.item_id(bundle.item)
        """32 bytes"""
        self.token = int.from_bytes(self.item, "big")
        self.block = 0
        """as of which everything is asked"""
        self.chain_usable = False
        """whether the node serves the trust anchor's network"""
        self.readings: dict[bytes, Reading] = {}
        """by sealId, of documents that somebody read for this verification already"""
        self._read: dict[int, Reading] = {}
        self._trust = trust
        self._rpc = rpc
        self._facts = facts or Facts()

    def reading(self, proof: EventProof) -> Reading:
        """What an event's document says."""
        found = self.readings.get(proof.seal_id) or self._read.get(id(proof))
        if found is None:
            # not by its sealId: a stranger's bundle may claim one for several documents
            found = self._read[id(proof)] = reading_of(proof.document)
        return found

    def add(self, link: Link, status: Status, detail: str, place: str | None = None) -> None:
        """Note the outcome of one check."""
        self.checks.append(Check(link, status, detail, place))

    def judge(self, link: Link, holds: bool, good: str, bad: str, place: str | None = None) -> bool:
        """Note a check that either holds or is contradicted."""
        status = Status.VERIFIED if holds else Status.CONTRADICTED
        self.add(link, status, good if holds else bad, place)
        return holds

    def notice(self, text: str, *, first: bool = False) -> None:
        """Note what whoever scans should see first; once is enough."""
        if text not in self.notices:
            self.notices.insert(0 if first else len(self.notices), text)

    # -- network -----------------------------------------------------------------------------------------

    def check_network(self) -> None:
        """Bundle, trust anchor and node are of one network, whose contracts answer to one registry."""
        trust = self._trust
        if trust is None:
            self.add(
                Link.NETWORK,
                Status.UNCHECKED,
                "there is no trust anchor: nothing on a chain can be believed without one",
            )
            return
        named = self.bundle.chain
        same = (named.chain_id, named.first_block) == (trust.chain_id, trust.first_block)
        addresses = self.bundle.contracts
        differing = [
            name
            for name in ("registry", "ledger", "passport")
            if getattr(addresses, name).lower() != getattr(trust, name).lower()
        ]
        if not same:
            self.add(
                Link.NETWORK,
                Status.CONTRADICTED,
                f"the bundle is of chain {named.chain_id}/{hex_text(named.first_block)}, the trust anchor of "
                f"{trust.chain_id}/{hex_text(trust.first_block)}",
            )
        if differing:
            self.add(
                Link.CONTRACTS,
                Status.CONTRADICTED,
                f"the bundle names other contracts than the trust anchor: {', '.join(differing)}",
            )
        if same and not differing:
            self._node(trust)

    def _node(self, trust: Trust) -> None:
        rpc = self._rpc
        if rpc is None:
            self.add(Link.NETWORK, Status.UNCHECKED, "there is no node to ask")
            return
        with self.asking(Link.NETWORK):
            self.snapshot = Snapshot(rpc, trust, self._facts)
            self.snapshot.ask(self.wanted(trust))
            network = self.snapshot.network
            found = (network.chain_id, network.first_block)
            if not self.judge(
                Link.NETWORK,
                found == (trust.chain_id, trust.first_block),
                f"the node serves the trust anchor's chain {trust.chain_id}",
                f"the node serves chain {found[0]}/{hex_text(found[1])}, the trust anchor is of "
                f"{trust.chain_id}/{hex_text(trust.first_block)}",
            ):
                return
            self.block = self.snapshot.head.number
            empty = [name for name, there in network.code.items() if not there]
            if empty:
                self.add(Link.CONTRACTS, Status.CONTRADICTED, f"there is no contract at: {', '.join(empty)}")
                return
            self.rights = product_passport.decode_rights_result(
                self.ask(trust.passport, product_passport.encode_rights())
            )
            self._facts.rights[trust.passport] = self.rights
            registries = {
                event_ledger.decode_registry_result(
                    self.ask(trust.ledger, event_ledger.encode_registry())
                ).lower(),
                product_passport.decode_registry_result(
                    self.ask(trust.passport, product_passport.encode_registry())
                ).lower(),
            }
            self.chain_usable = self.judge(
                Link.CONTRACTS,
                registries == {trust.registry.lower()},
                f"ledger and passports answer to the trust anchor's registry (as of block {self.block})",
                f"ledger or passports answer to another registry: {', '.join(sorted(registries))}",
            )

    def ask(self, contract: str, call: bytes) -> bytes:
        """What a view returns as of `block`. Raises CallReverted, ChainError."""
        return self.snapshot.call(contract, call, self.block)

    def ask_ledger(self, call: bytes) -> bytes:
        """As `ask`, of the trusted event ledger."""
        return self.ask("" if self._trust is None else self._trust.ledger, call)

    def ask_passport(self, call: bytes) -> bytes:
        """As `ask`, of the trusted passport contract."""
        return self.ask("" if self._trust is None else self._trust.passport, call)

    def wanted(self, trust: Trust) -> Wanted:
        """Everything that the checks of this bundle are going to ask."""
        wanted = Wanted()
        ledger, passport = trust.ledger, trust.passport
        for event in self.bundle.events:
            proof = event.proof
            if isinstance(proof, BatchProof):
                wanted.lasting[ledger, calls.anchored(event.member, proof.root)] = proof.transaction
            else:
                wanted.calls[ledger, calls.attested(event.member, event.seal_id)] = None
            wanted.calls[ledger, calls.error_of(event.member, event.seal_id)] = None
            wanted.transactions[proof.transaction] = None
        given = self.bundle.passport
        wanted.calls[passport, calls.issue_of(self.token)] = None
        if given is not None:
            wanted.lasting[passport, calls.issue_record(given.issue_id)] = given.transaction
            wanted.calls[passport, calls.recall_of(given.issue_id, self.item)] = None
            wanted.transactions[given.transaction] = None
        return wanted

    @contextmanager
    def asking(self, link: Link, place: str | None = None) -> Iterator[None]:
        """What a node fails at is unchecked; what a contract refuses is contradicted."""
        try:
            yield
        except CallReverted as error:
            self.add(link, Status.CONTRADICTED, f"the contract says: {decode_revert(error.data)}", place)
        except (ChainError, DecodeError) as error:
            self.add(link, Status.UNCHECKED, str(error), place)

    def on_chain(self, link: Link, place: str, check: Callable[[], None]) -> None:
        """Run a check that needs the trusted network, or say that it could not be made."""
        if not self.chain_usable:
            self.add(link, Status.UNCHECKED, "the network could not be trusted or asked", place)
            return
        with self.asking(link, place):
            check()

    def logged(self, place: str, transaction: bytes, fits: Callable[[codec.Event], bool]) -> None:
        """Whether a transaction holds the log it is named for, by one of the trusted contracts."""

        def find() -> None:
            trust = self._trust
            if trust is None:
                return
            receipt = self.snapshot.receipt(transaction)
            if receipt is None:
                # nodes forget old receipts; what the contracts keep was asked apart from this
                text = f"the node knows no transaction {hex_text(transaction)}"
                self.add(Link.TRANSACTION, Status.UNCHECKED, text, place)
                return
            trusted = {trust.ledger.lower(), trust.passport.lower()}
            found = (self._decoded(log) for log in receipt.logs if log.address.lower() in trusted)
            self.judge(
                Link.TRANSACTION,
                any(one is not None and fits(one) for one in found),
                f"recorded by transaction {hex_text(transaction)}",
                f"transaction {hex_text(transaction)} does not record it",
                place,
            )

        self.on_chain(Link.TRANSACTION, place, find)

    def _decoded(self, log: Log) -> codec.Event | None:
        key = log.block_hash, log.log_index
        found: codec.Event | None = self._facts.events.get(key)
        if found is None:
            found = decode_log(log.topics, log.data)
            if found is not None:
                self._facts.events.put(key, found)
        return found
