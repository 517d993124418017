// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMemberRegistry} from "../access/IMemberRegistry.sol";
import {Roles} from "../access/Roles.sol";
import {SignedAction} from "../access/SignedAction.sol";
import {IAttestationConsumer} from "./IAttestationConsumer.sol";
import {IEventLedger} from "./IEventLedger.sol";

/// @title The ledger of attestations and batch roots
/// @notice Keeps one record for each attestation and each batch; has no owner, no setter and nothing to switch off.
/// @dev A relayer cannot change what was signed, but it chooses the gas and the unsigned `consumerData`. Starving the
/// consumer, or feeding it wrong data, leaves the effect pending: it delays the effect until anybody calls
/// `applyEffect` and can neither prevent it nor cause another. Gas estimators find the least gas with which the
/// *transaction* succeeds, which is a starved effect: whoever relays for a consumer adds what the consumer needs.
contract EventLedger is IEventLedger, SignedAction {
    struct Batch {
        uint64 size;
        uint64 recordedAt;
    }

    bytes32 private constant ATTESTATION_TYPEHASH = keccak256(
        "Attestation(bytes32 sealId,bytes32 eventHash,bytes32 subject,bytes32 bizStep,bytes32 disposition,uint64 place,uint64 eventTime,uint128 quantity,bytes3 unit,bytes32 order,uint16 milestone,bytes cid,address consumer,bytes32 extension,uint64 deadline)"
    );
    bytes32 private constant ANCHOR_TYPEHASH = keccak256("Anchor(bytes32 root,uint64 size,bytes cid,uint64 deadline)");
    bytes32 private constant DECLARATION_TYPEHASH =
        keccak256("ErrorDeclaration(bytes32 sealId,bytes32 declaration,bytes32 reason,uint64 deadline)");

    bytes32 private constant APPLIED = bytes32(uint256(1));
    /// @dev What a consumer may never touch: enough to mark the effect pending and to emit why.
    uint256 private constant RESERVED_GAS = 15_000;
    /// @dev More of a consumer's return data would let it burn the reserve by memory expansion.
    uint256 private constant MAX_REASON = 256;

    /// @notice Who may attest.
    IMemberRegistry public immutable registry;

    mapping(uint64 member => mapping(bytes32 sealId => bytes32)) private _attested;
    mapping(uint64 member => mapping(bytes32 root => Batch)) private _batches;
    mapping(uint64 member => mapping(bytes32 sealId => bytes32)) private _errors;

    /// @notice The consumer named by an attestation has no code at this block.
    error ConsumerWithoutCode(address consumer);

    /// @notice Binds the ledger to one registry for ever.
    constructor(IMemberRegistry registry_) {
        registry = registry_;
    }

    /// @inheritdoc IEventLedger
    function attest(
        Attestation calldata attestation,
        address signer,
        bytes calldata signature,
        bytes calldata consumerData
    ) external {
        bytes32 sealId = attestation.sealId;
        if (sealId == 0) revert FieldEmpty("sealId");
        if (attestation.eventHash == 0) revert FieldEmpty("eventHash");
        if (attestation.subject == 0) revert FieldEmpty("subject");
        if (attestation.cid.length == 0) revert FieldEmpty("cid");

        bytes32 structHash = _hash(attestation);
        _requireSigned(structHash, attestation.deadline, signer, signature);
        // Where money may follow, a key that its member limited to other work (a sensor's gateway) does not do.
        uint64 member = registry.requireRole(signer, attestation.milestone == 0 ? 0 : Roles.HANDLING);
        if (_attested[member][sealId] != 0) revert AlreadyAttested(member, sealId);

        // Applied before the consumer is called, so that it finds nothing pending when it comes back in.
        bytes32 applied = _record(structHash, member, uint64(block.timestamp)) | APPLIED;
        _attested[member][sealId] = applied;
        emit Attested(member, sealId, attestation.subject, signer, attestation);

        if (attestation.consumer != address(0)) _offer(attestation, member, applied, consumerData);
    }

    /// @inheritdoc IEventLedger
    function applyEffect(
        Attestation calldata attestation,
        uint64 member,
        uint64 recordedAt,
        bytes calldata consumerData
    ) external {
        bytes32 sealId = attestation.sealId;
        bytes32 stored = _attested[member][sealId];
        bytes32 applied = _record(_hash(attestation), member, recordedAt) | APPLIED;
        if (stored | APPLIED != applied) revert NotAttested(member, sealId);
        if (stored == applied) revert NoEffectPending(member, sealId);
        bytes32 declaration = _errors[member][sealId];
        if (declaration != 0) revert DeclaredErroneous(member, sealId, declaration);

        address consumer = attestation.consumer;
        if (consumer.code.length == 0) revert ConsumerWithoutCode(consumer);
        _attested[member][sealId] = applied;
        IAttestationConsumer(consumer).onAttestation(attestation, member, recordedAt, consumerData);
        emit EffectApplied(member, sealId, consumer);
    }

    /// @inheritdoc IEventLedger
    function anchor(Anchor calldata batch, address signer, bytes calldata signature) external {
        if (batch.root == 0) revert FieldEmpty("root");
        if (batch.size == 0) revert FieldEmpty("size");
        if (batch.cid.length == 0) revert FieldEmpty("cid");
        bytes32 structHash =
            keccak256(abi.encode(ANCHOR_TYPEHASH, batch.root, batch.size, keccak256(batch.cid), batch.deadline));
        _requireSigned(structHash, batch.deadline, signer, signature);
        uint64 member = registry.requireRole(signer, 0);

        Batch storage kept = _batches[member][batch.root];
        if (kept.size != 0) revert AlreadyAnchored(member, batch.root);
        kept.size = batch.size;
        kept.recordedAt = uint64(block.timestamp);
        emit Anchored(member, batch.root, batch.size, batch.cid, signer);
    }

    /// @inheritdoc IEventLedger
    function declareError(ErrorDeclaration calldata declaration, address signer, bytes calldata signature) external {
        bytes32 sealId = declaration.sealId;
        if (declaration.declaration == 0) revert FieldEmpty("declaration");
        bytes32 structHash = keccak256(
            abi.encode(
                DECLARATION_TYPEHASH, sealId, declaration.declaration, declaration.reason, declaration.deadline
            )
        );
        _requireSigned(structHash, declaration.deadline, signer, signature);
        uint64 member = registry.requireRole(signer, 0);

        if (_attested[member][sealId] == 0) revert NotAttested(member, sealId);
        if (_errors[member][sealId] != 0) revert AlreadyDeclared(member, sealId);
        _errors[member][sealId] = declaration.declaration;
        emit ErrorDeclared(member, sealId, declaration.declaration, declaration.reason, signer);
    }

    /// @inheritdoc IEventLedger
    function attested(uint64 member, bytes32 sealId) external view returns (bytes32 attestationRecord) {
        return _attested[member][sealId];
    }

    /// @inheritdoc IEventLedger
    function anchored(uint64 member, bytes32 root) external view returns (uint64 size, uint64 recordedAt) {
        Batch storage kept = _batches[member][root];
        return (kept.size, kept.recordedAt);
    }

    /// @inheritdoc IEventLedger
    function errorOf(uint64 member, bytes32 sealId) external view returns (bytes32 declaration) {
        return _errors[member][sealId];
    }

    /// @dev Calls the consumer so that nothing it does can undo the record: its gas, its failure and the size of
    /// what it returns are bounded here.
    function _offer(Attestation calldata attestation, uint64 member, bytes32 applied, bytes calldata consumerData)
        private
    {
        address consumer = attestation.consumer;
        bytes memory reason;
        if (consumer.code.length == 0) {
            reason = abi.encodeWithSelector(ConsumerWithoutCode.selector, consumer);
        } else {
            bytes memory call_ = abi.encodeCall(
                IAttestationConsumer.onAttestation, (attestation, member, uint64(block.timestamp), consumerData)
            );
            uint256 left = gasleft();
            bool done;
            if (left > RESERVED_GAS) (done, reason) = _tryCall(consumer, left - RESERVED_GAS, call_);
            if (done) {
                emit EffectApplied(member, attestation.sealId, consumer);
                return;
            }
        }
        _attested[member][attestation.sealId] = applied & ~APPLIED;
        emit EffectFailed(member, attestation.sealId, consumer, reason);
    }

    /// @dev A call that copies at most MAX_REASON bytes of what a failure returns, and nothing of a success.
    function _tryCall(address target, uint256 gas_, bytes memory data)
        private
        returns (bool done, bytes memory reason)
    {
        assembly ("memory-safe") {
            done := call(gas_, target, 0, add(data, 0x20), mload(data), 0, 0)
            reason := mload(0x40)
            let length := 0
            if iszero(done) {
                length := returndatasize()
                if gt(length, MAX_REASON) { length := MAX_REASON }
            }
            mstore(reason, length)
            returndatacopy(add(reason, 0x20), 0, length)
            mstore(0x40, add(reason, and(add(length, 0x3f), not(0x1f))))
        }
    }

    function _record(bytes32 structHash, uint64 member, uint64 recordedAt) private pure returns (bytes32) {
        return keccak256(abi.encode(structHash, member, recordedAt));
    }

    /// @dev EIP-712 struct hash; in two parts, for the stack's sake.
    function _hash(Attestation calldata a) private pure returns (bytes32) {
        bytes memory head = abi.encode(
            ATTESTATION_TYPEHASH,
            a.sealId,
            a.eventHash,
            a.subject,
            a.bizStep,
            a.disposition,
            a.place,
            a.eventTime,
            a.quantity
        );
        bytes memory tail =
            abi.encode(a.unit, a.order, a.milestone, keccak256(a.cid), a.consumer, a.extension, a.deadline);
        return keccak256(bytes.concat(head, tail));
    }
}
