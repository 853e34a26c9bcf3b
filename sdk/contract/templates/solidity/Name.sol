// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// 计数器：只有所有者可以增加。 A counter that its owner counts up.
contract {{Name}} {
    event Added(address indexed by, uint64 amount, uint64 value);

    error NotOwner(address owner);

    address public owner;
    uint64 public value;

    /// 部署和每次升级时都会运行。 Runs at deployment and at each upgrade.
    constructor(uint64 start) {
        if (owner != address(0)) return;
        owner = msg.sender;
        value = start;
    }

    /// Adds to the value and returns the new one; for the owner.
    function add(uint64 amount) external returns (uint64) {
        if (msg.sender != owner) revert NotOwner(owner);
        require(amount > 0, "nothing to add");
        value += amount;
        emit Added(msg.sender, amount, value);
        return value;
    }
}
