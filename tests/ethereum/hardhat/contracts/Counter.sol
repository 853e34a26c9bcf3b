// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

contract Counter {
    event Added(address indexed by, uint256 value);
    error TooMuch(uint256 most);

    uint256 public count;

    function add(uint256 value) external {
        if (value > 100) revert TooMuch(100);
        count += value;
        emit Added(msg.sender, value);
    }
}
