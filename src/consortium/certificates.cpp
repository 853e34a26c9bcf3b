#include "base/log.h"
#include "consortium/impl/service.h"

// Certificates within this node's organisation: those without its root's key get theirs over their links. Of
// a root that is replaced they are refused from the block on in which the vote is decided: so every node has
// its new ones before anything is proposed.
namespace chengxin::consortium {
namespace {

// Its root issues to its own nodes only; whoever comes with an invitation of it is told apart before.
Status of_organisation(const Identity& identity, const link::Peer& peer) {
  if (peer.root.der == identity.root().der) return {};
  return fail(Code::forbidden, "consortium.message", "{} is of another organisation", peer.address);
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
  ASSIGN(const auto point, point_in(with, "encrypt_key"));
  ASSIGN(const auto encrypt_key, crypto::Sm2PublicKey::from_point(point));
  for (const format::Node& node : other_nodes(identity.names())) {
    if (node.key != peer.key) continue;
    ASSIGN(const auto issued, identity.issue(node, encrypt_key, now()));
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
  Json with = json_of(issued);
  with["root"] = base64(identity.next_root()->der);
  ASSIGN([[maybe_unused]] const Json taken, ask(links, place, "next_root", std::move(with)));
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
  ASSIGN(const auto certificates, certificates_in(with));
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
