// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IEscrow} from "./IEscrow.sol";
import {IFiatToken} from "./IFiatToken.sol";

/// @title The money of an escrow: what came in, what is held, what went out, what waits as credit
/// @notice Books are kept per token, so that a token that cheats can harm only those who agreed to be paid in it.
abstract contract EscrowFunds is IEscrow, ReentrancyGuardTransient {
    /// @dev What was paid out is the rest: received - held - credited. As `received` never passes its type, no later
    /// sum can, and a payout never fails for it.
    struct Books {
        uint128 received;
        uint128 held;
        uint128 credited;
    }

    /// @dev Gas that a payout may use. More than any sound token needs; a token that burns all it is given must not
    /// leave too little to record the credit. `withdraw` has no such limit.
    uint256 private constant _PAYOUT_GAS = 200_000;

    mapping(address token => Books) private _books;
    mapping(address token => mapping(address account => uint256)) private _credit;

    /// @inheritdoc IEscrow
    function withdraw(address token, address account) external nonReentrant {
        _withdraw(token, account, account);
    }

    /// @inheritdoc IEscrow
    function withdrawTo(address token, address to) external nonReentrant {
        _withdraw(token, msg.sender, to);
    }

    /// @inheritdoc IEscrow
    function credit(address token, address account) external view returns (uint256) {
        return _credit[token][account];
    }

    /// @inheritdoc IEscrow
    function totals(address token)
        external
        view
        returns (uint256 received, uint256 paid, uint256 held, uint256 credited)
    {
        Books memory books = _books[token];
        received = books.received;
        held = books.held;
        credited = books.credited;
        paid = received - held - credited;
    }

    /// @dev Takes the order's amount from the buyer's account, exactly. The books are right before the token is called.
    function _receive(
        Order calldata order,
        bytes32 orderHash,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) internal {
        _enter(order.token, order.amount);
        IERC20 token = IERC20(order.token);
        uint256 before = token.balanceOf(address(this));
        IFiatToken(order.token).receiveWithAuthorization(
            order.buyerAccount, address(this), order.amount, validAfter, validBefore, orderHash, signature
        );
        uint256 arrived = token.balanceOf(address(this));
        arrived = arrived > before ? arrived - before : 0;
        if (arrived != order.amount) revert AmountReceived(arrived, order.amount);
    }

    /// @dev Pays an order's whole amount out: `sellerAmount` to the payee, the rest to the buyer's account. The caller
    /// has closed the order.
    function _payOut(Order calldata order, bytes32 orderHash, uint256 sellerAmount) internal {
        address token = order.token;
        _books[token].held -= uint128(order.amount);
        _pay(orderHash, token, order.payee, sellerAmount);
        _pay(orderHash, token, order.buyerAccount, order.amount - sellerAmount);
    }

    function _enter(address token, uint256 amount) private {
        Books storage books = _books[token];
        (uint128 received, uint128 held) = (books.received, books.held);
        if (amount > type(uint128).max - received) revert OrderInvalid("amount", amount);
        // Both fit: amount <= max - received, and what is held was received.
        books.received = received + uint128(amount);
        books.held = held + uint128(amount);
    }

    function _pay(bytes32 orderHash, address token, address account, uint256 amount) private {
        if (amount == 0 || _tryTransfer(token, account, amount, _PAYOUT_GAS)) return;
        _credit[token][account] += amount;
        _books[token].credited += uint128(amount);
        emit Credited(orderHash, token, account, amount);
    }

    function _withdraw(address token, address account, address to) private {
        uint256 amount = _credit[token][account];
        if (amount == 0) revert NoCredit(token, account);
        _credit[token][account] = 0;
        _books[token].credited -= uint128(amount);
        emit Withdrawn(token, account, to, amount);
        // The escrow's own account is refused: it would take the money and have no book to find it in.
        if (to == address(this) || !_tryTransfer(token, to, amount, gasleft())) {
            revert WithdrawalFailed(token, to, amount);
        }
    }

    /// @dev ERC-20 transfer that never reverts: tokens that answer nothing are believed, an answer must be `true`.
    /// At most one word of the answer is copied, however long it is.
    function _tryTransfer(address token, address to, uint256 amount, uint256 gasLimit) private returns (bool done) {
        bytes memory input = abi.encodeCall(IERC20.transfer, (to, amount));
        assembly ("memory-safe") {
            done := call(gasLimit, token, 0, add(input, 0x20), mload(input), 0x00, 0x20)
            switch returndatasize()
            case 0 { done := and(done, gt(extcodesize(token), 0)) }
            default { done := and(done, and(gt(returndatasize(), 0x1f), eq(mload(0x00), 1))) }
        }
    }
}
