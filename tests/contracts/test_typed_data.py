"""Every struct that somebody signs is hashed by its contract under the EIP-712 type that its ABI declares."""

from collections.abc import Iterator

from eth_utils.crypto import keccak

from chain.artifact import Artifact, load, names
from tests.contracts.evm import Abi
from tests.contracts.harness import World, typed_fields


def signed_structs(contract: Artifact) -> Iterator[Abi]:
    """Struct parameters of functions that take a signature or endorsements beside them."""
    for item in contract.abi:
        parameters = item.get("inputs", ()) if item["type"] == "function" else ()
        if any(parameter["name"].lower().endswith(("signature", "endorsements")) for parameter in parameters):
            yield from (parameter for parameter in parameters if parameter["type"] == "tuple")


def encode_type(struct: Abi) -> tuple[str, str]:
    """Name of a struct and its encodeType (EIP-712, definition of encodeType)."""
    fields = typed_fields(struct)
    primary, *others = fields
    text = ""
    for name in [primary, *sorted(others)]:
        members = ",".join(f"{field['type']} {field['name']}" for field in fields[name])
        text += f"{name}({members})"
    return primary, text


def test_the_type_hash_of_every_signed_struct_is_in_its_contracts_code(artifacts: None) -> None:
    found = set()
    for contract in (load(name) for name in names()):
        if not contract.deployed_bytecode:
            continue
        for struct in signed_structs(contract):
            name, text = encode_type(struct)
            found.add(name)
            assert keccak(text=text) in contract.deployed_bytecode, f"{contract.name}: {text}"
    assert found >= {
        "CouncilAction",
        "KeyGrant",
        "KeyRevocation",
        "AccountChange",
        "Licence",
        "LicenceRevocation",
    }


TEXTS = """
CouncilAction(address target,bytes data,bytes32 salt,uint64 deadline)
KeyGrant(uint64 gln,address key,uint48 validFrom,uint48 validUntil,uint32 roles,uint64 deadline)
KeyRevocation(uint64 gln,address key,uint64 deadline)
AccountChange(uint64 gln,address account,uint64 nonce,uint64 deadline)
Licence(bytes32 mark,uint64 licensee,uint64[] gtins,bytes2[] territories,uint48 validFrom,\
uint48 validUntil,uint64 quantity,bytes32 salt,uint64 deadline)
LicenceRevocation(bytes32 licence,bytes32 reason,uint64 deadline)
"""


def test_the_published_type_hashes_are_those_of_the_texts(world: World) -> None:
    council, registry, rights = world.council, world.registry, world.rights
    published = [
        council.call("COUNCIL_ACTION_TYPEHASH"),
        registry.call("KEY_GRANT_TYPEHASH"),
        registry.call("KEY_REVOCATION_TYPEHASH"),
        registry.call("ACCOUNT_CHANGE_TYPEHASH"),
        rights.call("LICENCE_TYPEHASH"),
        rights.call("LICENCE_REVOCATION_TYPEHASH"),
    ]
    assert published == [keccak(text=text) for text in TEXTS.split("\n")[1:-1]]
