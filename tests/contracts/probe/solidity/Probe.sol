// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Chengxin} from "chengxin/Chengxin.sol";

contract Probe {
    struct Inner { uint16 a; bytes5 b; }
    struct Outer { string text; Inner[] inner; Inner[2] pair; }

    // Thirteen words are more than solc's stack takes: they come back as they came.
    fallback(bytes calldata input) external returns (bytes memory) {
        require(bytes4(input) == bytes4(keccak256("words(uint8,uint16,uint32,uint64,uint256,int8,int16,int32,int64,bool,address,bytes4,bytes32)")));
        return input[4:];
    }

    function tails(string calldata a, bytes calldata b, uint16[] calldata c, string[] calldata d, bool[2] calldata e,
        string[2] calldata f, uint8[2][] calldata g, Outer calldata h, Outer[] calldata i) external pure returns (string memory,
        bytes memory, uint16[] memory, string[] memory, bool[2] memory, string[2] memory, uint8[2][] memory, Outer memory,
        Outer[] memory) {
        return (a, b, c, d, e, f, g, h, i);
    }

    function calculate(uint256 a, uint256 b) external pure returns (uint256 sum, uint256 product) {
        return (a + b, a * b);
    }
    function subtract(uint256 a, uint256 b) external pure returns (uint256) {
        return a - b;
    }
    function divide(uint256 a, uint256 b) external pure returns (uint256 quotient, uint256 rest) {
        return (a / b, a % b);
    }

    function who() external view returns (address caller, address own, uint64 height, uint64 time) {
        return (msg.sender, address(this), uint64(block.number), uint64(block.timestamp));
    }
    function digests(bytes calldata message) external view returns (bytes32 sm3, bytes32 keccak) {
        return (Chengxin.sm3(message), keccak256(message));
    }
    function verify(bytes32 x, bytes32 y, bytes calldata message, bytes32 r, bytes32 s) external view returns (bool) {
        return Chengxin.sm2Verify(bytes.concat(x, y), message, bytes.concat(r, s));
    }
    function account(address of_, string calldata role, string calldata name) external view returns (bool has, bytes memory value) {
        has = Chengxin.hasRole(of_, role);
        (, value) = Chengxin.attribute(of_, name);
    }
    function proven(bytes calldata bundle, bytes32 digest) external view returns (bool) {
        return Chengxin.evidence(bundle, digest);
    }
    function fail(string calldata reason) external pure {
        revert(reason);
    }
}
