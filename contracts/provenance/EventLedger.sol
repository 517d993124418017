// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMemberRegistry} from "../access/IMemberRegistry.sol";
import {MemberCheck} from "../access/MemberCheck.sol";
import {Roles} from "../access/Roles.sol";
import {SignedAction} from "../access/SignedAction.sol";
import {AttestationForm} from "./AttestationForm.sol";
import {IAttestationConsumer} from "./IAttestationConsumer.sol";
import {IEventLedger} from "./IEventLedger.sol";

/// @title The ledger of attestations and batch roots
/// @notice Keeps one record for each attestation and each batch; has no owner, no setter and nothing to switch off.
/// @dev A relayer cannot change what was signed, but it chooses the gas and the unsigned `consumerData`. Starving the
/// consumer, or feeding it wrong data, leaves the effect pending: it delays the effect until anybody calls
/// `applyEffect` and can neither prevent it nor cause another. Gas estimators find the least gas with which the
/// *transaction* succeeds, which is a starved effect: whoever relays for a consumer adds what the consumer needs.
contract EventLedger is IEventLedger, SignedAction {
    /// @dev See `attested` and `errorOf`.
    struct Seal {
        bytes32 attested;
        bytes32 erroneous;
    }

    struct Batch {
        uint64 size;
        uint64 recordedAt;
    }

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

    mapping(uint64 member => mapping(bytes32 sealId => Seal)) private _attested;
    mapping(uint64 member => mapping(bytes32 root => Batch)) private _batches;

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
        uint64 member = _record(attestation, signer, signature);
        (, address consumer,) = AttestationForm.acted(attestation);
        if (consumer != address(0)) _offer(attestation, member, consumer, consumerData);
    }

    /// @inheritdoc IEventLedger
    function applyEffect(
        Attestation calldata attestation,
        uint64 member,
        uint64 recordedAt,
        bytes calldata consumerData
    ) external {
        bytes32 sealId = attestation.sealId;
        Seal storage seal = _attested[member][sealId];
        bytes32 stored = seal.attested;
        (bytes32 structHash,) = AttestationForm.encode(attestation, address(0));
        bytes32 applied = AttestationForm.record(structHash, member, recordedAt) | APPLIED;
        if (stored | APPLIED != applied) revert NotAttested(member, sealId);
        if (stored == applied) revert NoEffectPending(member, sealId);
        bytes32 declaration = seal.erroneous;
        if (declaration != 0) revert DeclaredErroneous(member, sealId, declaration);

        address consumer = attestation.consumer;
        if (consumer.code.length == 0) revert ConsumerWithoutCode(consumer);
        seal.attested = applied;
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
        uint64 member = MemberCheck.requireRole(registry, signer, 0);

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
        uint64 member = MemberCheck.requireRole(registry, signer, 0);

        Seal storage seal = _attested[member][sealId];
        if (seal.attested == 0) revert NotAttested(member, sealId);
        if (seal.erroneous != 0) revert AlreadyDeclared(member, sealId);
        seal.erroneous = declaration.declaration;
        emit ErrorDeclared(member, sealId, declaration.declaration, declaration.reason, signer);
    }

    /// @inheritdoc IEventLedger
    function attested(uint64 member, bytes32 sealId) external view returns (bytes32 attestationRecord) {
        return _attested[member][sealId].attested;
    }

    /// @inheritdoc IEventLedger
    function anchored(uint64 member, bytes32 root) external view returns (uint64 size, uint64 recordedAt) {
        Batch storage kept = _batches[member][root];
        return (kept.size, kept.recordedAt);
    }

    /// @inheritdoc IEventLedger
    function errorOf(uint64 member, bytes32 sealId) external view returns (bytes32 declaration) {
        return _attested[member][sealId].erroneous;
    }

    /// @dev Checks and records an attestation; as applied, so that a consumer that comes back in finds nothing pending.
    function _record(Attestation calldata attestation, address signer, bytes calldata signature)
        private
        returns (uint64 member)
    {
        if (attestation.sealId == 0) revert FieldEmpty("sealId");
        if (attestation.eventHash == 0) revert FieldEmpty("eventHash");
        if (attestation.subject == 0) revert FieldEmpty("subject");
        (bytes32 structHash, bytes memory data) = AttestationForm.encode(attestation, signer);
        (uint16 milestone,, uint64 deadline) = AttestationForm.acted(attestation);
        _requireSigned(structHash, deadline, signer, signature);
        // Where money may follow, a key that its member limited to other work (a sensor's gateway) does not do.
        member = MemberCheck.requireRole(registry, signer, milestone == 0 ? 0 : Roles.HANDLING);

        bytes32 sealId = attestation.sealId;
        Seal storage seal = _attested[member][sealId];
        if (seal.attested != 0) revert AlreadyAttested(member, sealId);
        seal.attested = AttestationForm.record(structHash, member, uint64(block.timestamp)) | APPLIED;
        _emitAttested(member, sealId, attestation.subject, data);
    }

    /// @dev Calls the consumer so that nothing it does can undo the record: its gas, its failure and the size of
    /// what it returns are bounded here.
    function _offer(
        Attestation calldata attestation,
        uint64 member,
        address consumer,
        bytes calldata consumerData
    ) private {
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
        Seal storage seal = _attested[member][attestation.sealId];
        seal.attested &= ~APPLIED;
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

    /// @dev `emit Attested(…)` with the data that `AttestationForm` laid out.
    function _emitAttested(uint64 member, bytes32 sealId, bytes32 subject, bytes memory data) private {
        bytes32 topic = Attested.selector;
        assembly ("memory-safe") {
            log4(add(data, 0x20), mload(data), topic, member, sealId, subject)
        }
    }
}
