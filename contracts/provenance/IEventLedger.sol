// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What members attest: single events and roots over batches of events
/// @notice A contract acts on the signed fields here, never on a document.
interface IEventLedger {
    /// @notice One event. Times: `eventTime` Unix milliseconds, `deadline` Unix seconds. `quantity` is in millionths
    /// of `unit` (UN/ECE Rec 20, zero for counted objects). `bizStep` and `disposition` are SHA-256 of the CBV IRI,
    /// `subject` SHA-256 of the canonical Digital Link, `place` a GLN. Zero means absent. EIP-712 type:
    /// the members below in this order.
    struct Attestation {
        bytes32 sealId;
        bytes32 eventHash;
        bytes32 subject;
        bytes32 bizStep;
        bytes32 disposition;
        uint64 place;
        uint64 eventTime;
        uint128 quantity;
        bytes3 unit;
        bytes32 order;
        uint16 milestone;
        bytes cid;
        address consumer;
        bytes32 extension;
        uint64 deadline;
    }

    /// @notice A batch: RFC 9162 root over `size` event leaves, and the binary CID of its manifest.
    struct Anchor {
        bytes32 root;
        uint64 size;
        bytes cid;
        uint64 deadline;
    }

    /// @notice `sealId`, attested by the same member, is declared erroneous by the event sealed as `declaration`.
    /// `reason` is SHA-256 of the CBV error reason IRI, zero where none is given.
    struct ErrorDeclaration {
        bytes32 sealId;
        bytes32 declaration;
        bytes32 reason;
        uint64 deadline;
    }

    /// @notice `member` attested one event.
    event Attested(
        uint64 indexed member, bytes32 indexed sealId, bytes32 indexed subject, address signer, Attestation attestation
    );
    /// @notice `member` anchored a batch.
    event Anchored(uint64 indexed member, bytes32 indexed root, uint64 size, bytes cid, address signer);
    /// @notice The consumer named by an attestation acted on it.
    event EffectApplied(uint64 indexed member, bytes32 indexed sealId, address indexed consumer);
    /// @notice The consumer named by an attestation failed; `reason` is the start of its revert data.
    event EffectFailed(uint64 indexed member, bytes32 indexed sealId, address indexed consumer, bytes reason);
    /// @notice `member` declared its own attestation erroneous; the attestation stays.
    event ErrorDeclared(
        uint64 indexed member, bytes32 indexed sealId, bytes32 indexed declaration, bytes32 reason, address signer
    );

    /// @notice The member attested this event before.
    error AlreadyAttested(uint64 member, bytes32 sealId);
    /// @notice The member anchored this root before.
    error AlreadyAnchored(uint64 member, bytes32 root);
    /// @notice The member declared this event erroneous before.
    error AlreadyDeclared(uint64 member, bytes32 sealId);
    /// @notice The member attested no such event, or other fields or another time than given.
    error NotAttested(uint64 member, bytes32 sealId);
    /// @notice The effect was applied, or none was named.
    error NoEffectPending(uint64 member, bytes32 sealId);
    /// @notice A declared error stops an effect that was not applied yet.
    error DeclaredErroneous(uint64 member, bytes32 sealId, bytes32 declaration);
    /// @notice A field that must not be zero or empty is.
    error FieldEmpty(string field);

    /// @notice Records one event and offers it to the consumer it names; a failing consumer never stops the record.
    /// Where `milestone` is not zero, the signer's key needs a role that handles goods (`Roles.HANDLING`).
    /// @param consumerData passed on to the consumer; neither signed, stored nor emitted.
    function attest(
        Attestation calldata attestation,
        address signer,
        bytes calldata signature,
        bytes calldata consumerData
    ) external;
    /// @notice Applies an effect that failed or was starved when the event was recorded; by anybody; passes on a revert.
    /// @param recordedAt block time (Unix seconds) of the recording.
    function applyEffect(
        Attestation calldata attestation,
        uint64 member,
        uint64 recordedAt,
        bytes calldata consumerData
    ) external;
    /// @notice Records a batch.
    function anchor(Anchor calldata batch, address signer, bytes calldata signature) external;
    /// @notice Records that an attested event was wrong.
    function declareError(ErrorDeclaration calldata declaration, address signer, bytes calldata signature) external;

    /// @notice Zero, or keccak256(abi.encode(struct hash, member, recordedAt)) with its lowest bit replaced:
    /// 1 once the effect was applied or where none was named, 0 while it is pending.
    function attested(uint64 member, bytes32 sealId) external view returns (bytes32 attestationRecord);
    /// @notice Size and block time (Unix seconds) of a batch; zeros where there is none.
    function anchored(uint64 member, bytes32 root) external view returns (uint64 size, uint64 recordedAt);
    /// @notice The sealId that declared this event erroneous, or zero.
    function errorOf(uint64 member, bytes32 sealId) external view returns (bytes32 declaration);
}
