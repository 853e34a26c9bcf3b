// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Holder} from "@openzeppelin/contracts/token/ERC721/utils/ERC721Holder.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

contract Coin is ERC20, Ownable, AccessControl {
    bytes32 public constant MINTER = keccak256("MINTER");

    constructor(address owner) ERC20("Coin", "C") Ownable(owner) {
        _grantRole(DEFAULT_ADMIN_ROLE, owner);
    }

    function mint(address to, uint256 value) external onlyRole(MINTER) {
        _mint(to, value);
    }
}

contract Deed is ERC721("Deed", "D") {
    function mint(address to, uint256 id) external {
        _safeMint(to, id);
    }
}

contract Holder is ERC721Holder {}

/// Calls what it is told to, and tells how that ended.
contract Gate is ReentrancyGuard {
    uint256 public entered;

    function pass(address to, bytes calldata data) external returns (bool returned, bytes memory result) {
        ++entered;
        return to.call(data);
    }

    function guarded(address to, bytes calldata data) external nonReentrant returns (bool returned, bytes memory result) {
        ++entered;
        return to.call(data);
    }

    function look(address at) external view returns (uint256 size, bytes32 hash, bytes memory code) {
        return (at.code.length, at.codehash, at.code);
    }
}

contract Counter {
    uint256 public count;
    address public owner;

    function initialize(address first) external {
        require(owner == address(0), "again");
        owner = first;
    }

    function add() external returns (uint256) {
        return ++count;
    }

    function clear() external {
        count = 0;
    }
}

contract Factory {
    event Made(address what);

    function clone(address original) external {
        address made = Clones.clone(original);
        Counter(made).initialize(msg.sender);
        emit Made(made);
    }

    function cloneAt(address original, bytes32 salt) external {
        emit Made(Clones.cloneDeterministic(original, salt));
    }

    function fresh() external {
        emit Made(address(new Counter()));
    }

    function proxy(address original, bytes calldata data) external {
        emit Made(address(new ERC1967Proxy(original, data)));
    }
}

contract Fee {
    uint256 public fee = 3;
    uint256 public once;
    bool public constructing;

    constructor() {
        if (once == 0) once = 7;
        constructing = address(this).code.length == 0;
    }

    function change(uint256 to) external {
        (fee, once) = (to, to);
    }
}
