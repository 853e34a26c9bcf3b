#include "base/log.h"
#include "consortium/impl/service.h"

// A new root of this node's organisation. Certificates of the old one are refused from the block on in which
// the vote is decided: so every node of the organisation has its new ones before anything is proposed.
namespace chengxin::consortium {
namespace {

// Its root issues to its own nodes only; whoever comes with an invitation of it is told apart before.
Status of_organisation(const Identity& identity, const link::Peer& peer) {
  if (peer.root.der == identity.root().der) return {};
  return fail(Code::forbidden, "consortium.message", "{} is of another organisation", peer.address);
}

}  // namespace

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

Status ServiceImpl::give_certificates(link::Links& links, const Identity& identity,
                                      const format::Node& node) const {
  const Place place{node.address, node.key};
  ASSIGN(const Json told, ask(links, place, "encrypt_key", Json::object()));
  ASSIGN(const auto point, point_in(told, "encrypt_key"));
  ASSIGN(const auto encrypt_key, crypto::Sm2PublicKey::from_point(point));
  ASSIGN(const auto issued, identity.issue_next(node, encrypt_key, now()));
  ASSIGN([[maybe_unused]] const Json taken, ask(links, place, "next_root",
                                                {{"root", base64(identity.next_root()->der)},
                                                 {"sign", base64(issued.sign.der)},
                                                 {"encrypt", base64(issued.encrypt.der)}}));
  return {};
}

Result<Json> ServiceImpl::replace_root() {
  ASSIGN(Identity identity, own());
  ASSIGN(const auto root, identity.prepare_root(now()));
  {
    std::lock_guard lock(mutex_);
    identity_ = identity;
  }
  const auto open = links();
  std::string away;
  for (const format::Node& node : other_nodes(identity.names())) {
    const Status given = open ? give_certificates(*open, identity, node)
                              : fail(Code::unavailable, "consortium.no_answer", "no links");
    if (!given)
      away += fmt::format("{}{}: {}", away.empty() ? "" : "; ", node.name, given.error().to_string());
  }
  if (!away.empty()) return fail(Code::unavailable, "consortium.node_away", "{}", away);
  const format::ReplaceRoot action{identity.names().organisation, root.der};
  return propose_everywhere([&](const auto&) { return action; }, "a new root");
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
  NodeCertificates certificates;
  ASSIGN(certificates.sign, certificate_in(with, "sign"));
  ASSIGN(certificates.encrypt, certificate_in(with, "encrypt"));
  {
    std::lock_guard lock(mutex_);
    TRY(identity_->put_next_root(root, certificates, now()));
  }
  log::info("consortium.next_root",
            {{"root", root.subject_text()}, {"from", peer.certificate.subject_text()}});
  on_changed({});  // it may have been voted for already
  return Json::object();
}

}  // namespace chengxin::consortium
