"""Attempts to take, release or strand escrowed money."""

from collections.abc import Callable

import pytest

from tests.contracts.evm import Contract, attempt
from tests.contracts.harness import (
    CARRIER,
    DAY,
    MAKER,
    ORACLE,
    REGULATOR,
    TOKEN_ISSUER,
    Party,
    World,
    party,
    sign,
    signer,
)
from tests.contracts.settlement.scene import (
    AMOUNT,
    CLOSED,
    CONSENTED,
    DELIVERED,
    FUNDED,
    Scene,
    decoded_reason,
    refused,
)

HANDLING = (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 5)


@pytest.mark.parametrize("role", [ORACLE, REGULATOR, TOKEN_ISSUER])
def test_rule_6_a_prover_s_key_for_other_work_releases_no_money(scene: Scene, role: int) -> None:
    """A sensor's gateway holds a key of the carrier that is limited to reporting; it is stolen."""
    world, order = scene.world, scene.funded()
    world.as_council(world.registry, "setRoles", world.carrier.gln, CARRIER | role)
    gateway = signer("a gateway in a lorry")
    world.grant_key(world.carrier, gateway, roles=role)
    with refused("RoleMissing", gln=world.carrier.gln, required=HANDLING, roles=role):
        scene.prove(order, by=gateway)
    assert scene.status(order)[0] == FUNDED
    # It still records what it is there for.
    nothing = {"order": bytes(32), "milestone": 0, "consumer": "0x" + "00" * 20}
    scene.attest(scene.attestation(order, **nothing), b"", gateway)


def test_rule_10_no_order_opens_whose_prover_could_never_prove(scene: Scene) -> None:
    prover = scene.world.oracle1
    with refused("RoleMissing", gln=prover.gln, required=HANDLING, roles=prover.roles):
        scene.open(scene.order(prover=prover.gln))


def test_rule_12_what_no_verifier_accepts_moves_no_money(scene: Scene) -> None:
    order = scene.funded()
    receipt = scene.prove(order, extension=b"\x01" * 32)
    name, values = decoded_reason(receipt)
    assert (name, values["field"], values["actual"]) == ("ProofMismatch", "extension", b"\x01" * 32)
    assert scene.status(order)[0] == FUNDED


def test_the_network_s_own_contracts_are_no_money(scene: Scene, passport: Contract) -> None:
    """The escrow calls whatever token an order names: it must not act on the network's contracts so."""
    for number, target in enumerate((passport, scene.ledger, scene.escrow, scene.world.registry)):
        order = scene.order(token=target.address, salt=bytes([number]) * 32)
        with attempt() as opened:
            scene.open(order)
        with attempt() as funded:
            scene.escrow.transact("fund", order, 0, 2**255, b"")
        assert not funded.done, f"{target} was taken for money (opened: {opened.done})"
        assert scene.escrow.call("totals", target) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "craft",
    [
        lambda data: b"",
        lambda data: (2**256 - 1).to_bytes(32, "big"),
        lambda data: (2**256 - 4000).to_bytes(32, "big") + data[32:],
        lambda data: (2**64).to_bytes(32, "big") + data[32:],
        lambda data: data[:64] + b"\xff" * 24 + data[88:],
        lambda data: data[:-320],
    ],
    ids=["nothing", "wrap", "before the order", "beyond", "dirty seller", "cut"],
)
def test_rule_11_crafted_consumer_data_neither_pays_nor_stops_the_record(
    scene: Scene, craft: Callable[[bytes], bytes]
) -> None:
    order = scene.funded()
    proof = scene.attestation(order)
    receipt = scene.attest(proof, craft(scene.encoded(order)))
    assert receipt.named("EffectFailed") and not receipt.named("DeliveryProven")
    assert scene.status(order)[0] == FUNDED
    scene.apply_effect(order, proof, scene.world.now)
    assert scene.status(order) == (CLOSED, DELIVERED)


def test_rule_3_a_proof_of_one_order_pays_no_other_order_of_the_shipment(scene: Scene) -> None:
    first, second = scene.funded(), scene.funded(salt=b"\x02" * 32)
    receipt = scene.attest(scene.attestation(first), scene.encoded(second))
    assert decoded_reason(receipt)[1]["field"] == "order"
    assert {scene.status(first)[0], scene.status(second)[0]} == {FUNDED}


def test_rule_10_delegated_code_locks_no_account_out(scene: Scene) -> None:
    """By EIP-7702 an account can have code that knows nothing of ERC-1271; its own signature still counts."""
    scene.evm.place(scene.world.directory, scene.buyer_account.address)
    order = scene.funded()
    scene.confirm(order)
    assert scene.status(order) == (CLOSED, CONSENTED)


def test_rule_3_delegated_code_signs_for_nobody_else(scene: Scene) -> None:
    """A buyer account whose code approves whatever it owns: a stranger's signature is still not enough."""
    wallet = scene.evm.deploy("ContractWallet", scene.buyer_account.address, label="attacks")
    order = scene.opened(buyerAccount=wallet.address)
    with refused("SignatureInvalid", signer=wallet.address):
        scene.fund(order, by=signer("stranger"))


def rival(world: World) -> Party:
    member = party("colluding carrier", 952_000_000_071, b"NL", CARRIER | MAKER)
    world.admit(member)
    return member


def test_rule_3_another_carrier_proves_nothing_whatever_it_signs(scene: Scene) -> None:
    order, other = scene.funded(), rival(scene.world)
    receipt = scene.prove(order, by=other.key)
    assert decoded_reason(receipt)[1]["field"] == "member"
    # Nor with the true prover named where the effect is applied: the record is the other's.
    with refused("NotAttested", member=scene.world.carrier.gln):
        scene.apply_effect(order, scene.attestation(order), scene.world.now)


def test_rule_4_a_dispute_prepared_beforehand_cannot_outlive_the_window(scene: Scene) -> None:
    order = scene.proven()
    claim = {"order": scene.order_hash(order), "evidence": b"\x01" * 32, "deadline": 2**63}
    signature = sign(scene.escrow, "Dispute", claim, scene.buyer_account)
    scene.evm.warp(5 * DAY + 1)
    with refused("TooLate"):
        scene.escrow.transact("dispute", order, claim, signature)
    scene.settle(order)
    assert scene.totals() == {"received": AMOUNT, "paid": AMOUNT, "held": 0, "credited": 0}
