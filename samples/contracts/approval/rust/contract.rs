//! A multi-party approval: a subject stands as approved once enough of the named parties said so.

mod interface;

use chengxin::{context, Address, Bytes32, Map, Value};
use interface::{errors, events, Interface, Proposal};

const COUNT: Value<u64> = Value::new("count");
const PROPOSALS: Map<u64, Proposal> = Map::new("proposal");

pub struct Contract;

/// The proposal, open and with the caller as a party.
fn open(id: u64) -> (Proposal, Address) {
    let (proposal, party) = (Contract::proposal(id), context::caller());
    if !proposal.parties.contains(&party) {
        errors::NotAParty { caller: party }.revert();
    }
    if proposal.reached {
        errors::AlreadyReached.revert();
    }
    (proposal, party)
}

impl Interface for Contract {
    fn propose(subject: Bytes32, parties: Vec<Address>, needed: u32) -> u64 {
        let twice = (1..parties.len()).any(|i| parties[..i].contains(&parties[i]));
        if needed == 0 || needed as usize > parties.len() || parties.len() > 100 || twice {
            errors::BadProposal.revert();
        }
        let id = COUNT.get().unwrap_or(0) + 1;
        COUNT.put(&id);
        let proposer = context::caller();
        let (reached, approved) = (false, Vec::new());
        PROPOSALS.put(&id, &Proposal { subject, proposer, needed, reached, parties: parties.clone(), approved });
        events::Proposed { id, subject, proposer, parties, needed }.emit();
        id
    }

    fn approve(id: u64) -> bool {
        let (mut proposal, party) = open(id);
        if proposal.approved.contains(&party) {
            errors::AlreadyApproved.revert();
        }
        proposal.approved.push(party);
        proposal.reached = proposal.approved.len() == proposal.needed as usize;
        PROPOSALS.put(&id, &proposal);
        events::Approved { id, party }.emit();
        if proposal.reached {
            events::Reached { id, subject: proposal.subject }.emit();
        }
        proposal.reached
    }

    fn withdraw(id: u64) {
        let (mut proposal, party) = open(id);
        match proposal.approved.iter().position(|approved| *approved == party) {
            Some(at) => proposal.approved.swap_remove(at),
            None => errors::NotApproved.revert(),
        };
        PROPOSALS.put(&id, &proposal);
        events::Withdrawn { id, party }.emit();
    }

    fn proposal(id: u64) -> Proposal {
        PROPOSALS.get(&id).unwrap_or_else(|| errors::Unknown { id }.revert())
    }
}
