// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// A register: entries that their owners publish in versions, none of which goes away.
contract Register {
    struct Version { uint32 number; address author; uint64 time; bytes32 digest; string location; }

    event Published(string indexed key, uint32 indexed number, address indexed author, bytes32 digest, string location);
    event OwnershipTransferred(string indexed key, address from, address to);

    error NotOwner(address owner);
    error Unknown(string key, uint32 number);

    mapping(string key => address) public owner;
    mapping(string key => Version[]) private published;

    function publish(string calldata key, bytes32 digest, string calldata location) external returns (uint32 number) {
        number = versions(key) + 1;
        if (number == 1) owner[key] = msg.sender;
        requireOwner(key);
        published[key].push(Version(number, msg.sender, uint64(block.timestamp), digest, location));
        emit Published(key, number, msg.sender, digest, location);
    }

    function transferOwnership(string calldata key, address to) external {
        requireOwner(key);
        owner[key] = to;
        emit OwnershipTransferred(key, msg.sender, to);
    }

    function versions(string calldata key) public view returns (uint32) {
        return uint32(published[key].length);
    }

    function latest(string calldata key) external view returns (Version memory) {
        return version(key, versions(key));
    }

    function version(string calldata key, uint32 number) public view returns (Version memory) {
        if (number == 0 || number > versions(key)) revert Unknown(key, number);
        return published[key][number - 1];
    }

    function history(string calldata key, uint32 from, uint32 limit) external view returns (Version[] memory out) {
        uint256 first = from == 0 ? 1 : from;
        uint256 end = first - 1 + limit;
        if (end > versions(key)) end = versions(key);
        out = new Version[](end < first ? 0 : end - first + 1);
        for (uint256 i = 0; i < out.length; ++i) out[i] = published[key][first - 1 + i];
    }

    function requireOwner(string calldata key) private view {
        if (owner[key] != msg.sender) revert NotOwner(owner[key]);
    }
}
