// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMemberRegistry} from "../access/IMemberRegistry.sol";
import {Roles} from "../access/Roles.sol";
import {SignedAction} from "../access/SignedAction.sol";
import {IRightsRegistry} from "../ip/IRightsRegistry.sol";
import {IAttestationConsumer} from "../provenance/IAttestationConsumer.sol";
import {IEventLedger} from "../provenance/IEventLedger.sol";
import {EscrowFunds} from "./EscrowFunds.sol";
import {IEscrow} from "./IEscrow.sol";
import {OrderHash} from "./OrderHash.sol";
import {OrderRules} from "./OrderRules.sol";

/// @title Escrowed settlement of orders by proof of delivery
/// @notice Has no owner and no setter. Whoever relays a call, the money goes to the order's payee or buyer account,
/// in the shares the order says. To the second: a dispute is possible at the end of the window and settling one second
/// later; a ruling at the ruling deadline and settling one second later; a refund one second after `deliverBy` plus
/// `grace`. A proof is accepted until somebody has triggered the refund.
contract Escrow is IAttestationConsumer, SignedAction, EscrowFunds {
    using OrderHash for Order;
    using OrderHash for Consent;
    using OrderHash for Dispute;
    using OrderHash for Ruling;
    using OrderRules for Order;

    /// @dev The milestone of an attestation that proves delivery.
    uint16 private constant _DELIVERED = 1;

    /// @notice Where the parties' keys are registered.
    IMemberRegistry public immutable registry;
    /// @notice Who may sell what where.
    IRightsRegistry public immutable rights;
    /// @notice The only caller that may prove a delivery.
    IEventLedger public immutable ledger;

    mapping(bytes32 orderHash => State) private _states;

    constructor(IMemberRegistry registry_, IRightsRegistry rights_, IEventLedger ledger_) {
        registry = registry_;
        rights = rights_;
        ledger = ledger_;
    }

    /// @inheritdoc IEscrow
    function open(
        Order calldata order,
        address buyerSigner,
        bytes calldata buyerSignature,
        address sellerSigner,
        bytes calldata sellerSignature
    ) external nonReentrant returns (bytes32 orderHash) {
        bytes32 structHash = order.structHash();
        orderHash = _requireSignature(structHash, buyerSigner, buyerSignature);
        _requireSignature(structHash, sellerSigner, sellerSignature);
        registry.requireMember(buyerSigner, order.buyer, Roles.TRADER);
        registry.requireMember(sellerSigner, order.seller, Roles.TRADER);
        _requireStatus(orderHash, Status.None);
        order.requireOpenable(registry, rights);
        _states[orderHash].status = Status.Open;
        emit OrderOpened(orderHash, order.buyer, order.seller, order);
    }

    /// @inheritdoc IEscrow
    function fund(Order calldata order, uint256 validAfter, uint256 validBefore, bytes calldata signature)
        external
        nonReentrant
    {
        bytes32 orderHash = hashOrder(order);
        State storage current = _requireStatus(orderHash, Status.Open);
        if (block.timestamp > order.deliverBy) revert TooLate(orderHash, block.timestamp, order.deliverBy);
        order.requireRights(rights);
        current.status = Status.Funded;
        current.fundedAt = uint48(block.timestamp);
        emit OrderFunded(orderHash, order.token, order.buyerAccount, order.amount);
        _receive(order, orderHash, validAfter, validBefore, signature);
    }

    /// @inheritdoc IAttestationConsumer
    /// @dev `data` is abi.encode(Order). The window begins now, not at `recordedAt`: an effect that is applied late
    /// must not take time from the buyer.
    function onAttestation(
        IEventLedger.Attestation calldata attestation,
        uint64 member,
        uint64,
        bytes calldata data
    ) external nonReentrant {
        if (msg.sender != address(ledger)) revert NotLedger(msg.sender);
        Order calldata order = _orderIn(data);
        bytes32 orderHash = hashOrder(order);
        _requireSame("order", attestation.order, orderHash);
        State storage current = _requireStatus(orderHash, Status.Funded);
        _requireSame("member", bytes32(uint256(member)), bytes32(uint256(order.prover)));
        _requireSame("subject", attestation.subject, order.shipment);
        _requireSame("milestone", bytes32(uint256(attestation.milestone)), bytes32(uint256(_DELIVERED)));
        // What it may mean one day is nothing that this contract knows, and every verifier refuses it.
        _requireSame("extension", attestation.extension, 0);

        uint48 windowEnd = uint48(block.timestamp) + order.inspectionWindow;
        current.provenAt = uint48(block.timestamp);
        if (order.onRevocation == OrderRules.REFUND && !order.licencesLive(rights)) {
            emit DeliveryProven(orderHash, member, attestation.sealId, uint48(block.timestamp));
            _close(order, orderHash, Outcome.RevocationRefunded, 0);
            return;
        }
        emit DeliveryProven(orderHash, member, attestation.sealId, windowEnd);
        if (order.inspectionWindow == 0) _close(order, orderHash, Outcome.Delivered, order.amount);
        else current.status = Status.Proven;
    }

    /// @inheritdoc IEscrow
    /// @dev Asks nothing of the registry: a member that was suspended can still let its money go.
    function confirm(Order calldata order, Consent calldata consent, bytes calldata signature) external nonReentrant {
        bytes32 orderHash = hashOrder(order);
        _requireSame("order", consent.order, orderHash);
        Status status = _states[orderHash].status;
        if (status != Status.Funded && status != Status.Proven && status != Status.Disputed) {
            revert StatusInvalid(orderHash, status, Status.Funded);
        }
        _requireSigned(consent.structHash(), consent.deadline, order.buyerAccount, signature);
        _close(order, orderHash, Outcome.Consented, order.amount);
    }

    /// @inheritdoc IEscrow
    function settle(Order calldata order) external nonReentrant {
        bytes32 orderHash = hashOrder(order);
        if (_states[orderHash].status == Status.Disputed) {
            _requireAfter(orderHash, _rulingDeadline(orderHash, order));
            _close(order, orderHash, Outcome.Unruled, order.amount * order.unruledSellerBps / OrderRules.WHOLE);
        } else {
            _requireStatus(orderHash, Status.Proven);
            _requireAfter(orderHash, _windowEnd(orderHash, order));
            _close(order, orderHash, Outcome.WindowElapsed, order.amount);
        }
    }

    /// @inheritdoc IEscrow
    function dispute(Order calldata order, Dispute calldata claim, bytes calldata signature) external nonReentrant {
        bytes32 orderHash = hashOrder(order);
        _requireSame("order", claim.order, orderHash);
        State storage current = _requireStatus(orderHash, Status.Proven);
        _requireUntil(orderHash, _windowEnd(orderHash, order));
        _requireSigned(claim.structHash(), claim.deadline, order.buyerAccount, signature);
        current.status = Status.Disputed;
        current.disputedAt = uint48(block.timestamp);
        emit OrderDisputed(orderHash, claim.evidence, uint48(_rulingDeadline(orderHash, order)));
    }

    /// @inheritdoc IEscrow
    function rule(Order calldata order, Ruling calldata ruling, address signer, bytes calldata signature)
        external
        nonReentrant
    {
        bytes32 orderHash = hashOrder(order);
        _requireSame("order", ruling.order, orderHash);
        _requireStatus(orderHash, Status.Disputed);
        _requireUntil(orderHash, _rulingDeadline(orderHash, order));
        _requireSigned(ruling.structHash(), ruling.deadline, signer, signature);
        registry.requireMember(signer, order.arbiter, Roles.ARBITER);
        if (ruling.sellerAmount > order.amount) revert SplitInvalid(ruling.sellerAmount, order.amount);
        emit OrderRuled(orderHash, order.arbiter, ruling.sellerAmount, ruling.evidence);
        _close(order, orderHash, Outcome.Ruled, ruling.sellerAmount);
    }

    /// @inheritdoc IEscrow
    function refund(Order calldata order) external nonReentrant {
        bytes32 orderHash = hashOrder(order);
        _requireStatus(orderHash, Status.Funded);
        _requireAfter(orderHash, uint256(order.deliverBy) + order.grace);
        _close(order, orderHash, Outcome.Refunded, 0);
    }

    /// @inheritdoc IEscrow
    function state(bytes32 orderHash) external view returns (State memory) {
        return _states[orderHash];
    }

    /// @inheritdoc IEscrow
    function hashOrder(Order calldata order) public view returns (bytes32) {
        return _hashTypedDataV4(order.structHash());
    }

    /// @dev Ends the order in the books first; whatever the token then does, the order is over.
    function _close(Order calldata order, bytes32 orderHash, Outcome outcome, uint256 sellerAmount) private {
        State storage current = _states[orderHash];
        current.status = Status.Closed;
        current.outcome = outcome;
        current.closedAt = uint48(block.timestamp);
        emit OrderClosed(orderHash, outcome, sellerAmount, order.amount - sellerAmount);
        _payOut(order, orderHash, sellerAmount);
    }

    function _requireStatus(bytes32 orderHash, Status expected) private view returns (State storage current) {
        current = _states[orderHash];
        if (current.status != expected) revert StatusInvalid(orderHash, current.status, expected);
    }

    function _requireAfter(bytes32 orderHash, uint256 end) private view {
        if (block.timestamp <= end) revert TooEarly(orderHash, block.timestamp, end + 1);
    }

    function _requireUntil(bytes32 orderHash, uint256 end) private view {
        if (block.timestamp > end) revert TooLate(orderHash, block.timestamp, end);
    }

    function _requireSame(string memory field, bytes32 actual, bytes32 expected) private pure {
        if (actual != expected) revert ProofMismatch(field, actual, expected);
    }

    function _windowEnd(bytes32 orderHash, Order calldata order) private view returns (uint256) {
        return uint256(_states[orderHash].provenAt) + order.inspectionWindow;
    }

    function _rulingDeadline(bytes32 orderHash, Order calldata order) private view returns (uint256) {
        return uint256(_states[orderHash].disputedAt) + order.rulingPeriod;
    }

    /// @dev Reads abi.encode(Order) where it lies in calldata. Nothing about the pointer has to be trusted: whatever
    /// it points to is used only if it hashes to an order that both sides signed, and calldata does not change.
    function _orderIn(bytes calldata data) private pure returns (Order calldata order) {
        assembly ("memory-safe") {
            order := add(data.offset, calldataload(data.offset))
        }
    }
}
