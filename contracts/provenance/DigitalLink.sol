// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Canonical GS1 Digital Links of serialised items
/// @notice `https://id.gs1.org/01/{GTIN-14}/21/{serial}`; every byte of the serial that RFC 3986 does not call
/// unreserved is percent-encoded in upper case.
library DigitalLink {
    /// @notice Zero, more than 14 digits or a wrong check digit.
    error GtinInvalid(uint64 gtin);
    /// @notice Empty, longer than 20 or with a character outside GS1 AI encodable character set 82.
    error SerialInvalid(string serial);

    uint256 private constant MAX_GTIN = 99_999_999_999_999;
    uint256 private constant MAX_SERIAL = 20;
    /// @dev Bit n stands for byte n. GS1 AI encodable character set 82 (General Specifications, figure 7.11-1).
    uint256 private constant SET_82 = 0x07fffffe87fffffeffffffe600000000;
    /// @dev Of those, the unreserved ones of RFC 3986, section 2.3: letters, digits and - . _
    uint256 private constant PLAIN = 0x07fffffe87fffffe03ff600000000000;
    bytes32 private constant HEX_DIGITS = "0123456789ABCDEF";

    /// @dev Refuses a number that is no GTIN (General Specifications, section 7.9: weights 3, 1, 3, … from the right).
    function requireGtin(uint64 gtin) internal pure {
        if (gtin == 0 || gtin > MAX_GTIN) revert GtinInvalid(gtin);
        uint256 sum = gtin % 10;
        uint256 weight = 3;
        for (uint256 rest = gtin / 10; rest != 0; rest /= 10) {
            sum += (rest % 10) * weight;
            weight ^= 2;
        }
        if (sum % 10 != 0) revert GtinInvalid(gtin);
    }

    /// @dev Canonical link and token id (its SHA-256) of an item; the GTIN's check digit is the caller's to check.
    function item(uint64 gtin, string calldata serial) internal pure returns (string memory uri, uint256 tokenId) {
        uri = canonical(gtin, serial);
        tokenId = uint256(sha256(bytes(uri)));
    }

    /// @dev Canonical link of an item: 40 bytes and one to three for every character of the serial.
    function canonical(uint64 gtin, string calldata serial) internal pure returns (string memory uri) {
        uint256 length = bytes(serial).length;
        if (length == 0 || length > MAX_SERIAL) revert SerialInvalid(serial);
        bool fits = true;
        assembly ("memory-safe") {
            // Room for the longest link, 40 + 3 * MAX_SERIAL bytes.
            uri := mload(0x40)
            mstore(0x40, add(uri, 0xa0))
            let start := add(uri, 0x20)
            mstore(start, "https://id.gs1.org/01/0000000000")
            mstore(add(start, 0x20), "0000/21/")
            let rest := gtin
            for { let at := add(start, 35) } rest { at := sub(at, 1) } {
                mstore8(at, add(48, mod(rest, 10)))
                rest := div(rest, 10)
            }
            let end := add(start, 40)
            let last := add(serial.offset, length)
            for { let at := serial.offset } lt(at, last) { at := add(at, 1) } {
                let char := byte(0, calldataload(at))
                let bit := shl(char, 1)
                switch and(PLAIN, bit)
                case 0 {
                    if iszero(and(SET_82, bit)) { fits := 0 }
                    mstore8(end, 0x25)
                    mstore8(add(end, 1), byte(shr(4, char), HEX_DIGITS))
                    mstore8(add(end, 2), byte(and(char, 0x0f), HEX_DIGITS))
                    end := add(end, 3)
                }
                default {
                    mstore8(end, char)
                    end := add(end, 1)
                }
            }
            mstore(uri, sub(end, start))
        }
        if (!fits) revert SerialInvalid(serial);
    }
}
