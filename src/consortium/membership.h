#pragma once
#include <map>
#include <mutex>
#include <set>

#include "consortium/chains.h"
#include "format/proposal.h"

// Who may have a link: derived from what the chains say now. Invariants:
// - a link of a chain is only for a node whose key the chain's newest record names: a root alone lets nobody
//   in. Its certificate is of its organisation's root as the record has it, or of the one that the
//   organisation itself has proposed in its place, as long as that is voted on, or of the one before, until
//   the node comes under the present one: so nodes change over without being shut out, those too that were
//   away when it was voted on;
// - a key or certificate that the chain distrusts is refused even where its root still stands;
// - whoever holds an invitation may speak to this node about joining, and about nothing else.
namespace chengxin::consortium {

// A root that was replaced, with its revocation list, if it had one: the chain drops that with it.
struct FormerRoot {
  std::string organisation;
  Bytes certificate, crl;
};

// What one chain says of its members.
struct Record {
  Digest chain{};
  std::string name;
  uint64_t height = 0;
  format::Consortium consortium;
  format::Revocations revocations;
  std::vector<Bytes> crls;
  std::vector<format::ReplaceRoot> proposed_roots;  // open, each by its own organisation
  std::vector<FormerRoot> former_roots;             // that Membership saw replaced, and nodes may still have
};
Result<Record> record_of(const ledger::Ledger& ledger);

// Whether certificates of this root are good for the organisation's nodes: the present one, or one proposed.
bool names_root(const Record& record, const std::string& organisation, const Bytes& root);
// Errors as link::Admits. A replaced key is good here, as long as its node is one.
Status admitted(const Record& record, const link::Peer& peer);

class Membership {
 public:
  // The newest of each chain. One that is older than what is known is ignored: a node that has just joined
  // knows more from its inviter than from its own ledger, which begins at the genesis. Roots that it replaces
  // are kept as former ones while some node of theirs has not come under the present one.
  void set(Record record);
  void forget(const Digest& chain);
  void set_own(std::vector<crypto::Certificate> roots, std::vector<crypto::Crl> crls);
  // Keys of invitations' certificates that are good now.
  void set_guests(std::vector<crypto::Sm2Point> keys);

  std::optional<Record> find(const Digest& chain) const;
  std::vector<Record> all() const;
  bool is_guest(const crypto::Sm2Point& key) const;
  // Some chain in common names this node.
  bool is_member(const link::Peer& peer) const;

  link::Trust trust(const link::Topic& topic) const;
  Status admits(const link::Topic& topic, const link::Peer& peer) const;
  // A node keeps the key that was replaced until it takes the new one up: link::SameNode. From the first link
  // with the new one on the old one is nobody's.
  bool same_node(const link::Topic& topic, const crypto::Sm2Point& asked,
                 const crypto::Sm2Point& found) const;

 private:
  // Under the lock:
  Status admits_on(const Record& record, const link::Peer& peer) const;
  void keep_former_roots(const Record& before, Record& after) const;

  mutable std::mutex mutex_;
  mutable std::set<crypto::Sm2Point> seen_;  // present keys of nodes that have had a link
  mutable std::set<std::pair<std::string, Bytes>>
      seen_under_;  // nodes, and present roots they have come under
  std::map<Digest, Record> records_;
  std::vector<crypto::Certificate> own_roots_;
  std::vector<crypto::Crl> own_crls_;
  std::vector<crypto::Sm2Point> guests_;
};

// What those who vote should know before they do, for people: reason keys with details. A chain stops when
// the nodes that answer hold two thirds of the weight or less.
struct Warning {
  std::string reason, detail;
};
// The consortium with these actions, where they fit; keys and certificates are not looked into.
format::Consortium preview(const format::Consortium& before, std::span<const format::Action> actions);
std::vector<Warning> warnings(const format::Consortium& before, const format::Consortium& after);
// Of what this program cannot follow.
std::vector<Warning> unknown_here(std::span<const format::Action> actions);

}  // namespace chengxin::consortium
