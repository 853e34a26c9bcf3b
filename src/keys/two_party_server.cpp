#include "keys/two_party_server.h"

#include <algorithm>

#include "crypto/random.h"
#include "crypto/two_party.h"
#include "keys/impl/files.h"

namespace chengxin::keys {
namespace {

constexpr char kFormat[] = "chengxin/two-party/v1", kDataKey[] = "two-party";

std::string context_of(const Json& body) {
  return fmt::format("{} {} {}", body["id"].get<std::string>(), body["owner"].get<std::string>(),
                     body["public_key"].get<std::string>());
}

Result<TwoPartyKey> key_of(const fs::path& path, const Json& body) {
  for (const char* name : {"id", "owner", "label", "public_key"})
    if (!body.value(name, Json()).is_string()) return damaged(path, "a member is missing");
  for (const char* name : {"created_ms", "revoked_ms"})
    if (!body.value(name, Json()).is_number_integer()) return damaged(path, "a member is missing");
  TwoPartyKey out{body["id"], body["owner"], body["label"], {}, body["created_ms"], body["revoked_ms"]};
  auto point = unhex(body["public_key"].get<std::string>());
  if (!point || point->size() != out.public_key.size()) return damaged(path, "no public key");
  std::copy(point->begin(), point->end(), out.public_key.begin());
  return out;
}

}  // namespace

Result<std::unique_ptr<TwoPartyServer>> TwoPartyServer::open(Sealed& sealed, const fs::path& folder,
                                                             std::function<int64_t()> now_ms) {
  TRY(make_folder(folder));
  if (Status made = sealed.create(kDataKey); !made && made.error().reason != "keys.exists")
    return tl::unexpected(made.error());
  return std::unique_ptr<TwoPartyServer>(new TwoPartyServer(sealed, folder, std::move(now_ms)));
}

Result<TwoPartyServer::Enrolled> TwoPartyServer::enroll(const std::string& owner, const std::string& label,
                                                        ByteView client_partial) {
  const crypto::Secret scalar = [] {
    for (;;)
      if (auto drawn = crypto::random_secret(32); crypto::Sm2PrivateKey::from_scalar(drawn)) return drawn;
  }();
  ASSIGN(const auto share, crypto::Sm2PrivateKey::from_scalar(scalar));
  ASSIGN(const auto joint, crypto::two_party::joint_key(share, client_partial));
  Enrolled out;
  ASSIGN(out.partial, crypto::two_party::partial_key(share));
  out.key = {hex(crypto::random_bytes(8)), owner, label, joint.point(), now_ms_(), 0};
  Json body = {{"format", kFormat},
               {"id", out.key.id},
               {"owner", owner},
               {"label", label},
               {"public_key", hex(joint.point())},
               {"created_ms", out.key.created_ms},
               {"revoked_ms", 0}};
  ASSIGN(const Bytes sealed, sealed_.seal(kDataKey, view(context_of(body)), scalar));
  body["share"] = hex(sealed);
  std::lock_guard lock(mutex_);
  TRY(write_checked(path_of(out.key.id), std::move(body)));
  return out;
}

Result<Json> TwoPartyServer::read(const std::string& owner, const std::string& id) const {
  if (!check_id(id)) return no_key(id);
  auto body = read_checked(path_of(id), kFormat);
  if (!body && body.error().reason == "file.not_found") return no_key(id);
  if (!body) return tl::unexpected(body.error());
  ASSIGN(const TwoPartyKey key, key_of(path_of(id), *body));
  if (!owner.empty() && key.owner != owner) return no_key(id);
  return body;
}

Result<Bytes> TwoPartyServer::answer(const std::string& owner, const std::string& id, ByteView point,
                                     const Digest& e) {
  Json body;
  {
    std::lock_guard lock(mutex_);
    ASSIGN(body, read(owner, id));
  }
  if (body["revoked_ms"] != 0) return fail(Code::gone, "keys.revoked", "{}", id);
  ASSIGN(const Bytes sealed, unhex(body.value("share", "")));
  ASSIGN(const crypto::Secret scalar, sealed_.unseal(kDataKey, view(context_of(body)), sealed));
  ASSIGN(const auto share, crypto::Sm2PrivateKey::from_scalar(scalar));
  return crypto::two_party::answer(share, point, e);
}

Result<TwoPartyKey> TwoPartyServer::revoke(const std::string& owner, const std::string& id) {
  std::lock_guard lock(mutex_);
  ASSIGN(Json body, read(owner, id));
  if (body["revoked_ms"] == 0) {
    body["revoked_ms"] = now_ms_();
    body["share"] = "";
    TRY(write_checked(path_of(id), body));
  }
  return key_of(path_of(id), body);
}

Result<std::vector<TwoPartyKey>> TwoPartyServer::list(const std::string& owner) const {
  std::lock_guard lock(mutex_);
  std::vector<TwoPartyKey> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() != ".json") continue;
    ASSIGN(const Json body, read_checked(entry.path(), kFormat));
    ASSIGN(TwoPartyKey key, key_of(entry.path(), body));
    if (owner.empty() || key.owner == owner) out.push_back(std::move(key));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.created_ms < b.created_ms; });
  return out;
}

}  // namespace chengxin::keys
