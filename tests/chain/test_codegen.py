"""Generated bindings against the contract itself, eth_abi and eth_account's own EIP-712 encoder."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from eth_abi.abi import encode as abi_encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain import codec
from chain.abi_errors import decode_revert
from chain.abi_types import CodegenError, snake
from chain.codegen import generate, write
from chain.compiler import TEST_ARTIFACTS
from tests.chain.conftest import SAMPLE_EIP712, CallRevertedError, Node

pytestmark = pytest.mark.slow

KEY = bytes(31) + b"\x07"
BUYER: str = Account.from_key(KEY).address
LINE = "(uint256,uint128,string)"
ORDER = f"(bytes32,address,int64,bool,bytes,{LINE}[],{LINE},uint16[3])"

chain_settings = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def uints(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


lines = st.tuples(uints(256), uints(128), st.text(max_size=40))
orders = st.tuples(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=20, max_size=20).map(lambda raw: codec.checksum(raw.hex())),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.binary(max_size=70),
    st.lists(lines, max_size=3),
    lines,
    st.tuples(uints(16), uints(16), uints(16)),
)


def build(sample: ModuleType, values: tuple[Any, ...]) -> Any:
    seal_id, buyer, offset, window, note, items, total, codes = values
    return sample.Order(
        seal_id=seal_id,
        buyer=buyer,
        offset_minutes=offset,
        window=window,
        note=note,
        lines=tuple(sample.Line(*item) for item in items),
        total=sample.Line(*total),
        codes=codes,
    )


@pytest.fixture(scope="session")
def order(sample: ModuleType) -> Any:
    total = (9521141012345, 12, "KGM")
    return build(
        sample, (b"\1" * 32, BUYER, -90, True, b"note", [(1, 2, "a"), (3, 4, "ü")], total, (1, 2, 3))
    )


@chain_settings
@given(values=orders)
def test_calldata_is_what_eth_abi_encodes(sample: ModuleType, values: tuple[Any, ...]) -> None:
    selector = keccak(text=f"echo({ORDER})")[:4]
    assert sample.encode_echo(build(sample, values)) == selector + abi_encode([ORDER], [values])


@chain_settings
@given(values=orders)
def test_structs_come_back_from_the_contract(
    sample: ModuleType, node: Node, sample_address: str, values: tuple[Any, ...]
) -> None:
    order = build(sample, values)
    assert sample.SampleLedger(sample_address, node).echo(order) == order


@chain_settings
@given(values=orders)
def test_contract_wallet_and_binding_hash_alike(
    sample: ModuleType, node: Node, sample_address: str, values: tuple[Any, ...]
) -> None:
    order = build(sample, values)
    chain_id = int(node.ask("eth_chainId"), 16)
    domain = codec.Domain("Sample", "1", chain_id, sample_address)
    ours = order.signing_hash(domain)
    assert sample.SampleLedger(sample_address, node).hash_order(order) == ours
    # Through JSON, as a browser wallet would get it.
    wallet = encode_typed_data(full_message=json.loads(json.dumps(order.typed_data(domain))))
    assert keccak(b"\x19\x01" + wallet.header + wallet.body) == ours


def test_events_and_errors_of_a_signed_call(
    sample: ModuleType, node: Node, sample_address: str, order: Any
) -> None:
    domain = codec.Domain("Sample", "1", int(node.ask("eth_chainId"), 16), sample_address)
    signature = bytes(Account.sign_typed_data(KEY, full_message=order.typed_data(domain)).signature)
    ledger = sample.SampleLedger(sample_address, node)
    before = ledger.counts(BUYER)
    receipt = node.send(sample.encode_record(order, signature), sample_address)
    log = receipt["logs"][0]
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    event = sample.Recorded.decode(topics, bytes.fromhex(log["data"][2:]))
    assert (event.seal_id, event.buyer, event.lines) == (order.seal_id, BUYER, order.lines)
    assert event.place_hash == keccak(text="KGM")
    assert ledger.counts(BUYER) == before + 1
    assert ledger.counts(BUYER, block=int(receipt["blockNumber"], 16) - 1) == before
    with pytest.raises(codec.DecodeError, match="Recorded"):
        sample.Recorded.decode(topics[:2], b"")
    with pytest.raises(codec.DecodeError, match="Recorded"):
        sample.Recorded.decode(topics, bytes.fromhex(log["data"][2:])[:-40])

    stranger = replace(order, buyer="0x" + "11" * 20)
    with pytest.raises(CallRevertedError) as refused:
        node.call(sample_address, sample.encode_record(stranger, signature))
    error = sample.NotLicensed.decode(refused.value.data)
    assert str(error) == f"NotLicensed(gtin=9521141012345, licensee={codec.checksum('11' * 20)})"

    empty = replace(order, lines=())
    signed = bytes(Account.sign_typed_data(KEY, full_message=empty.typed_data(domain)).signature)
    with pytest.raises(CallRevertedError) as refused:
        node.call(sample_address, sample.encode_record(empty, signed))
    bad = sample.BadLine.decode(refused.value.data)
    assert (bad.line, bad.reason) == (order.total, b"note")


def test_overloads_and_several_results(sample: ModuleType, node: Node, sample_address: str) -> None:
    ledger = sample.SampleLedger(sample_address, node)
    result = ledger.pair_uint8(101)
    assert (result.doubled, result.value_1) == (202, True)
    assert ledger.pair_bytes32(b"\5" * 32) == b"\5" * 32


def test_reverts_in_words(sample: ModuleType, node: Node, sample_address: str) -> None:
    ledger = sample.SampleLedger(sample_address, node)
    with pytest.raises(CallRevertedError) as refused:
        ledger.triple(100)
    assert decode_revert(refused.value.data).reason == "panic 0x11: arithmetic overflow or underflow"
    with pytest.raises(CallRevertedError) as refused:
        node.call(sample_address, sample.encode_refuse("not today"))
    assert decode_revert(refused.value.data).reason == "not today"
    assert decode_revert(b"").reason == "reverted without a reason"
    assert decode_revert(b"\1\2\3\4\5").reason == "unknown error 0x0102030405"
    assert "cannot be read" in decode_revert(bytes.fromhex("4e487b71") + b"\1").reason


def test_a_contracts_own_error_carries_its_values() -> None:
    from chain.bindings.errors import DeadlineExpired

    data = DeadlineExpired.SELECTOR + abi_encode(["uint64", "uint256"], [10, 20])
    revert = decode_revert(data)
    assert revert.error == DeadlineExpired(deadline=10, timestamp=20)
    assert str(revert) == "DeadlineExpired(deadline=10, timestamp=20)"
    assert revert.data == data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offset_minutes": 2**63}, "field Order.offset_minutes: 9223372036854775808 is outside int64"),
        ({"offset_minutes": True}, "field Order.offset_minutes: True is not an integer"),
        ({"seal_id": b"\1" * 31}, "field Order.seal_id: 31 bytes given, bytes32 wanted"),
        ({"seal_id": "0x01"}, "field Order.seal_id: '0x01' is not bytes"),
        ({"buyer": "0x12"}, "field Order.buyer: '0x12' is not an address"),
        ({"buyer": "0xF39fd6e51aad88F6F4ce6aB8827279cffFb92266"}, "wrong EIP-55 checksum"),
        ({"window": 1}, "field Order.window: 1 is not bool"),
        ({"note": "text"}, "field Order.note: 'text' is not bytes"),
        ({"lines": []}, r"field Order.lines: \[\] is not a tuple"),
        ({"lines": (1,)}, "field Order.lines: 1 is not Line"),
        ({"codes": (1, 2)}, "field Order.codes: 2 items given, 3 wanted"),
        ({"codes": (1, 2, 65536)}, "field Order.codes: 65536 is outside uint16"),
    ],
)
def test_fields_are_checked(order: Any, change: dict[str, object], message: str) -> None:
    with pytest.raises(codec.FieldError, match=message):
        replace(order, **change)


def test_arguments_are_checked_and_addresses_get_their_checksum(sample: ModuleType) -> None:
    with pytest.raises(codec.FieldError, match="field small: -1 is outside uint8"):
        sample.encode_pair_uint8(-1)
    assert sample.encode_counts(BUYER.lower()) == sample.encode_counts(BUYER)
    assert codec.checksum(BUYER.lower()) == BUYER


def test_results_that_are_no_encoding_are_refused(sample: ModuleType) -> None:
    for data in (b"", b"\1" * 31, b"\xff" * 64):
        with pytest.raises(codec.DecodeError, match="echo"):
            sample.decode_echo_result(data)


def test_output_is_deterministic_and_written_once(tmp_path: Path, sample_modules: dict[str, str]) -> None:
    assert generate(TEST_ARTIFACTS, SAMPLE_EIP712) == sample_modules
    assert write(sample_modules, tmp_path) == len(sample_modules)
    assert write(sample_modules, tmp_path) == 0
    (tmp_path / "gone.py").write_text("")
    assert write(sample_modules, tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(sample_modules)


def test_a_type_that_no_contract_hashes_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    shutil.copytree(TEST_ARTIFACTS, folder)
    path = folder / "SampleLedger.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"sealId"', '"seal"'), encoding="utf-8")
    with pytest.raises(CodegenError, match=r"no contract's code holds the type hash of Order\(bytes32 seal,"):
        generate(folder, SAMPLE_EIP712)
    with pytest.raises(CodegenError, match="no ABI holds: Nowhere"):
        generate(TEST_ARTIFACTS, {"structs": ["Nowhere"]})


@pytest.mark.parametrize(
    ("solidity", "python"),
    [
        ("sealId", "seal_id"),
        ("tokenURI", "token_uri"),
        ("from", "from_"),
        ("DOMAIN_SEPARATOR", "domain_separator"),
    ],
)
def test_names(solidity: str, python: str) -> None:
    assert snake(solidity) == python


def test_bindings_import_neither_web3_nor_a_codec() -> None:
    heavy = ("web3", "eth_account", "eth_abi")
    script = f"import sys, chain.bindings; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.slow
def test_generated_code_is_strictly_typed(sample_folder: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--cache-dir",
            str(sample_folder.parent),
            str(sample_folder),
        ],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
