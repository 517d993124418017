// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMemberRegistry} from "../access/IMemberRegistry.sol";
import {Roles} from "../access/Roles.sol";
import {IRightsRegistry} from "../ip/IRightsRegistry.sol";
import {IEscrow} from "./IEscrow.sol";

/// @title Which orders an escrow accepts
/// @notice Bounds that make sure that every order ends at a time known when it is funded.
library OrderRules {
    /// @dev How far ahead delivery may be promised.
    uint256 internal constant MAX_DELIVERY = 5 * 365 days;
    /// @dev Longest grace, inspection window and ruling period.
    uint256 internal constant MAX_PERIOD = 365 days;
    /// @dev Most lines of an order: each costs calls to the rights registry.
    uint256 internal constant MAX_LINES = 50;
    /// @dev Shares are in 1/10,000.
    uint256 internal constant WHOLE = 10_000;
    /// @dev `onRevocation`: pay although a licence ended.
    uint8 internal constant PAY = 0;
    /// @dev `onRevocation`: give the money back where a licence ended.
    uint8 internal constant REFUND = 1;

    /// @dev Reverts, naming the field and its value, unless the order can be opened at this block.
    function requireOpenable(IEscrow.Order calldata order, IMemberRegistry registry, IRightsRegistry rights)
        internal
        view
    {
        _requireMoney(order);
        _requireTimes(order);
        _requireParties(order, registry);
        uint256 count = order.lines.length;
        if (count == 0 || count > MAX_LINES) revert IEscrow.OrderInvalid("lines", count);
        for (uint256 i; i < count; ++i) {
            if (order.lines[i].quantity == 0) revert IEscrow.OrderInvalid("quantity", 0);
        }
        requireRights(order, rights);
    }

    /// @dev Reverts with the registry's reason unless the seller may bring every line to its destination.
    function requireRights(IEscrow.Order calldata order, IRightsRegistry rights) internal view {
        for (uint256 i; i < order.lines.length; ++i) {
            IEscrow.OrderLine calldata line = order.lines[i];
            rights.check(line.licence, order.seller, line.gtin, line.destination);
        }
    }

    /// @dev Whether every line's licence is live for its destination. Running out of gas, or any other failure that
    /// gives no reason, is passed on: a relayer must not be able to make a live licence look ended.
    function licencesLive(IEscrow.Order calldata order, IRightsRegistry rights) internal view returns (bool) {
        for (uint256 i; i < order.lines.length; ++i) {
            IEscrow.OrderLine calldata line = order.lines[i];
            try rights.checkTerritory(line.licence, line.destination) {}
            catch (bytes memory reason) {
                if (reason.length < 4) revert IEscrow.RightsUnanswered(line.licence);
                return false;
            }
        }
        return true;
    }

    function _requireMoney(IEscrow.Order calldata order) private view {
        if (order.amount == 0 || order.amount > type(uint128).max) revert IEscrow.OrderInvalid("amount", order.amount);
        if (order.token.code.length == 0) revert IEscrow.OrderInvalid("token", uint160(order.token));
        _requireAccount("buyerAccount", order.buyerAccount, order.token);
        _requireAccount("payee", order.payee, order.token);
        if (order.unruledSellerBps > WHOLE) {
            revert IEscrow.OrderInvalid("unruledSellerBps", order.unruledSellerBps);
        }
        if (order.onRevocation > REFUND) revert IEscrow.OrderInvalid("onRevocation", order.onRevocation);
    }

    /// @dev Money paid to the escrow or the token itself would be lost.
    function _requireAccount(string memory field, address account, address token) private view {
        if (account == address(0) || account == address(this) || account == token) {
            revert IEscrow.OrderInvalid(field, uint160(account));
        }
    }

    function _requireTimes(IEscrow.Order calldata order) private view {
        if (order.deliverBy <= block.timestamp || order.deliverBy > block.timestamp + MAX_DELIVERY) {
            revert IEscrow.OrderInvalid("deliverBy", order.deliverBy);
        }
        if (order.grace > MAX_PERIOD) revert IEscrow.OrderInvalid("grace", order.grace);
        if (order.inspectionWindow > MAX_PERIOD) {
            revert IEscrow.OrderInvalid("inspectionWindow", order.inspectionWindow);
        }
        if (order.rulingPeriod > MAX_PERIOD || (order.inspectionWindow > 0 && order.rulingPeriod == 0)) {
            revert IEscrow.OrderInvalid("rulingPeriod", order.rulingPeriod);
        }
    }

    function _requireParties(IEscrow.Order calldata order, IMemberRegistry registry) private view {
        if (order.seller == order.buyer) revert IEscrow.OrderInvalid("seller", order.seller);
        if (order.prover == order.seller) revert IEscrow.OrderInvalid("prover", order.prover);
        uint32 proving = _requireActive(registry, order.prover);
        if (proving & Roles.HANDLING == 0) revert IMemberRegistry.RoleMissing(order.prover, Roles.HANDLING, proving);
        if (order.inspectionWindow == 0) return;
        if (order.arbiter == 0 || order.arbiter == order.buyer || order.arbiter == order.seller) {
            revert IEscrow.OrderInvalid("arbiter", order.arbiter);
        }
        uint32 roles = _requireActive(registry, order.arbiter);
        if (roles & Roles.ARBITER == 0) revert IMemberRegistry.RoleMissing(order.arbiter, Roles.ARBITER, roles);
    }

    function _requireActive(IMemberRegistry registry, uint64 gln) private view returns (uint32 roles) {
        IMemberRegistry.Member memory found = registry.member(gln);
        if (!found.active) revert IMemberRegistry.MemberNotActive(gln);
        roles = found.roles;
    }
}
