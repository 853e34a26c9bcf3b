#include "consortium/membership.h"

#include <algorithm>

#include "format/protocol.h"
#include "ledger/consortium.h"

namespace chengxin::consortium {
namespace {

tl::unexpected<Error> refused(std::string_view reason, const link::Peer& peer) {
  return fail(Code::forbidden, reason, "{} at {}", peer.certificate.subject_text(), peer.address);
}

void add_trust(const Record& record, link::Trust& trust) {
  auto add_root = [&](const Bytes& der) {
    if (auto root = crypto::Certificate::from_der(der)) trust.roots.push_back(std::move(*root));
  };
  auto add_crl = [&](const Bytes& der) {
    if (auto crl = crypto::Crl::from_der(der)) trust.crls.push_back(std::move(*crl));
  };
  for (const auto& organisation : record.consortium.organisations) add_root(organisation.root_certificate);
  for (const auto& proposed : record.proposed_roots) add_root(proposed.certificate);
  for (const FormerRoot& former : record.former_roots) {
    add_root(former.certificate);
    if (!former.crl.empty()) add_crl(former.crl);
  }
  for (const Bytes& der : record.crls) add_crl(der);
}

Bytes crl_of(const Record& record, const Bytes& root) {
  const auto certificate = crypto::Certificate::from_der(root);
  for (const Bytes& der : record.crls)
    if (auto crl = crypto::Crl::from_der(der); crl && certificate && crl->issuer == certificate->subject)
      return der;
  return {};
}

bool is_former_root(const Record& record, const std::string& organisation, const Bytes& root) {
  return std::any_of(record.former_roots.begin(), record.former_roots.end(), [&](const FormerRoot& each) {
    return each.organisation == organisation && each.certificate == root;
  });
}

const format::Revoked* revoked(const Record& record, const crypto::Sm2Point& key) {
  for (const format::Revoked& each : record.revocations.entries)
    if (each.key == key) return &each;
  return nullptr;
}

// What preview() does.
struct Preview {
  format::Consortium& consortium;
  void drop(const std::string& name) {
    std::erase_if(consortium.nodes, [&](const format::Node& each) { return each.name == name; });
  }
  format::Node* node(const std::string& name) {
    for (format::Node& each : consortium.nodes)
      if (each.name == name) return &each;
    return nullptr;
  }
  void operator()(const format::AddOrganisation& a) { consortium.organisations.push_back(a.organisation); }
  void operator()(const format::RemoveOrganisation& a) {
    std::erase_if(consortium.nodes, [&](const auto& each) { return each.organisation == a.organisation; });
    std::erase_if(consortium.organisations, [&](const auto& each) { return each.name == a.organisation; });
  }
  void operator()(const format::AddNode& a) { consortium.nodes.push_back(a.node); }
  void operator()(const format::RemoveNode& a) { drop(a.node); }
  void operator()(const format::RevokeNode& a) { drop(a.node); }
  void operator()(const format::SetRole& a) {
    if (format::Node* each = node(a.node)) each->role = a.role, each->weight = a.weight;
  }
  void operator()(const format::ReplaceNodeKeys& a) {
    format::Node* each = node(a.node);
    if (!each) return;
    each->key = a.key.value_or(each->key);
    each->engine_key = a.engine_key.value_or(each->engine_key);
  }
  template <typename Other>
  void operator()(const Other&) {}  // no change of votes
};

}  // namespace

Result<Record> record_of(const ledger::Ledger& ledger) {
  Record out;
  out.chain = ledger.id();
  out.name = ledger.genesis().name;
  out.height = ledger.head().header.height;
  ASSIGN(out.consortium, ledger::consortium_of(ledger));
  ASSIGN(out.revocations, ledger::revocations_of(ledger));
  ASSIGN(out.crls, ledger::crls_of(ledger, out.consortium));
  ASSIGN(const auto proposals, ledger::open_proposals_of(ledger));
  for (const format::Proposal& proposal : proposals)
    for (const format::Action& action : proposal.what.actions)
      if (const auto* root = std::get_if<format::ReplaceRoot>(&action);
          root && root->organisation == proposal.organisation)
        out.proposed_roots.push_back(*root);
  return out;
}

bool names_root(const Record& record, const std::string& organisation, const Bytes& root) {
  const format::Organisation* found = record.consortium.find_organisation(organisation);
  if (!found) return false;
  return found->root_certificate == root ||
         std::find(record.proposed_roots.begin(), record.proposed_roots.end(),
                   format::ReplaceRoot{organisation, root}) != record.proposed_roots.end();
}

Status admitted(const Record& record, const link::Peer& peer) {
  const format::Node* node = record.consortium.find_node(peer.key);
  if (!node) {
    const format::Revoked* entry = revoked(record, peer.key);
    if (entry && !entry->replaced) return refused("link.revoked", peer);
    node = entry ? record.consortium.find_node(entry->node) : nullptr;
    if (!node) return refused("link.not_a_member", peer);
  }
  for (const format::Revoked& entry : record.revocations.entries)
    if (std::find(entry.serials.begin(), entry.serials.end(), peer.certificate.serial) != entry.serials.end())
      return refused("link.revoked", peer);
  if (!names_root(record, node->organisation, peer.root.der) &&
      !is_former_root(record, node->organisation, peer.root.der))
    return refused("link.organisation_unknown", peer);
  return {};
}

void Membership::set(Record record) {
  std::lock_guard lock(mutex_);
  auto& known = records_[record.chain];
  if (record.height < known.height) return;
  keep_former_roots(known, record);
  known = std::move(record);
}

void Membership::keep_former_roots(const Record& before, Record& after) const {
  auto roots = before.former_roots;
  for (const auto& each : before.consortium.organisations)
    roots.push_back({each.name, each.root_certificate, crl_of(before, each.root_certificate)});
  for (FormerRoot& root : roots) {
    const auto* now = after.consortium.find_organisation(root.organisation);
    if (!now || now->root_certificate == root.certificate) continue;
    if (std::any_of(after.consortium.nodes.begin(), after.consortium.nodes.end(), [&](const auto& node) {
          return node.organisation == now->name && !seen_under_.contains({node.name, now->root_certificate});
        }))
      after.former_roots.push_back(std::move(root));
  }
}

void Membership::forget(const Digest& chain) {
  std::lock_guard lock(mutex_);
  records_.erase(chain);
}

void Membership::set_own(std::vector<crypto::Certificate> roots, std::vector<crypto::Crl> crls) {
  std::lock_guard lock(mutex_);
  own_roots_ = std::move(roots);
  own_crls_ = std::move(crls);
}

void Membership::set_guests(std::vector<crypto::Sm2Point> keys) {
  std::lock_guard lock(mutex_);
  guests_ = std::move(keys);
}

std::optional<Record> Membership::find(const Digest& chain) const {
  std::lock_guard lock(mutex_);
  auto found = records_.find(chain);
  return found == records_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Record> Membership::all() const {
  std::lock_guard lock(mutex_);
  std::vector<Record> out;
  for (const auto& [chain, record] : records_) out.push_back(record);
  return out;
}

bool Membership::is_guest(const crypto::Sm2Point& key) const {
  std::lock_guard lock(mutex_);
  return std::find(guests_.begin(), guests_.end(), key) != guests_.end();
}

bool Membership::is_member(const link::Peer& peer) const {
  std::lock_guard lock(mutex_);
  return std::any_of(records_.begin(), records_.end(),
                     [&](const auto& each) { return admits_on(each.second, peer).has_value(); });
}

link::Trust Membership::trust(const link::Topic& topic) const {
  std::lock_guard lock(mutex_);
  link::Trust out;
  // Of member links, and of a handshake, before it is known which chain it is for.
  if (topic.chain == Digest{}) {
    out.roots = own_roots_;  // of guests
    for (const auto& [chain, record] : records_) add_trust(record, out);
  } else if (auto found = records_.find(topic.chain); found != records_.end()) {
    add_trust(found->second, out);
  }
  out.crls.insert(out.crls.end(), own_crls_.begin(), own_crls_.end());
  return out;
}

Status Membership::admits(const link::Topic& topic, const link::Peer& peer) const {
  if (topic.purpose == link::Purpose::member) {
    if (is_guest(peer.key) || is_member(peer)) return {};
    return refused("link.not_a_member", peer);
  }
  std::lock_guard lock(mutex_);
  const auto record = records_.find(topic.chain);
  if (record == records_.end())
    return fail(Code::forbidden, "link.unknown_chain", "{} asks for {}", peer.address, hex(topic.chain));
  return admits_on(record->second, peer);
}

Status Membership::admits_on(const Record& record, const link::Peer& peer) const {
  TRY(admitted(record, peer));
  const format::Node* node = record.consortium.find_node(peer.key);
  const bool replaced = !node;
  if (replaced) node = record.consortium.find_node(revoked(record, peer.key)->node);
  if (replaced && seen_.contains(node->key)) return refused("link.revoked", peer);
  const Bytes& root = record.consortium.find_organisation(node->organisation)->root_certificate;
  if (is_former_root(record, node->organisation, peer.root.der) && seen_under_.contains({node->name, root}))
    return refused("link.organisation_unknown", peer);
  if (!replaced) seen_.insert(peer.key);
  if (peer.root.der == root) seen_under_.insert({node->name, root});
  return {};
}

bool Membership::same_node(const link::Topic& topic, const crypto::Sm2Point& asked,
                           const crypto::Sm2Point& found) const {
  std::lock_guard lock(mutex_);
  if (seen_.contains(asked)) return false;
  for (const auto& [chain, record] : records_) {
    if (topic.purpose != link::Purpose::member && topic.chain != chain) continue;
    const format::Node* node = record.consortium.find_node(asked);
    if (!node) continue;
    for (const format::Revoked& each : record.revocations.entries)
      if (each.replaced && each.node == node->name && each.key == found) return true;
  }
  return false;
}

format::Consortium preview(const format::Consortium& before, std::span<const format::Action> actions) {
  format::Consortium out = before;
  for (const format::Action& action : actions) std::visit(Preview{out}, action);
  out.sort();
  return out;
}

std::vector<Warning> unknown_here(std::span<const format::Action> actions) {
  std::vector<Warning> out;
  for (const format::Action& action : actions)
    if (const auto* set = std::get_if<format::SetProtocol>(&action);
        set && set->change.version > format::kNewestProtocol)
      out.push_back({"consortium.warn_protocol",
                     fmt::format("from block {} on this node stops: it knows versions up to {}",
                                 set->change.from_height, format::kNewestProtocol)});
  return out;
}

std::vector<Warning> warnings(const format::Consortium& before, const format::Consortium& after) {
  std::vector<Warning> out;
  uint64_t total = 0, fresh = 0, most = 0;
  for (const format::Node& node : after.nodes) {
    if (node.role != format::NodeRole::voter) continue;
    total += node.weight;
    most = std::max(most, node.weight);
    const format::Node* known = before.find_node(node.name);
    if (!known || known->role != format::NodeRole::voter || known->key != node.key ||
        known->engine_key != node.engine_key)
      fresh += node.weight;
    else if (node.weight > known->weight)
      fresh += node.weight - known->weight;
  }
  if (fresh > 0 && 3 * fresh >= total)
    out.push_back({"consortium.warn_new_weight",
                   fmt::format("{} of {} is of nodes that do not vote now: until they run, the chain stands",
                               fresh, total)});
  if (after.validators().members.size() > 1 && 3 * most >= total)
    out.push_back({"consortium.warn_one_node",
                   fmt::format("one node holds {} of {}: without it the chain stands", most, total)});
  return out;
}

}  // namespace chengxin::consortium
