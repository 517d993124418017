"""The comparison: what members were told, what the chain's raw logs say, and what every database holds.

The chain is read by JSON-RPC and decoded here by hand, beside the product's own readers.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from eth_abi.abi import decode
from eth_utils.crypto import keccak
from sqlmodel import col, select

from chain.database import reading
from chain.operation import Status
from chain.outbox import Outbox
from evidence.audit import audit
from evidence.bundle import Trust
from evidence.verify_item import verify_item
from indexer.run import Indexer
from indexer.tables.chainlog import RawLog
from indexer.tables.content import ContentQueue, EventProof, SealedEvent
from tests.evidence.documents import item
from tests.simulation.boundary import Boundary
from tests.simulation.processes import FRIEND, Bug
from tests.simulation.requests import Ask, Effect
from tests.simulation.scene import CURRENCY, PAYEE, RELAYER
from tests.simulation.story import Story
from vault.store import LocalStore

CHECK_EVERY = 5
"""the indexer's own check beside the audit, which compares the same rows, in one of so many seeds"""
_ATTESTATION = (
    "(bytes32,bytes32,bytes32,bytes32,bytes32,uint64,uint64,uint128,bytes3,bytes32,uint16,bytes,address,"
    "bytes32,uint64)"
)


def _topic(signature: str) -> str:
    return "0x" + keccak(text=signature).hex()


ANCHORED = _topic("Anchored(uint64,bytes32,uint64,bytes,address)")
ATTESTED = _topic(f"Attested(uint64,bytes32,bytes32,address,{_ATTESTATION})")
DECLARED = _topic("ErrorDeclared(uint64,bytes32,bytes32,bytes32,address)")
ISSUED = _topic("Issued(bytes32,uint64,uint64,bytes32,uint64,bytes32,bytes,address)")
MATERIALISED = _topic("Materialised(bytes32,uint256,uint64,string,address)")
CLOSED = _topic("OrderClosed(bytes32,uint8,uint256,uint256)")


@dataclass
class Chain:
    """What happened since the story began, from raw answers of the node."""

    logs: list[dict[str, Any]]
    effects: Counter[Effect] = field(default_factory=Counter)
    sizes: dict[Effect, int] = field(default_factory=dict)
    closed: Counter[bytes] = field(default_factory=Counter)
    transactions: dict[bytes, bool] = field(default_factory=dict)
    """of the relayer: hash -> whether it succeeded"""
    nonces: list[int] = field(default_factory=list)


def compare(story: Story) -> None:
    """Raise Bug with all that is wrong once a story is at rest."""
    wrong: list[str] = []
    chain = read_chain(story)
    _operations(story, chain, wrong)
    for ask in story.members.asks:
        _asked(story, ask, chain, wrong)
    _unasked(story, chain, wrong)
    _money(story, chain, wrong)
    _mirror(story, chain, wrong)
    if wrong:
        raise Bug("; ".join(wrong[:12]))


def read_chain(story: Story) -> Chain:
    """Logs and our transactions of all blocks of the story."""
    node = story.node
    addresses = list(story.scene.deployment.all_addresses().values())
    first = {"fromBlock": "0x0", "toBlock": "latest", "address": addresses}
    chain = Chain(node.ask("eth_getLogs", first))
    for log in chain.logs:
        _note(chain, log)
    head, _ = node.head()
    for number in range(story.base + 1, head + 1):
        block = node.ask("eth_getBlockByNumber", hex(number), True)
        for transaction in block["transactions"]:
            if transaction["from"].lower() == RELAYER.address.lower():
                made = bytes.fromhex(transaction["hash"][2:])
                receipt = node.ask("eth_getTransactionReceipt", transaction["hash"])
                chain.transactions[made] = receipt["status"] == "0x1"
                chain.nonces.append(int(transaction["nonce"], 16))
    return chain


def _note(chain: Chain, log: dict[str, Any]) -> None:
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    data = bytes.fromhex(log["data"][2:])
    kind = log["topics"][0]
    if kind == ANCHORED:
        effect: Effect = ("anchor", int.from_bytes(topics[1], "big"), topics[2])
        chain.sizes[effect] = decode(["uint64", "bytes", "address"], data)[0]
    elif kind == ATTESTED:
        effect = ("attest", int.from_bytes(topics[1], "big"), topics[2])
    elif kind == DECLARED:
        effect = ("error", int.from_bytes(topics[1], "big"), topics[2])
    elif kind == ISSUED:
        effect = ("issue", decode(["bytes32", "uint64", "bytes32", "bytes", "address"], data)[0])
    elif kind == MATERIALISED:
        effect = ("item", topics[2])
    elif kind == CLOSED:
        chain.closed[topics[1]] += 1
        return
    else:
        return
    chain.effects[effect] += 1


# -- operations ------------------------------------------------------------------------------------------


def _operations(story: Story, chain: Chain, wrong: list[str]) -> None:
    """Each has at most one transaction, its record is what the chain says, and nonces have no gap."""
    engine = story.world.engines.of("truth", "service", Boundary("truth"))
    operations = Outbox(engine, story.scene.deployment.identity, RELAYER.address).operations()
    owner: dict[bytes, int] = {}
    for one in operations:
        mined = [version.hash for version in one.versions if version.hash in chain.transactions]
        owner.update(dict.fromkeys(mined, one.id))
        if len(mined) > 1:
            wrong.append(f"operation {one.id} ({one.key}) has {len(mined)} transactions on the chain")
        done = bool(mined) and chain.transactions[mined[0]]
        said = {Status.MINED: [True], Status.REVERTED: [False]}.get(one.status, [])
        if [chain.transactions[one_mined] for one_mined in mined] != said:
            wrong.append(f"operation {one.id} ({one.key}) is {one.status}, on the chain: {done} {len(mined)}")
        elif mined:
            receipt = story.node.rpc.get_receipt(mined[0])
            place = None if receipt is None else (receipt.block_number, receipt.block_hash)
            if (one.block_number, one.block_hash) != place or one.transaction_hash != mined[0]:
                wrong.append(f"operation {one.id} ({one.key}) names another block than it is in")
        if not one.settled:
            wrong.append(f"operation {one.id} ({one.key}) is still {one.status}: {one.problem}")
    if (
        chain.nonces != list(range(chain.nonces[0], chain.nonces[0] + len(chain.nonces)))
        if chain.nonces
        else 0
    ):
        wrong.append(f"nonces {chain.nonces}")
    unknown = set(chain.transactions) - set(owner) - story.stolen
    if unknown:
        wrong.append(f"{len(unknown)} transactions of the relayer are no operation's")
    keys = Counter(one.key for one in operations)
    if any(count > 1 for count in keys.values()):
        wrong.append(f"keys used twice: {keys}")


# -- what members were told ------------------------------------------------------------------------------


def _asked(story: Story, ask: Ask, chain: Chain, wrong: list[str]) -> None:
    happened = [chain.effects[effect] for effect in ask.effects]
    if ask.kind == "pay":
        return
    if any(count > 1 for count in happened):
        wrong.append(f"{ask} took effect {happened} times")
    if not ask.valid:
        if any(happened):
            wrong.append(f"{ask} was refused and took effect")
        return
    if ask.state != "acknowledged":
        wrong.append(f"{ask} ended as {ask.state}")
        return
    if ask.kind != "batch" and not all(happened):
        wrong.append(f"{ask} was acknowledged and is not on the chain")
    if ask.kind == "gateway":
        _spooled(story, ask, chain, wrong)
        return
    for job_id in ask.jobs:
        _job(story, ask, job_id, chain, wrong)
    if ask.batch is not None:
        effect = ask.effects[0]
        salted = [
            sha256(b"\0\1" + leaf.seal_id + leaf.event_hash + _salt(ask.seed, index, leaf.seal_id)).digest()
            for index, leaf in enumerate(ask.batch.leaves)
        ]
        if merkle_root(salted) != ask.batch.root:
            wrong.append(f"{ask}: its root is not that of its leaves")
        if chain.effects[effect] and chain.sizes[effect] != len(salted):
            wrong.append(f"{ask}: anchored with size {chain.sizes[effect]}")


def _job(story: Story, ask: Ask, job_id: str, chain: Chain, wrong: list[str]) -> None:
    """A job that says success is on the chain with all its events, one that says failure has a reason."""
    job = story.serving.service.job(job_id)
    if job.running:
        wrong.append(f"{ask}: job {job_id} still runs")
    if not job.success:
        if not job.errors:
            wrong.append(f"{ask}: job {job_id} failed without a reason")
        if any(chain.effects[effect] for effect in ask.effects) and job_id == ask.jobs[-1]:
            wrong.append(f"{ask}: job {job_id} says {job.errors}, and it is on the chain")
        return
    for (member, seal_id), seal in zip(ask.events, job.seals, strict=True):
        if seal.seal_id != "0x" + seal_id.hex():
            wrong.append(f"{ask}: job {job_id} names another event")
        where: Effect = (
            ("attest", member, seal_id)
            if seal.root is None
            else ("anchor", member, bytes.fromhex(seal.root[2:]))
        )
        if chain.effects[where] != 1 and not chain.effects["attest", member, seal_id]:
            wrong.append(f"{ask}: job {job_id} says success, {where} is on the chain {chain.effects[where]}×")


def _spooled(story: Story, ask: Ask, chain: Chain, wrong: list[str]) -> None:
    """The gateway says final of each event that it acknowledged, and its proof holds against the chain."""
    gateway = story.gateway.gateway
    for member, seal_id in ask.events:
        state = gateway.event(seal_id)
        kept = gateway.proof(seal_id)
        if state is None or state.state != "final" or kept is None:
            said = None if state is None else (state.state, state.refusal, state.problem)
            wrong.append(f"{ask}: the gateway says {said} of 0x{seal_id.hex()}")
            continue
        proof = kept["proof"]
        if proof["kind"] == "attestation":
            if chain.effects["attest", member, seal_id] != 1:
                wrong.append(f"{ask}: the gateway has an attestation of 0x{seal_id.hex()}, the chain none")
            continue
        leaf = bytes.fromhex(kept["sealId"][2:] + kept["eventHash"][2:] + proof["salt"][2:])
        found = sha256(b"\0\1" + leaf).digest()
        path = [bytes.fromhex(one[2:]) for one in proof["path"]]
        root = bytes.fromhex(proof["root"][2:])
        if rooted(found, proof["index"], proof["size"], path) != root:
            wrong.append(f"{ask}: the gateway's proof of 0x{seal_id.hex()} does not lead to its root")
        anchor: Effect = ("anchor", member, root)
        if chain.effects[anchor] != 1 or chain.sizes[anchor] != proof["size"]:
            wrong.append(f"{ask}: the gateway's root 0x{root.hex()} is on the chain {chain.effects[anchor]}×")


def _unasked(story: Story, chain: Chain, wrong: list[str]) -> None:
    """Nothing is on the chain that nobody asked for; a gateway's roots hold its own events alone."""
    asked = {effect for ask in story.members.asks if ask.valid for effect in ask.effects}
    spooled = {event for ask in story.members.asks if ask.kind == "gateway" for event in ask.events}
    asked |= {("attest", member, seal_id) for member, seal_id in spooled}
    engine = story.world.engines.of("truth", "mirror", Boundary("truth"))
    with reading(engine) as session:
        rows = list(session.scalars(select(EventProof).where(col(EventProof.root).is_not(None))))
    batches: dict[Effect, set[tuple[int, bytes]]] = {}
    for row in rows:
        effect: Effect = ("anchor", row.member, bytes.fromhex((row.root or "")[2:]))
        batches.setdefault(effect, set()).add((row.member, bytes.fromhex(row.seal_id[2:])))
    asked |= {effect for effect, events in batches.items() if events <= spooled}
    wrong += [f"nobody asked for {effect}" for effect in chain.effects if effect not in asked]


def _money(story: Story, chain: Chain, wrong: list[str]) -> None:
    """Payments happened once each, orders ended once each, delivered ones to the seller."""
    due = sum(4**ask.number for ask in story.members.asks if ask.kind == "pay")
    paid = story.node.rpc.balance(FRIEND)
    if paid != due:
        wrong.append(f"paid {paid:x} instead of {due:x} (powers of four)")
    wrong += [
        f"order 0x{order.hash.hex()} was closed {chain.closed[order.hash]} times"
        for order in story.scene.orders
        if chain.closed[order.hash] != 1
    ]
    delivered = {ask.order.hash for ask in story.members.asks if ask.order is not None}
    earned = sum(order.terms.amount for order in story.scene.orders if order.hash in delivered)
    data = keccak(text="balanceOf(address)")[:4] + bytes(12) + bytes.fromhex(PAYEE.address[2:])
    token = story.scene.deployment.address(CURRENCY)
    balance = int.from_bytes(story.node.rpc.call(token, data), "big")
    if balance != earned:
        wrong.append(f"the seller has {balance} instead of {earned} (powers of four)")


# -- the mirror ------------------------------------------------------------------------------------------


def _mirror(story: Story, chain: Chain, wrong: list[str]) -> None:
    """Equal to one built anew, to the raw logs, to what members were told; the audit finds nothing."""
    scene, rpc = story.scene, story.node.rpc
    engine = story.world.engines.of("truth", "mirror", Boundary("truth"))
    store = LocalStore(story.world.vault)
    addresses, start = scene.deployment.all_addresses(), scene.deployment.first_block
    if story.seed % CHECK_EVERY == 0:
        wrong += [str(one)[:200] for one in Indexer(engine, rpc, addresses, store, start_block=start).check()]
    wrong += [str(one.to_json())[:200] for one in audit(scene.deployment, rpc, engine, store).findings]
    with reading(engine) as session:
        raw = {(row.block_hash, row.log_index): row for row in session.scalars(select(RawLog))}
        proofs = list(session.scalars(select(EventProof)))
        events = {(row.member, row.seal_id): row for row in session.scalars(select(SealedEvent))}
        if session.scalars(select(col(ContentQueue.cid))).all():
            wrong.append("content still waits to be read")
    logged = {(log["blockHash"], int(log["logIndex"], 16)): log for log in chain.logs}
    if raw.keys() != logged.keys():
        wrong.append(f"the mirror holds {len(raw)} logs, the chain {len(logged)}")
    wrong += [
        f"log {key} differs"
        for key, log in logged.items()
        if key in raw and (raw[key].topics, raw[key].data) != (log["topics"], log["data"])
    ]
    _proofs(story, proofs, events, wrong)
    trust = Trust.model_validate(scene.deployment.trust_anchor())
    for serial in _some_serials(story):
        report = verify_item(item(serial), scene.deployment, trust, rpc, engine, store)
        if report.exit_code != 0:
            wrong.append(f"item {serial} does not verify: {str(report.to_json())[:300]}")
    for serial in _captured_serials(story):
        report = verify_item(item(serial), scene.deployment, trust, rpc, engine, store)
        # captured by members, issued by nobody: that link alone is open
        doubts = [
            check
            for check in report.to_json()["checks"]
            if check["status"] != "verified" and check["link"] != "issue"
        ]
        if doubts or report.exit_code != 2:
            wrong.append(f"item {serial} with events does not verify: {str(doubts)[:300]}")


def _proofs(
    story: Story, proofs: list[EventProof], events: dict[tuple[int, str], SealedEvent], wrong: list[str]
) -> None:
    """Every acknowledged event is there once, present, with a proof that leads to an anchored root."""
    kept: dict[tuple[int, str], list[EventProof]] = {}
    for proof in proofs:
        kept.setdefault((proof.member, proof.seal_id), []).append(proof)
    for ask in story.members.asks:
        for member, seal_id in ask.events:
            key = member, "0x" + seal_id.hex()
            if ask.valid != (key in events):
                wrong.append(f"{ask}: event {key} is {'not ' if ask.valid else ''}in the mirror")
            elif ask.valid and (events[key].state != "present" or not kept.get(key)):
                wrong.append(f"{ask}: event {key} is {events[key].state}, {len(kept.get(key, []))} proofs")


def _some_serials(story: Story) -> list[str]:
    """A serial of an issued item."""
    found = [serial for ask in story.members.asks if ask.issue is not None for serial in ask.issue.serials]
    return found[:1]


def _captured_serials(story: Story) -> list[str]:
    """A serial of an item in each kind of capture: in a member's own batch, and in a gateway's."""
    found: dict[str, str] = {}
    for ask in story.members.asks:
        if not ask.document or not ask.valid or ask.order is not None:
            continue
        for event in json.loads(ask.document)["epcisBody"]["eventList"]:
            for name in event.get("epcList", []):
                found.setdefault(ask.kind, name.rsplit("/", 1)[1])
    return list(found.values())


def merkle_root(hashes: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, over leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return sha256(b"\1" + merkle_root(hashes[:split]) + merkle_root(hashes[split:])).digest()


def rooted(found: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root to which an inclusion proof leads (RFC 9162, section 2.1.3.2)."""
    last = size - 1
    for one in path:
        if index & 1 or index == last:
            found = sha256(b"\1" + one + found).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = sha256(b"\1" + found + one).digest()
        index, last = index >> 1, last >> 1
    return found


def _salt(seed: bytes, index: int, seal_id: bytes) -> bytes:
    return sha256(b"tradeseal/leaf-salt/v1\0" + seed + index.to_bytes(8, "big") + seal_id).digest()
