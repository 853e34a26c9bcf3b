// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// A token: the part of ERC-20 that everybody uses.
contract Token {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    error InsufficientBalance(address owner, uint256 have, uint256 need);
    error InsufficientAllowance(address spender, uint256 have, uint256 need);

    bool private constructed;
    string public name;
    string public symbol;
    uint8 public constant decimals = 18;
    uint256 public totalSupply;
    mapping(address owner => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    constructor(string memory name_, string memory symbol_, uint256 supply) {
        if (constructed) return; // an upgrade
        constructed = true;
        name = name_;
        symbol = symbol_;
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        takeAndGive(msg.sender, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 have = allowance[from][msg.sender];
        if (have < value) revert InsufficientAllowance(msg.sender, have, value);
        if (have != type(uint256).max) allowance[from][msg.sender] = have - value;
        takeAndGive(from, to, value);
        return true;
    }

    function takeAndGive(address from, address to, uint256 value) private {
        uint256 have = balanceOf[from];
        if (have < value) revert InsufficientBalance(from, have, value);
        balanceOf[from] = have - value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
