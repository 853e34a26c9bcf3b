// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// A notary: who recorded a digest first, and when.
contract Notary {
    struct Record { address owner; uint64 height; uint64 time; string note; }

    event Recorded(bytes32 indexed digest, address indexed owner, string note);

    error AlreadyRecorded(bytes32 digest, address owner);
    error NotRecorded(bytes32 digest);

    mapping(bytes32 => Record) private records;
    uint64 public count;

    function record(bytes32 digest, string calldata note) external {
        address owner = records[digest].owner;
        if (owner != address(0)) revert AlreadyRecorded(digest, owner);
        records[digest] = Record(msg.sender, uint64(block.number), uint64(block.timestamp), note);
        count++;
        emit Recorded(digest, msg.sender, note);
    }

    function find(bytes32 digest) external view returns (Record memory) {
        if (records[digest].owner == address(0)) revert NotRecorded(digest);
        return records[digest];
    }
}
