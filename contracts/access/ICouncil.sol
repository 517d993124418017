// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title M-of-N council of members, the administrator of the authority
/// @notice A seat is an account; an action is executed by anybody once `threshold` present seats have signed it.
interface ICouncil {
    /// @notice What seats sign. EIP-712 type
    /// `CouncilAction(address target,bytes data,bytes32 salt,uint64 deadline)`; its struct hash is the action's id.
    struct CouncilAction {
        address target;
        bytes data;
        bytes32 salt;
        uint64 deadline;
    }

    /// @notice First approval of an action.
    event ActionProposed(
        bytes32 indexed action, address indexed seat, address target, bytes data, bytes32 salt, uint64 deadline
    );
    /// @notice `seat` approved `action`.
    event ActionApproved(bytes32 indexed action, address indexed seat);
    /// @notice `action` was carried out.
    event ActionExecuted(bytes32 indexed action);
    /// @notice The seats or the number of approvals needed changed.
    event SeatsChanged(address[] seats, uint256 threshold);

    /// @notice `seat` holds no seat.
    error NotSeat(address seat);
    /// @notice `seat` approved `action` before.
    error AlreadyApproved(bytes32 action, address seat);
    /// @notice `action` was executed before.
    error AlreadyExecuted(bytes32 action);
    /// @notice `action` has fewer approvals of present seats than needed.
    error ApprovalsMissing(bytes32 action, uint256 approvals, uint256 threshold);
    /// @notice A threshold must be at least two, more than half of the seats and no more than all.
    error ThresholdInvalid(uint256 threshold, uint256 seats);
    /// @notice A seat is zero or named twice.
    error SeatInvalid(address seat);
    /// @notice Only the council itself, by an action, changes its seats.
    error OnlyCouncil(address caller);
    /// @notice The action's target has no code.
    error TargetWithoutCode(address target);

    /// @notice Records `seat`'s approval; the first one proposes the action.
    function approve(CouncilAction calldata action, address seat, bytes calldata signature) external;
    /// @notice Carries out an action that has enough approvals; a revert of the target is passed on.
    function execute(CouncilAction calldata action) external;
    /// @notice Replaces all seats; called by the council itself.
    function setSeats(address[] calldata seats_, uint256 threshold_) external;
    /// @notice The id of an action: its EIP-712 struct hash.
    function actionId(CouncilAction calldata action) external pure returns (bytes32);
    /// @notice Present seats.
    function seats() external view returns (address[] memory);
    /// @notice Approvals needed.
    function threshold() external view returns (uint256);
    /// @notice Approvals of `action` by present seats, and whether it was executed.
    function status(bytes32 action) external view returns (uint256 approvals, bool executed);
}
