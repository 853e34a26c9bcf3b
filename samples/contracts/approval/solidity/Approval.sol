// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// A multi-party approval: a subject stands as approved once enough of the named parties said so.
contract Approval {
    struct Proposal { bytes32 subject; address proposer; uint32 needed; bool reached; address[] parties; address[] approved; }

    event Proposed(uint64 indexed id, bytes32 indexed subject, address proposer, address[] parties, uint32 needed);
    event Approved(uint64 indexed id, address indexed party);
    event Withdrawn(uint64 indexed id, address indexed party);
    event Reached(uint64 indexed id, bytes32 indexed subject);

    error BadProposal();
    error Unknown(uint64 id);
    error NotAParty(address caller);
    error AlreadyApproved();
    error NotApproved();
    error AlreadyReached();

    uint64 private count;
    mapping(uint64 id => Proposal) private proposals;

    function propose(bytes32 subject, address[] calldata parties, uint32 needed) external returns (uint64 id) {
        if (needed == 0 || needed > parties.length || parties.length > 100) revert BadProposal();
        for (uint256 i = 0; i < parties.length; ++i)
            for (uint256 j = 0; j < i; ++j) if (parties[i] == parties[j]) revert BadProposal();
        id = ++count;
        proposals[id] = Proposal(subject, msg.sender, needed, false, parties, new address[](0));
        emit Proposed(id, subject, msg.sender, parties, needed);
    }

    function approve(uint64 id) external returns (bool) {
        Proposal storage found = open(id);
        if (position(found.approved) < found.approved.length) revert AlreadyApproved();
        found.approved.push(msg.sender);
        emit Approved(id, msg.sender);
        if (found.approved.length < found.needed) return false;
        found.reached = true;
        emit Reached(id, found.subject);
        return true;
    }

    function withdraw(uint64 id) external {
        Proposal storage found = open(id);
        uint256 at = position(found.approved);
        if (at == found.approved.length) revert NotApproved();
        found.approved[at] = found.approved[found.approved.length - 1];
        found.approved.pop();
        emit Withdrawn(id, msg.sender);
    }

    function proposal(uint64 id) external view returns (Proposal memory) {
        return known(id);
    }

    function known(uint64 id) private view returns (Proposal storage) {
        if (id == 0 || id > count) revert Unknown(id);
        return proposals[id];
    }

    /// The proposal, open and with the caller as a party.
    function open(uint64 id) private view returns (Proposal storage found) {
        found = known(id);
        if (position(found.parties) == found.parties.length) revert NotAParty(msg.sender);
        if (found.reached) revert AlreadyReached();
    }

    /// Of the caller; the length when it is not among them.
    function position(address[] storage among) private view returns (uint256 at) {
        while (at < among.length && among[at] != msg.sender) ++at;
    }
}
