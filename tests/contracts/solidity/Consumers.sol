// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAttestationConsumer} from "../../../contracts/provenance/IAttestationConsumer.sol";
import {IEventLedger} from "../../../contracts/provenance/IEventLedger.sol";

/// @notice Acts on attestations and remembers the last one; refuses while told to.
contract RecordingConsumer is IAttestationConsumer {
    /// @notice How often it acted.
    uint256 public count;
    /// @notice Whether it refuses.
    bool public closed;
    /// @notice What it was given last.
    bytes32 public lastSealId;
    /// @notice What it was given last.
    uint64 public lastMember;
    /// @notice What it was given last.
    uint64 public lastRecordedAt;
    /// @notice What it was given last.
    bytes public lastData;
    /// @notice keccak of the whole attestation given last, ABI encoded.
    bytes32 public lastFields;

    /// @notice It is told to refuse.
    error Closed(bytes32 sealId);

    /// @notice Refuse, or act again.
    function setClosed(bool closed_) external {
        closed = closed_;
    }

    /// @inheritdoc IAttestationConsumer
    function onAttestation(
        IEventLedger.Attestation calldata attestation,
        uint64 member,
        uint64 recordedAt,
        bytes calldata data
    ) external {
        if (closed) revert Closed(attestation.sealId);
        ++count;
        lastSealId = attestation.sealId;
        lastMember = member;
        lastRecordedAt = recordedAt;
        lastData = data;
        lastFields = keccak256(abi.encode(attestation));
    }
}

/// @notice Burns whatever gas it gets.
contract GasBurningConsumer is IAttestationConsumer {
    /// @inheritdoc IAttestationConsumer
    function onAttestation(IEventLedger.Attestation calldata, uint64, uint64, bytes calldata) external pure {
        assembly ("memory-safe") {
            invalid()
        }
    }
}

/// @notice Reverts, or returns, with as much data as its gas pays for in memory.
contract ReturnBombConsumer is IAttestationConsumer {
    /// @notice Whether it fails.
    bool public immutable fails;
    /// @notice Bytes it gives back.
    uint256 public immutable size;

    constructor(bool fails_, uint256 size_) {
        fails = fails_;
        size = size_;
    }

    /// @inheritdoc IAttestationConsumer
    function onAttestation(IEventLedger.Attestation calldata, uint64, uint64, bytes calldata) external view {
        uint256 length = size;
        if (fails) {
            assembly ("memory-safe") {
                mstore(0x00, not(0))
                revert(0x00, length)
            }
        }
        assembly ("memory-safe") {
            return(0x00, length)
        }
    }
}

/// @notice Comes back into the ledger from inside its call.
contract ReenteringConsumer is IAttestationConsumer {
    /// @notice How often it was called.
    uint256 public count;
    /// @notice Revert data of its way back in.
    bytes public answer;
    /// @notice Whether it fails after having come back in.
    bool public immutable fails;

    /// @notice It fails after having come back in.
    error Failed(bytes answer);

    constructor(bool fails_) {
        fails = fails_;
    }

    /// @inheritdoc IAttestationConsumer
    function onAttestation(
        IEventLedger.Attestation calldata attestation,
        uint64 member,
        uint64 recordedAt,
        bytes calldata data
    ) external {
        ++count;
        try IEventLedger(msg.sender).applyEffect(attestation, member, recordedAt, data) {}
        catch (bytes memory reason) {
            answer = reason;
        }
        if (fails) revert Failed(answer);
    }
}

/// @notice Makes a consumer that acts once and destroys itself in the transaction that made it.
contract VanishingConsumerFactory {
    /// @notice Where the consumer will be.
    function place() external view returns (address) {
        bytes32 code = keccak256(_code());
        return address(uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), bytes32(0), code)))));
    }

    /// @notice Makes the consumer and calls `target` while it lives.
    function relay(address target, bytes calldata data) external {
        bytes memory code = _code();
        assembly ("memory-safe") {
            if iszero(create2(0, add(code, 0x20), mload(code), 0)) { revert(0, 0) }
        }
        (bool done,) = target.call(data);
        require(done);
    }

    /// @dev Creation code of the runtime code CALLER SELFDESTRUCT.
    function _code() private pure returns (bytes memory) {
        return hex"6133ff5f526002601ef3";
    }
}
