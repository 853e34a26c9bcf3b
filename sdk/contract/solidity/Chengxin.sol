// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// What the platform has beyond Ethereum, for Solidity contracts: precompiles at fixed addresses, which stand in
/// docs/formats/contract.md.
library Chengxin {
    address private constant SM3 = address(0x0c01);
    address private constant SM2 = address(0x0c02);
    address private constant ACCOUNT = address(0x0c03);
    address private constant EVIDENCE = address(0x0c04);

    function sm3(bytes memory message) internal view returns (bytes32) {
        return bytes32(ask(SM3, message));
    }

    /// Key x || y, signature r || s, distinguishing id 1234567812345678.
    function sm2Verify(bytes memory publicKey, bytes memory message, bytes memory signature) internal view returns (bool) {
        require(publicKey.length == 64 && signature.length == 64, "SM2: key and signature have 64 bytes");
        return abi.decode(ask(SM2, bytes.concat(publicKey, signature, message)), (bool));
    }

    /// Of an account: "role:<x>" (one byte 1), "status", "public_key", "organisation" (not found until accounts have one).
    function attribute(address account, string memory name) internal view returns (bool found, bytes memory value) {
        return abi.decode(ask(ACCOUNT, abi.encodeCall(IAccount.attribute, (account, name))), (bool, bytes));
    }

    function hasRole(address account, string memory role) internal view returns (bool found) {
        (found, ) = attribute(account, string.concat("role:", role));
    }

    function credential(address account, string memory kind) internal view returns (bool found, bytes memory value) {
        return abi.decode(ask(ACCOUNT, abi.encodeCall(IAccount.credential, (account, kind))), (bool, bytes));
    }

    function approval(bytes32 subject, string memory kind) internal view returns (bool found, bytes memory value) {
        return abi.decode(ask(ACCOUNT, abi.encodeCall(IAccount.approval, (subject, kind))), (bool, bytes));
    }

    /// Whether a .cxproof bundle proves the digest on this chain.
    function evidence(bytes memory bundle, bytes32 digest) internal view returns (bool) {
        return abi.decode(ask(EVIDENCE, bytes.concat(digest, bundle)), (bool));
    }

    function ask(address precompile, bytes memory input) private view returns (bytes memory output) {
        bool answered;
        (answered, output) = precompile.staticcall(input);
        require(answered && output.length >= 32, "the platform does not answer");
    }
}

interface IAccount {
    function attribute(address account, string calldata name) external view returns (bool found, bytes memory value);
    function credential(address account, string calldata kind) external view returns (bool found, bytes memory value);
    function approval(bytes32 subject, string calldata kind) external view returns (bool found, bytes memory value);
}
