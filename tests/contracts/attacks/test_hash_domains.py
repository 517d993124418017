"""Attempts to have one hash mean two things."""

import json
from collections.abc import Iterator, Mapping, Sequence

from chain.toolchain import ROOT
from epcis.tree import event_leaf, item_leaf
from tests.contracts.abi import artifact
from tests.contracts.evm import Contract
from tests.contracts.harness import sign, typed_fields
from tests.contracts.settlement.scene import Scene, refused


def signed_types() -> Iterator[tuple[str, str]]:
    """(contract, EIP-712 type string) of everything that anybody signs."""
    known = json.loads((ROOT / "contracts" / "eip712.json").read_text(encoding="utf-8"))
    for qualified in known["structs"]:
        interface, struct = qualified.split(".")
        fields = typed_fields(_parameter(interface, struct))
        head = fields.pop(struct)
        text = _encoded(struct, head) + "".join(_encoded(name, fields[name]) for name in sorted(fields))
        yield interface, text
    for contract, texts in known["messages"].items():
        for text in texts:
            yield contract, text


def _encoded(struct: str, fields: Sequence[Mapping[str, str]]) -> str:
    return f"{struct}({','.join(one['type'] + ' ' + one['name'] for one in fields)})"


def _parameter(interface: str, struct: str) -> dict[str, object]:
    for item in artifact(interface).abi:
        for parameter in [*item.get("inputs", ()), *item.get("outputs", ())]:
            if parameter.get("internalType") == f"struct {interface}.{struct}":
                return dict(parameter)
    raise LookupError(f"{interface} has no struct {struct}")


def test_no_two_signed_messages_have_one_type() -> None:
    found = [text for _, text in signed_types()]
    assert len(found) == len(set(found)) == 23
    names = [text.split("(")[0] for text in found]
    assert len(names) == len(set(names))


def test_every_message_that_needs_no_order_has_an_end() -> None:
    """A signature that was kept for later ends by itself; an order by `deliverBy`, a cancellation never."""
    for _, text in signed_types():
        head = text.split(")")[0]
        ends = ("deadline", "deliverBy", "validBefore")
        assert any(end in head for end in ends) or text.startswith("CancelAuthorization("), text


def test_no_leaf_of_one_kind_is_a_leaf_of_another() -> None:
    event = event_leaf(bytes(32), bytes(32), bytes(32))
    item = item_leaf("x" * 20)
    assert len({event[0], item[0], 3}) == 3
    assert len({len(event), len(item), 25}) == 3


def test_a_consent_is_no_dispute_and_a_dispute_no_ruling(scene: Scene) -> None:
    """All three begin with the order's hash; each is taken for itself only."""
    order = scene.disputed()
    order_hash, deadline = scene.order_hash(order), scene.world.deadline
    claim = {"order": order_hash, "evidence": bytes(32), "deadline": deadline}
    signature = sign(scene.escrow, "Dispute", claim, scene.buyer_account)
    with refused("SignatureInvalid"):
        scene.escrow.transact("confirm", order, {"order": order_hash, "deadline": deadline}, signature)
    by_arbiter = sign(scene.escrow, "Dispute", claim, scene.world.arbiter.key)
    ruling = {"order": order_hash, "sellerAmount": 0, "evidence": bytes(32), "deadline": deadline}
    with refused("SignatureInvalid"):
        scene.escrow.transact("rule", order, ruling, scene.world.arbiter.key.address, by_arbiter)


def test_an_order_s_hash_is_its_escrow_s_own(scene: Scene) -> None:
    beside: Contract = scene.evm.deploy(
        "Escrow", scene.world.registry, scene.world.rights, scene.ledger, label="beside"
    )
    order = scene.order()
    assert beside.call("hashOrder", order) != scene.escrow.call("hashOrder", order)
    buyer, seller = scene.world.buyer.key, scene.world.maker.key
    signatures = [sign(scene.escrow, "Order", order, key) for key in (buyer, seller)]
    with refused("SignatureInvalid"):
        beside.transact("open", order, buyer.address, signatures[0], seller.address, signatures[1])
