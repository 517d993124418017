// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ICouncil} from "./ICouncil.sol";
import {SignedAction} from "./SignedAction.sol";

/// @title Council
/// @notice Seats sign actions, anybody relays them. More than half of the seats, and never fewer than two, decide.
contract Council is ICouncil, SignedAction, ReentrancyGuardTransient {
    using Address for address;

    /// @notice EIP-712 type hash of `CouncilAction`.
    bytes32 public constant COUNCIL_ACTION_TYPEHASH =
        keccak256("CouncilAction(address target,bytes data,bytes32 salt,uint64 deadline)");

    struct Progress {
        bool proposed;
        bool executed;
        mapping(address seat => bool) approvedBy;
    }

    address[] private _seats;
    uint256 private _threshold;
    mapping(address account => bool) private _isSeat;
    mapping(bytes32 action => Progress) private _progress;

    /// @notice Founds the council; refused unless 2 <= threshold <= seats and threshold is more than half of them.
    constructor(address[] memory seats_, uint256 threshold_) {
        _replaceSeats(seats_, threshold_);
    }

    /// @inheritdoc ICouncil
    function approve(CouncilAction calldata action, address seat, bytes calldata signature) external {
        bytes32 id = actionId(action);
        _requireSigned(id, action.deadline, seat, signature);
        if (!_isSeat[seat]) revert NotSeat(seat);
        Progress storage progress = _progress[id];
        if (progress.executed) revert AlreadyExecuted(id);
        if (progress.approvedBy[seat]) revert AlreadyApproved(id, seat);

        progress.approvedBy[seat] = true;
        if (!progress.proposed) {
            progress.proposed = true;
            emit ActionProposed(id, seat, action.target, action.data, action.salt, action.deadline);
        }
        emit ActionApproved(id, seat);
    }

    /// @inheritdoc ICouncil
    function execute(CouncilAction calldata action) external nonReentrant {
        bytes32 id = actionId(action);
        if (action.deadline < block.timestamp) revert DeadlineExpired(action.deadline, block.timestamp);
        Progress storage progress = _progress[id];
        if (progress.executed) revert AlreadyExecuted(id);
        uint256 approvals = _countApprovals(progress);
        if (approvals < _threshold) revert ApprovalsMissing(id, approvals, _threshold);
        if (action.target.code.length == 0) revert TargetWithoutCode(action.target);

        progress.executed = true;
        emit ActionExecuted(id);
        action.target.functionCall(action.data);
    }

    /// @inheritdoc ICouncil
    function setSeats(address[] calldata seats_, uint256 threshold_) external {
        if (msg.sender != address(this)) revert OnlyCouncil(msg.sender);
        _replaceSeats(seats_, threshold_);
    }

    /// @inheritdoc ICouncil
    function seats() external view returns (address[] memory) {
        return _seats;
    }

    /// @inheritdoc ICouncil
    function threshold() external view returns (uint256) {
        return _threshold;
    }

    /// @inheritdoc ICouncil
    function status(bytes32 action) external view returns (uint256 approvals, bool executed) {
        Progress storage progress = _progress[action];
        return (_countApprovals(progress), progress.executed);
    }

    /// @inheritdoc ICouncil
    function actionId(CouncilAction calldata action) public pure returns (bytes32) {
        return keccak256(
            abi.encode(
                COUNCIL_ACTION_TYPEHASH, action.target, keccak256(action.data), action.salt, action.deadline
            )
        );
    }

    /// @dev Counts by present seats: what somebody approved who has left the council since does not help.
    function _countApprovals(Progress storage progress) private view returns (uint256 approvals) {
        for (uint256 i = 0; i < _seats.length; ++i) {
            if (progress.approvedBy[_seats[i]]) ++approvals;
        }
    }

    function _replaceSeats(address[] memory seats_, uint256 threshold_) private {
        // More than half: two disjoint groups can then never decide the opposite of each other.
        if (threshold_ < 2 || threshold_ > seats_.length || threshold_ * 2 <= seats_.length) {
            revert ThresholdInvalid(threshold_, seats_.length);
        }
        for (uint256 i = 0; i < _seats.length; ++i) {
            _isSeat[_seats[i]] = false;
        }
        for (uint256 i = 0; i < seats_.length; ++i) {
            address seat = seats_[i];
            if (seat == address(0) || _isSeat[seat]) revert SeatInvalid(seat);
            _isSeat[seat] = true;
        }
        _seats = seats_;
        _threshold = threshold_;
        emit SeatsChanged(seats_, threshold_);
    }
}
