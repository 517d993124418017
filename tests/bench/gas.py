"""Gas of what members do, against Ethereum Attestation Service and OpenZeppelin's ERC-721.

All of it runs on py-evm's Cancun rules, as the contract tests do; a figure is that of one transaction, its
intrinsic gas included. Ours are signed by a member and sent by somebody else; of EAS only
`attestByDelegation` is.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from eth_utils.crypto import keccak

from chain.compiler import compile_product, compile_sources
from chain.toolchain import ROOT, pinned_library_version
from epcis.tree import Tree, event_leaf
from tests.bench.gas_peers.eas import PACKAGE, Eas
from tests.bench.gas_peers.peer import Compiled, Peer
from tests.bench.measurement import Measurement, show
from tests.contracts.evm import Contract, Evm, address_of
from tests.contracts.harness import World, build_world
from tests.contracts.provenance.scene import IssuedItems, attest, attestation, cid_of, deep_items

BATCH = 1000
MANY = 10
"""attestations in one of EAS's multi-transactions"""
MASS = 100_000

GOALS = {
    "attest": 70_000,
    "attest, a member's first": 90_000,
    "anchor": 65_000,
    "materialise": 110_000,
}


def main(arguments: Sequence[str]) -> None:
    """Prints one line for each peer and case. Raises PackageError where EAS, fetched once, cannot be had."""
    argparse.ArgumentParser(prog="scripts/bench gas", description=__doc__).parse_args(arguments)
    compile_product()
    evm = Evm()
    world = build_world(evm)
    attestations(world)
    passports(world)


def attestations(world: World) -> None:
    """`attest` and `anchor`, against EAS."""
    ledger = world.evm.deploy("EventLedger", world.registry)
    eas = Eas(world.evm)
    fields = [attestation(world, f"document {number}") for number in range(2 * MANY + 4)]
    hashes = [bytes(each["sealId"]) for each in fields]

    first = attest(world, ledger, fields[0]).gas
    single = attest(world, ledger, fields[1]).gas
    one, thousand = anchor(world, ledger, 1), anchor(world, ledger, BATCH)

    # Its own first call, so that neither side pays for what only a first one writes.
    eas.attest(fields[0])
    eas.attest_signed(fields[0], world.carrier.key, nonce=0)
    signed = eas.attest_signed(fields[1], world.carrier.key, nonce=1)
    bare = eas.attest_hash(hashes[1])
    many = eas.attest_many(fields[2 : 2 + MANY]) / MANY
    many_hashes = eas.attest_many_hashes(hashes[2 : 2 + MANY]) / MANY
    stamped = eas.timestamp(hashes[0])
    stamped_many = eas.timestamp_many(hashes[2 : 2 + MANY]) / MANY

    def line(case: str, ours: float, theirs: float, function: str) -> None:
        _show(case, ours, theirs, f"{PACKAGE} {function}", eas.version)

    line("attest, all fields", single, eas.attest(fields[1]), "attest, unsigned")
    line("attest, all fields, signed and relayed", single, signed, "attestByDelegation")
    line("attest; of theirs 32 bytes only", single, bare, "attest, unsigned")
    line("attest, all fields, each", single, many, f"multiAttest of {MANY}, unsigned")
    line("anchor, a batch of 1", one, stamped, "timestamp, of nobody")
    line(f"anchor, a batch of {BATCH}", thousand, stamped, "timestamp, of nobody")
    line(f"anchor, each of {BATCH}", thousand / BATCH, many, f"multiAttest of {MANY}, unsigned")
    line(
        f"anchor, each of {BATCH}; of theirs 32 bytes only",
        thousand / BATCH,
        many_hashes,
        f"multiAttest of {MANY}, unsigned",
    )
    line(f"anchor, each of {BATCH}", thousand / BATCH, stamped_many, f"multiTimestamp of {MANY}, of nobody")
    _goal("attest", single)
    _goal("attest, a member's first", first)
    _goal("anchor", one, "a batch of 1")
    _goal("anchor", thousand, f"a batch of {BATCH}")


def passports(world: World) -> None:
    """`materialise` and `issue`, against a mint that checks nothing."""
    passport = world.evm.deploy("ProductPassport", world.registry, world.rights)
    world.allow_consume(passport)
    first, second = (passport.transact("materialise", *item).gas for item in deep_items(world, passport))
    licence = world.grant_licence(quantity=MASS, salt=keccak(text="mass"))
    # What the root stands over does not matter to the contract: its size does.
    terms = IssuedItems(["1"]).terms(world, licence, size=MASS)
    issued = world.send(passport, "issue", "Issue", terms, world.maker.key).gas

    plain = Peer(world.evm, "PlainToken", _plain_token())
    minted = [plain.transact("mint", address_of("holder"), number)[0] for number in (1, 2)]
    peer = "@openzeppelin/contracts ERC721._mint, unchecked"
    version = pinned_library_version("@openzeppelin/contracts")
    _show("materialise, 20 deep, a holder's first", first, minted[0], peer, version)
    _show("materialise, 20 deep", second, minted[1], peer, version)
    _show(f"issue, each of {MASS}", issued / MASS, minted[1], peer, version)
    _goal("materialise", first, "a holder's first")
    _goal("materialise", second, "20 deep")


def anchor(world: World, ledger: Contract, size: int) -> int:
    """Gas of anchoring a batch with a tree of `size` leaves."""
    leaves = [
        event_leaf(*(keccak(text=f"{part} {size} {number}") for part in "abc")) for number in range(size)
    ]
    terms: dict[str, Any] = {
        "root": Tree(leaves).root,
        "size": size,
        "cid": cid_of(f"manifest of {size}"),
        "deadline": world.deadline,
    }
    return world.send(ledger, "anchor", "Anchor", terms, world.carrier.key).gas


def _plain_token() -> Compiled:
    source = ROOT / "tests" / "bench" / "gas_peers" / "PlainToken.sol"
    artifact = compile_sources([source]).artifacts["PlainToken"]
    return Compiled(artifact["abi"], bytes.fromhex(artifact["bytecode"].removeprefix("0x")))


def _show(case: str, ours: float, theirs: float, peer: str | None, version: str | None) -> None:
    show(Measurement("gas", ours, theirs, "gas", peer, version, case, less_is_better=True))


def _goal(name: str, ours: float, case: str = "") -> None:
    _show(", ".join(filter(None, (f"{name}: the goal", case))), ours, GOALS[name], None, None)
