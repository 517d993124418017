// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title Directory of a network's contracts
/// @notice Tells clients where the contracts are; no contract reads it, so that changing it moves nothing by itself.
contract Directory is AccessManaged {
    /// @notice A name and the contract it stands for.
    struct Entry {
        string name;
        address contractAddress;
    }

    /// @notice `name` now stands for `contractAddress`; zero where it no longer stands for any.
    event EntrySet(string name, address contractAddress);

    /// @notice A name of no or more than 32 bytes.
    error NameInvalid(string name);
    /// @notice Nothing is deployed there.
    error EntryWithoutCode(string name, address contractAddress);

    string[] private _names;
    mapping(string name => bool) private _known;
    mapping(string name => address) private _addresses;

    /// @notice Binds the directory to the authority whose administrator is the council.
    constructor(address authority_) AccessManaged(authority_) {}

    /// @notice Council: lets `name` stand for a contract, or (zero) for none any more.
    function set(string calldata name, address contractAddress) external restricted {
        uint256 length = bytes(name).length;
        if (length == 0 || length > 32) revert NameInvalid(name);
        if (contractAddress != address(0) && contractAddress.code.length == 0) {
            revert EntryWithoutCode(name, contractAddress);
        }
        if (!_known[name]) {
            _known[name] = true;
            _names.push(name);
        }
        _addresses[name] = contractAddress;
        emit EntrySet(name, contractAddress);
    }

    /// @notice The contract that `name` stands for; zero where there is none.
    function get(string calldata name) external view returns (address contractAddress) {
        return _addresses[name];
    }

    /// @notice Every name ever set, in order of first setting, with what it stands for now.
    function entries() external view returns (Entry[] memory list) {
        list = new Entry[](_names.length);
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = Entry({name: _names[i], contractAddress: _addresses[_names[i]]});
        }
    }
}
