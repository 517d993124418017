// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A token that misbehaves as a test tells it to
/// @notice Moves money without asking for a signature; what is tested is who is harmed by it.
contract ScriptedToken {
    enum Manner {
        Honest,
        NoReturn,
        ReturnsFalse,
        ReturnsTwo,
        ReturnsShort,
        ReturnBomb,
        RevertBomb,
        BurnsGas,
        LiesAboutTransfer,
        Reverts
    }

    /// @notice How `transfer` behaves.
    Manner public manner;
    /// @notice Kept back of every transfer that comes in, in 1/10,000.
    uint256 public feeBps;
    /// @notice Added to what `balanceOf` answers.
    uint256 public exaggeration;
    /// @notice Refuses to be paid.
    mapping(address account => bool) public denied;
    /// @notice Called back before money comes in or goes out.
    address public hookTarget;
    /// @notice What it is called with.
    bytes public hookData;
    /// @notice How many of its calls back succeeded.
    uint256 public hookSuccesses;
    /// @notice How many failed.
    uint256 public hookFailures;
    /// @notice What the last failed one answered.
    bytes public hookReason;

    mapping(address account => uint256) private _balances;

    /// @notice Makes money of nothing.
    function give(address account, uint256 amount) external {
        _balances[account] += amount;
    }

    /// @notice Makes money vanish, as a rebase does.
    function take(address account, uint256 amount) external {
        _balances[account] -= amount;
    }

    /// @notice Chooses how `transfer` behaves.
    function behave(Manner manner_) external {
        manner = manner_;
    }

    /// @notice Chooses the fee.
    function setFee(uint256 feeBps_) external {
        feeBps = feeBps_;
    }

    /// @notice Chooses the lie.
    function exaggerate(uint256 by) external {
        exaggeration = by;
    }

    /// @notice Puts an account on the deny list, or takes it off.
    function deny(address account, bool denied_) external {
        denied[account] = denied_;
    }

    /// @notice Chooses whom to call back.
    function setHook(address target, bytes calldata data) external {
        hookTarget = target;
        hookData = data;
    }

    /// @notice What an account has, or is said to have.
    function balanceOf(address account) external view returns (uint256) {
        return _balances[account] + exaggeration;
    }

    /// @notice ERC-3009 in form only.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256,
        uint256,
        bytes32,
        bytes calldata
    ) external {
        _callBack();
        _balances[from] -= value;
        _balances[to] += value - value * feeBps / 10_000;
    }

    /// @notice ERC-20 transfer, in the chosen manner.
    function transfer(address to, uint256 value) external returns (bool) {
        _callBack();
        if (denied[to] || manner == Manner.Reverts) revert("denied");
        if (manner == Manner.BurnsGas) {
            assembly {
                invalid()
            }
        }
        if (manner == Manner.RevertBomb) {
            assembly {
                revert(0, 100000)
            }
        }
        if (manner == Manner.ReturnsFalse) return false;
        if (manner == Manner.LiesAboutTransfer) return true;
        _balances[msg.sender] -= value;
        _balances[to] += value;
        if (manner == Manner.NoReturn) {
            assembly {
                return(0, 0)
            }
        }
        if (manner == Manner.ReturnsTwo) {
            assembly {
                mstore(0, 2)
                return(0, 32)
            }
        }
        if (manner == Manner.ReturnsShort) {
            assembly {
                mstore8(0, 1)
                return(0, 1)
            }
        }
        if (manner == Manner.ReturnBomb) {
            assembly {
                mstore(0, 1)
                return(0, 100000)
            }
        }
        return true;
    }

    function _callBack() private {
        if (hookTarget == address(0)) return;
        (bool done, bytes memory reason) = hookTarget.call(hookData);
        if (done) {
            ++hookSuccesses;
        } else {
            ++hookFailures;
            hookReason = reason;
        }
    }
}
