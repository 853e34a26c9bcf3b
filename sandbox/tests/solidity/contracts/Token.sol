// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

contract Token is ERC20("Token", "TKN") {
    constructor() {
        _mint(msg.sender, 1e30);
    }
}
