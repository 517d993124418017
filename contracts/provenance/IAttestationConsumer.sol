// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEventLedger} from "./IEventLedger.sol";

/// @title A contract that acts on attestations
/// @notice Must check that the caller is the ledger it trusts and whether `member` may prove what it proves.
interface IAttestationConsumer {
    /// @notice Called by the ledger at most once successfully for an attestation.
    /// @param recordedAt block time (Unix seconds) at which the ledger recorded the attestation.
    /// @param data whatever the relayer passed; not signed.
    function onAttestation(
        IEventLedger.Attestation calldata attestation,
        uint64 member,
        uint64 recordedAt,
        bytes calldata data
    ) external;
}
