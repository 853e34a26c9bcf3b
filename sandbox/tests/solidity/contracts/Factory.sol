// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {Token} from "./Token.sol";

contract Counter {
    uint256 public count;
    address public last;

    error TooFar(uint256 count);

    event Counted(address indexed by, uint256 count);

    function add(uint256 steps) external returns (uint256) {
        count += steps;
        if (count > 100) revert TooFar(count);
        last = msg.sender;
        emit Counted(msg.sender, count);
        return count;
    }
}

/// Creates in all three ways: CREATE, CREATE2 and minimal proxies, which delegate.
contract Factory {
    address[] public made;
    Counter private immutable template = new Counter();

    function token() external returns (address) {
        return keep(address(new Token()));
    }

    function salted(bytes32 salt) external returns (address) {
        return keep(address(new Counter{salt: salt}()));
    }

    function clone(bytes32 salt) external returns (address) {
        address expected = Clones.predictDeterministicAddress(address(template), salt);
        address actual = Clones.cloneDeterministic(address(template), salt);
        require(actual == expected, "address");
        return keep(actual);
    }

    function proxy() external returns (address) {
        return keep(address(new ERC1967Proxy(address(template), abi.encodeCall(Counter.add, (1)))));
    }

    /// Goes on when the called contract reverts.
    function tryAdd(uint256 index, uint256 steps) external returns (bool success, bytes memory data) {
        return made[index].call(abi.encodeCall(Counter.add, (steps)));
    }

    function keep(address one) private returns (address) {
        made.push(one);
        return one;
    }
}
