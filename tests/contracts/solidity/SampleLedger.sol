// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice Exercises every ABI shape that the generated bindings must carry.
contract SampleLedger is EIP712 {
    /// @notice A quantity with its unit.
    struct Line {
        uint256 gtin;
        uint128 quantity;
        string unit;
    }

    /// @notice A signed message with nested, repeated and dynamic members.
    struct Order {
        bytes32 sealId;
        address buyer;
        int64 offsetMinutes;
        bool window;
        bytes note;
        Line[] lines;
        Line total;
        uint16[3] codes;
    }

    /// @notice A record was kept.
    event Recorded(bytes32 indexed sealId, address indexed buyer, string indexed place, Line[] lines, uint64 recordedAt);

    /// @notice The licence does not cover these goods.
    error NotLicensed(uint256 gtin, address licensee);

    /// @notice Carries a struct and bytes.
    error BadLine(Line line, bytes reason);

    /// @dev keccak of the line's EIP-712 type.
    bytes32 private constant LINE_TYPEHASH = keccak256("Line(uint256 gtin,uint128 quantity,string unit)");

    /// @dev keccak of the order's EIP-712 type.
    bytes32 private constant ORDER_TYPEHASH =
        keccak256(
            "Order(bytes32 sealId,address buyer,int64 offsetMinutes,bool window,bytes note,Line[] lines,Line total,uint16[3] codes)Line(uint256 gtin,uint128 quantity,string unit)"
        );

    /// @notice How often each buyer recorded.
    mapping(address buyer => uint256 count) public counts;

    constructor() EIP712("Sample", "1") {}

    /// @notice Records an order whose signature is the buyer's.
    function record(Order calldata order, bytes calldata signature) external returns (bytes32 digest) {
        digest = hashOrder(order);
        if (ECDSA.recover(digest, signature) != order.buyer) revert NotLicensed(order.total.gtin, order.buyer);
        if (order.lines.length == 0) revert BadLine(order.total, order.note);
        ++counts[order.buyer];
        emit Recorded(order.sealId, order.buyer, order.total.unit, order.lines, uint64(block.timestamp));
    }

    /// @notice Gives back what it is given.
    function echo(Order calldata order) external pure returns (Order memory) {
        return order;
    }

    /// @notice Two results, one without a name.
    function pair(uint8 small) external pure returns (uint256 doubled, bool) {
        return (uint256(small) * 2, small > 100);
    }

    /// @notice Overloaded on purpose.
    function pair(bytes32 word) external pure returns (bytes32) {
        return word;
    }

    /// @notice Overflows where small is beyond a third.
    function triple(uint8 small) external pure returns (uint8) {
        return small * 3;
    }

    /// @notice Refuses with a plain reason.
    function refuse(string calldata why) external pure {
        revert(why);
    }

    /// @notice The EIP-712 digest of an order.
    function hashOrder(Order calldata order) public view returns (bytes32) {
        bytes32[] memory lines = new bytes32[](order.lines.length);
        for (uint256 i = 0; i < lines.length; ++i) lines[i] = _hashLine(order.lines[i]);
        bytes memory head = abi.encode(
            ORDER_TYPEHASH,
            order.sealId,
            order.buyer,
            order.offsetMinutes,
            order.window,
            keccak256(order.note)
        );
        bytes memory tail = abi.encode(
            keccak256(abi.encodePacked(lines)),
            _hashLine(order.total),
            keccak256(abi.encode(order.codes))
        );
        return _hashTypedDataV4(keccak256(bytes.concat(head, tail)));
    }

    function _hashLine(Line calldata line) private pure returns (bytes32) {
        return keccak256(abi.encode(LINE_TYPEHASH, line.gtin, line.quantity, keccak256(bytes(line.unit))));
    }
}

/// @notice The plainest OpenZeppelin token.
contract SampleToken is ERC20 {
    constructor() ERC20("Sample", "SMP") {
        _mint(msg.sender, 1_000_000);
    }
}
