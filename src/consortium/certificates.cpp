#include <algorithm>

#include "base/log.h"
#include "consortium/impl/service.h"

// Certificates within this node's organisation: those without its root's key get theirs over their links.
// Those of a root that comes next are given before anything is proposed: so every node has them when it sees
// the vote, however late.
namespace chengxin::consortium {
namespace {

// They may have to be taken back.
void log_issued(const format::Node& node, const crypto::Certificate& root, const NodeCertificates& issued) {
  log::info("consortium.issued", {{"node", node.name},
                                  {"root", root.subject_text()},
                                  {"sign", hex(issued.sign.serial)},
                                  {"encrypt", hex(issued.encrypt.serial)}});
}

Json json_of(const NodeCertificates& certificates) {
  return {{"sign", base64(certificates.sign.der)}, {"encrypt", base64(certificates.encrypt.der)}};
}

Result<NodeCertificates> certificates_in(const Json& json) {
  NodeCertificates out;
  ASSIGN(out.sign, certificate_in(json, "sign"));
  ASSIGN(out.encrypt, certificate_in(json, "encrypt"));
  return out;
}

}  // namespace

// By the chains' records: a node may have taken the next root up already, or not yet.
Status ServiceImpl::of_organisation(const Identity& identity, const link::Peer& peer) const {
  for (const Record& record : membership_->all()) {
    const format::Node* own = record.consortium.find_node(identity.names().node);
    const format::Node* other = record.consortium.find_node(peer.key);
    if (own && other && own->organisation == other->organisation) return {};
  }
  return fail(Code::forbidden, "consortium.message", "{} is of another organisation", peer.address);
}

// Each once, wherever it stands.
std::vector<format::Node> ServiceImpl::other_nodes(const Names& own) const {
  std::map<std::string, format::Node> out;
  for (const Record& record : membership_->all())
    for (const format::Node& node : record.consortium.nodes)
      if (node.organisation == own.organisation && node.name != own.node) out.emplace(node.name, node);
  std::vector<format::Node> nodes;
  for (auto& [name, node] : out) nodes.push_back(std::move(node));
  return nodes;
}

Result<Json> ServiceImpl::renew() {
  {
    std::lock_guard turn(turn_);
    ASSIGN(const Identity identity, own());
    NodeCertificates given;
    if (!identity.governs()) {
      ASSIGN(given, ask_for_certificates(identity));
    }
    std::lock_guard lock(mutex_);
    TRY(identity.governs() ? identity_->renew(now()) : identity_->put_certificates(given, now()));
  }
  TRY(open_links());
  return identity();
}

Result<NodeCertificates> ServiceImpl::ask_for_certificates(const Identity& identity) const {
  const Json with = {{"encrypt_key", hex(identity.credentials().encrypt_key.public_key().point())}};
  Error why{Code::forbidden, "consortium.not_governing", "no other node of the organisation is known here"};
  const auto open = links();
  for (const format::Node& node : other_nodes(identity.names())) {
    auto answer = open ? ask(*open, {node.address, node.key}, "certificates", with)
                       : fail(Code::unavailable, "consortium.no_answer", "no links");
    if (answer) return certificates_in(*answer);
    if (answer.error().reason != "consortium.not_governing") why = answer.error();  // it may be the one
  }
  return tl::unexpected(std::move(why));
}

Result<Json> ServiceImpl::answer_certificates(const link::Peer& peer, const Json& with) {
  ASSIGN(const Identity identity, own());
  TRY(of_organisation(identity, peer));
  if (!identity.governs())
    return fail(Code::forbidden, "consortium.not_governing", "{} issues none", identity.names().node);
  if (peer.root.der != identity.root().der)
    return fail(Code::conflict, "consortium.next_root_waits", "{} has another root", peer.address);
  ASSIGN(const auto point, point_in(with, "encrypt_key"));
  ASSIGN(const auto encrypt_key, crypto::Sm2PublicKey::from_point(point));
  for (const format::Node& node : other_nodes(identity.names())) {
    if (node.key != peer.key) continue;
    ASSIGN(const auto issued, identity.issue(node, encrypt_key, now()));
    log_issued(node, identity.root(), issued);
    return json_of(issued);
  }
  return fail(Code::forbidden, "consortium.message", "{} is no node of this organisation", peer.address);
}

Status ServiceImpl::give_certificates(link::Links& links, const Identity& identity,
                                      const format::Node& node) const {
  const Place place{node.address, node.key};
  ASSIGN(const Json told, ask(links, place, "encrypt_key", Json::object()));
  ASSIGN(const auto point, point_in(told, "encrypt_key"));
  ASSIGN(const auto encrypt_key, crypto::Sm2PublicKey::from_point(point));
  ASSIGN(const auto issued, identity.issue_next(node, encrypt_key, now()));
  log_issued(node, *identity.next_root(), issued);
  Json with = json_of(issued);
  with["root"] = base64(identity.next_root()->der);
  ASSIGN([[maybe_unused]] const Json taken, ask(links, place, "next_root", std::move(with)));
  return {};
}

Result<Json> ServiceImpl::replace_root(const std::vector<std::string>& without) {
  std::lock_guard turn(turn_);  // one at a time: whoever comes second finds what the first proposed
  ASSIGN(const Identity identity, change_own([&](Identity& own) -> Result<Identity> {
           TRY(own.prepare_root(now()));
           return own;
         }));
  std::set<std::string> left_out(without.begin(), without.end());
  const auto nodes = other_nodes(identity.names());
  for (const std::string& name : left_out)
    if (std::none_of(nodes.begin(), nodes.end(), [&](const auto& each) { return each.name == name; }))
      return fail(Code::not_found, "consortium.no_node", "{}", name);
  const auto open = links();
  std::string away;
  for (const format::Node& node : nodes) {
    if (left_out.contains(node.name)) continue;
    const Status given = open ? give_certificates(*open, identity, node)
                              : fail(Code::unavailable, "consortium.no_answer", "no links");
    if (!given)
      away += fmt::format("{}{}: {}", away.empty() ? "" : "; ", node.name, given.error().to_string());
  }
  if (!away.empty()) return fail(Code::unavailable, "consortium.node_away", "{}", away);
  ASSIGN(Json items, propose_root(identity));
  return Json{{"items", std::move(items)}, {"without", left_out}};
}

// On every chain that has not got it yet, or on none: a node takes it up only where all of them have it.
Result<Json> ServiceImpl::propose_root(const Identity& identity) {
  const format::ReplaceRoot action{identity.names().organisation, identity.next_root()->der};
  Json items = Json::array();
  std::vector<std::pair<Chains::LedgerPtr, uint64_t>> opened;
  for (const auto& ledger : chains_.list()) {
    const auto record = record_of(*ledger);
    if (!record || !record->consortium.find_node(identity.names().node)) continue;
    Json row = {{"chain", record->name}};
    if (names_root(*record, action.organisation, action.certificate)) {
      const auto* organisation = record->consortium.find_organisation(action.organisation);
      row["state"] = organisation->root_certificate == action.certificate ? "executed" : "open";
    } else {
      auto outcome = propose_on(*ledger, {{action}, "a new root"});
      if (!outcome) {
        for (const auto& [other, number] : opened)
          if (auto taken_back = govern(*other, "withdraw", format::Withdraw{number}.encode()); !taken_back)
            log::warn("consortium.replace_root",
                      {{"chain", other->genesis().name}, {"error", taken_back.error().to_string()}});
        return fail(outcome.error().code, outcome.error().reason, "{}: {}", record->name,
                    outcome.error().detail);
      }
      opened.emplace_back(ledger, outcome->at("proposal").get<uint64_t>());
      row.update(*outcome);
    }
    items.push_back(std::move(row));
  }
  return items;
}

// Whether a chain names it already or votes on it, here and now.
bool ServiceImpl::next_root_waits(const Identity& identity) const {
  if (!identity.next_root()) return false;
  const auto ledgers = chains_.list();
  return std::any_of(ledgers.begin(), ledgers.end(), [&](const auto& ledger) {
    const auto record = record_of(*ledger);
    return record && names_root(*record, identity.names().organisation, identity.next_root()->der);
  });
}

Result<Json> ServiceImpl::answer_encrypt_key(const link::Peer& peer) {
  ASSIGN(const Identity identity, own());
  TRY(of_organisation(identity, peer));
  return Json{{"encrypt_key", hex(identity.credentials().encrypt_key.public_key().point())}};
}

Result<Json> ServiceImpl::answer_next_root(const link::Peer& peer, const Json& with) {
  ASSIGN(const Identity identity, own());
  TRY(of_organisation(identity, peer));
  ASSIGN(const auto root, certificate_in(with, "root"));
  ASSIGN(const auto certificates, certificates_in(with));
  if (root.der == identity.root().der) return Json::object();  // its chains have all voted for it
  if (next_root_waits(identity) && identity.next_root()->der != root.der)
    return fail(Code::conflict, "consortium.next_root_waits", "{}", identity.next_root()->subject_text());
  TRY(change_own([&](Identity& own) { return own.put_next_root(root, certificates, now()); }));
  log::info("consortium.next_root",
            {{"root", root.subject_text()}, {"from", peer.certificate.subject_text()}});
  on_changed({});  // it may have been voted for already
  return Json::object();
}

}  // namespace chengxin::consortium
