// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

interface Receiver {
    function received(uint256 amount) external;
}

contract Vault is ReentrancyGuard {
    mapping(address => uint256) public shares;
    uint256 public paid;

    function deposit(uint256 amount) external {
        shares[msg.sender] += amount;
    }

    /// Wrong on purpose: the share is taken after the call.
    function careless() external {
        pay();
    }

    function guarded() external nonReentrant {
        pay();
    }

    function pay() internal {
        uint256 amount = shares[msg.sender];
        paid += amount;
        Receiver(msg.sender).received(amount);
        shares[msg.sender] = 0;
    }
}

contract TransientVault is Vault {
    bool transient private entered;

    function guardedTransiently() external {
        require(!entered, "entered");
        entered = true;
        pay();
        entered = false;
    }
}

contract Thief is Receiver {
    Vault private immutable vault;
    bytes private how;
    uint256 private rounds;
    uint256 public taken;

    constructor(Vault from) {
        vault = from;
        from.deposit(10);
    }

    function attack(bytes calldata with, uint256 times) external {
        how = with;
        rounds = times;
        enter();
    }

    function received(uint256 amount) external {
        taken += amount;
        if (rounds-- > 1) enter();
    }

    function enter() private {
        (bool success, bytes memory data) = address(vault).call(how);
        if (!success) {
            assembly {
                revert(add(data, 32), mload(data))
            }
        }
    }
}
