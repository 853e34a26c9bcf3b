// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

/// An escrow: tokens that a buyer deposits go to the seller, or back, as buyer, seller or arbiter decide.
contract Escrow {
    struct Deal { address token; address buyer; address seller; address arbiter; uint256 amount; uint64 deadline; uint8 state; }

    event Opened(uint64 indexed id, address indexed buyer, address indexed seller, address token, uint256 amount);
    event Released(uint64 indexed id, address by);
    event Refunded(uint64 indexed id, address by);

    error Unknown(uint64 id);
    error NotOpen(uint64 id);
    error NotAllowed(address caller);
    error NothingDeposited();

    uint8 private constant OPEN = 1;
    uint8 private constant RELEASED = 2;
    uint8 private constant REFUNDED = 3;

    uint64 private count;
    mapping(uint64 id => Deal) private deals;

    function open(address token, address seller, address arbiter, uint256 amount, uint64 deadline) external returns (uint64 id) {
        if (amount == 0) revert NothingDeposited();
        id = ++count;
        deals[id] = Deal(token, msg.sender, seller, arbiter, amount, deadline, OPEN);
        require(IToken(token).transferFrom(msg.sender, address(this), amount), "the token refused");
        emit Opened(id, msg.sender, seller, token, amount);
    }

    function release(uint64 id) external {
        Deal storage found = openDeal(id);
        if (msg.sender != found.buyer && msg.sender != found.arbiter) revert NotAllowed(msg.sender);
        found.state = RELEASED; // before the token is called, so that a token that calls back finds it closed
        require(IToken(found.token).transfer(found.seller, found.amount), "the token refused");
        emit Released(id, msg.sender);
    }

    function refund(uint64 id) external {
        Deal storage found = openDeal(id);
        bool late = msg.sender == found.buyer && block.timestamp > found.deadline;
        if (msg.sender != found.seller && msg.sender != found.arbiter && !late) revert NotAllowed(msg.sender);
        found.state = REFUNDED;
        require(IToken(found.token).transfer(found.buyer, found.amount), "the token refused");
        emit Refunded(id, msg.sender);
    }

    function deal(uint64 id) public view returns (Deal memory) {
        if (id == 0 || id > count) revert Unknown(id);
        return deals[id];
    }

    function openDeal(uint64 id) private view returns (Deal storage found) {
        if (id == 0 || id > count) revert Unknown(id);
        found = deals[id];
        if (found.state != OPEN) revert NotOpen(id);
    }
}
