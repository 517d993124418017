// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title The authority over setters: OpenZeppelin's AccessManager with the council as its only administrator
/// @notice Guards council setters and `RightsRegistry.consume`; no function that moves a user's money is behind it.
contract Authority is AccessManager {
    constructor(address initialAdmin) AccessManager(initialAdmin) {}
}
