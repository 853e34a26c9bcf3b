#include "keys/ring.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <set>

#include "crypto/random.h"

namespace chengxin::keys {
namespace {

constexpr std::string_view kKinds[] = {"sm2", "es256", "sm4"};
constexpr std::string_view kStates[] = {"current", "retired", "revoked", "destroyed"};
constexpr char kLinkTag[] = "chengxin/key-link/v1";

Result<Bytes> link_message(Json statement) {
  ASSIGN(const std::string canonical, canonical_json(statement));
  Bytes out(kLinkTag, kLinkTag + sizeof kLinkTag);
  append(out, view(canonical));
  return out;
}

tl::unexpected<Error> bad_record(const Json& record) {
  return fail(Code::data_loss, "keys.journal_broken", "record {} does not say what it must",
              record.value("seq", Json()).dump());
}

Result<crypto::Sm2Point> point_of_text(const std::string& text) {
  ASSIGN(const Bytes bytes, unhex(text));
  crypto::Sm2Point out{};
  if (bytes.size() != out.size()) return fail(Code::data_loss, "keys.journal_broken", "no public key");
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

// Why a version that is neither current nor retired is not used.
tl::unexpected<Error> revoked(const std::string& name, const Version& version) {
  if (version.state == State::destroyed)
    return fail(Code::gone, "keys.destroyed", "{} version {}", name, version.number);
  return fail(Code::gone, "keys.revoked", "{} version {}: {}", name, version.number, version.why);
}

Status usable(const NamedKey& key, const Version* version) {
  if (!version) return no_key(key.name);
  if (version->state == State::current || version->state == State::retired) return {};
  return revoked(key.name, *version);
}

}  // namespace

std::string_view kind_name(Kind kind) { return kKinds[int(kind)]; }
std::optional<Kind> kind_of(std::string_view name) {
  for (int i = 0; i < 3; ++i)
    if (kKinds[i] == name) return Kind(i);
  return std::nullopt;
}
std::string_view state_name(State state) { return kStates[int(state)]; }

const Version* NamedKey::current() const {
  for (const Version& each : versions)
    if (each.state == State::current) return &each;
  return nullptr;
}
const Version* NamedKey::find(uint64_t number) const {
  return number >= 1 && number <= versions.size() ? &versions[number - 1] : nullptr;
}

Json describe(const Version& version) {
  Json out = {{"version", version.number},
              {"id", version.id},
              {"state", state_name(version.state)},
              {"created_ms", version.created_ms}};
  if (version.public_key[0]) out["public_key"] = hex(version.public_key);
  if (!version.why.empty()) out["why"] = version.why;
  if (!version.link.is_null()) out["link"] = version.link;
  return out;
}

Json describe(const NamedKey& key) {
  Json versions = Json::array();
  for (const Version& each : key.versions) versions.push_back(describe(each));
  return {
      {"name", key.name}, {"algorithm", kind_name(key.kind)}, {"policy", key.policy}, {"versions", versions}};
}

bool verify_link(const Json& link) {
  const auto holds = [&](const char* key_name, const char* signature_name, ByteView message) {
    auto point = unhex(link["statement"].value(key_name, ""));
    auto signature = unhex(link.value(signature_name, ""));
    if (!point || !signature) return false;
    auto key = crypto::Sm2PublicKey::from_point(*point);
    return key && key->verify(message, *signature);
  };
  if (!link.is_object() || !link.contains("statement") || !link["statement"].is_object()) return false;
  for (const char* name : {"from", "to"})
    if (!link["statement"].value(name, Json()).is_string()) return false;
  for (const char* name : {"by_old", "by_new"})
    if (!link.value(name, Json()).is_string()) return false;
  auto message = link_message(link["statement"]);
  return message && holds("from", "by_old", *message) && holds("to", "by_new", *message);
}

Ring::Ring(std::shared_ptr<Provider> provider, fs::path folder, Options options)
    : provider_(std::move(provider)), folder_(std::move(folder)), options_(std::move(options)) {}

Result<std::unique_ptr<Ring>> Ring::open(std::shared_ptr<Provider> provider, const fs::path& folder,
                                         Options options) {
  std::unique_ptr<Ring> out(new Ring(std::move(provider), folder, std::move(options)));
  TRY(make_folder(folder));
  TRY(out->take_lock());
  const auto own_key = [&](const std::string& id) -> Result<Key> {
    auto there = out->provider_->find(id);
    if (there || there.error().reason != "keys.not_found") return there;
    auto made = out->provider_->generate(id, Algorithm::sm2);
    if (!made && made.error().reason == "keys.unsupported")
      return fail(Code::not_found, "keys.no_journal_key", "{}: name one that the device has", id);
    return made;
  };
  ASSIGN(const Key key, own_key(out->options_.journal_key));
  out->journal_key_ = key.public_key;
  if (!out->options_.seal_key.empty()) {
    ASSIGN([[maybe_unused]] const Key kek, own_key(out->options_.seal_key));
    ASSIGN(out->sealed_, Sealed::open(out->provider_, folder / "data-keys",
                                      {out->options_.seal_key, out->options_.journal_key}));
  }
  auto* raw = out.get();
  const auto sign = [raw](ByteView message) {
    return raw->provider_->sign_message(raw->options_.journal_key, message);
  };
  ASSIGN(out->journal_, Journal::open(
                            folder, out->journal_key_, sign,
                            [raw](const Json& record) { return raw->take(record); }, out->options_.now_ms));
  ASSIGN(const auto there, out->provider_->list());
  for (const auto& [name, named] : out->keys_)  // destructions that were interrupted
    for (const Version& version : named.versions)
      if (version.state == State::destroyed &&
          std::any_of(there.begin(), there.end(), [&](const Key& each) { return each.id == version.id; }))
        TRY(out->remove(named, version));
  return out;
}

Ring::~Ring() = default;

Status Ring::take_lock() {
  const fs::path path = folder_ / "LOCK";
  lock_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) return tl::unexpected(file_error(path, errno));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  return fail(Code::conflict, "keys.in_use", "{}", folder_.string());
}

// The one place where a record changes what the ring knows.
Status Ring::take(const Json& record) {
  try {
    const std::string action = record.at("action");
    if (action == "begin" || action == "backup") return {};
    if (!record.contains("key")) {
      notes_[action].push_back(record);
      return {};
    }
    NamedKey& key = keys_[record.at("key").get<std::string>()];
    const auto version_of = [&](uint64_t number) -> Version& { return key.versions.at(number - 1); };
    if (action == "generate" || action == "adopt" || action == "rotate" || action == "restore") {
      Version version;
      version.number = record.at("version");
      version.id = record.at("id");
      version.created_ms = record.at("time_ms");
      if (record.contains("public_key")) {
        ASSIGN(version.public_key, point_of_text(record.at("public_key")));
      }
      if (record.contains("link")) version.link = record.at("link");
      const auto kind = kind_of(record.at("algorithm").get<std::string>());
      if (!kind || version.number == 0 || version.number > key.versions.size() + 1) return bad_record(record);
      if (key.versions.empty()) {
        key.name = record.at("key");
        key.kind = *kind;
        key.policy = record.value("policy", Json::object());
      }
      if (version.number <= key.versions.size()) {  // a restored one comes back as it was
        Version& former = version_of(version.number);
        version.state = former.was_revoked                 ? State::revoked
                        : former.state == State::destroyed ? State::retired
                                                           : former.state;
        version.was_revoked = former.was_revoked;
        version.why = former.why;
        version.link = former.link;
        former = std::move(version);
      } else {
        for (Version& each : key.versions)
          if (each.state == State::current) each.state = State::retired;
        key.versions.push_back(std::move(version));
      }
    } else if (action == "revoke" || action == "destroy") {
      Version& version = version_of(record.at("version"));
      version.state = action == "revoke" ? State::revoked : State::destroyed;
      if (action == "revoke") {
        version.was_revoked = true;
        version.why = record.at("why");
      }
    } else if (action == "configure") {
      key.policy = record.at("policy");
    }
    return {};
  } catch (const std::exception&) {  // of the JSON library: a member of another type
    return bad_record(record);
  }
}

Status Ring::check_who(const Custodians& who) const {
  std::set<std::string> names;
  for (const std::string& name : who)
    if (!name.empty() && name.size() <= 100) names.insert(name);
  if (names.size() < options_.custodians || names.size() != who.size())
    return fail(Code::invalid_argument, "keys.custodians", "{} different names are needed, {} were given",
                options_.custodians, names.size());
  return {};
}

Status Ring::check_new(const std::string& name, const Custodians& who) const {
  TRY(check_id(name));
  TRY(check_who(who));
  if (keys_.contains(name)) return fail(Code::conflict, "keys.exists", "{}", name);
  return {};
}

Status Ring::record(const std::string& action, Json members, const Custodians& who) {
  TRY(check_who(who));
  members["custodians"] = who;
  ASSIGN(const Json record, journal_->append(action, std::move(members)));
  return take(record);
}

Result<NamedKey> Ring::record_key(const std::string& action, Json members, const Custodians& who) {
  const std::string name = members["key"];
  TRY(record(action, std::move(members), who));
  return keys_.at(name);
}

Result<NamedKey*> Ring::named(const std::string& name) {
  auto at = keys_.find(name);
  if (at == keys_.end()) return no_key(name);
  return &at->second;
}

std::vector<NamedKey> Ring::list() const {
  std::lock_guard lock(mutex_);
  std::vector<NamedKey> out;
  for (const auto& [name, key] : keys_) out.push_back(key);
  return out;
}

Result<NamedKey> Ring::find(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto at = keys_.find(name);
  if (at == keys_.end()) return no_key(name);
  return at->second;
}

// The members of the record that the new version will have. Its id is never one that was there before.
Result<Json> Ring::make_version(const std::string& name, Kind kind, uint64_t number) {
  const std::string id = fmt::format("{}.{}.{}", name.substr(0, 40), number, hex(crypto::random_bytes(4)));
  Json out = {{"key", name}, {"version", number}, {"id", id}, {"algorithm", kind_name(kind)}};
  if (kind == Kind::sm4) {
    if (!sealed_) return unsupported("this ring has no key that wraps data keys");
    TRY(sealed_->create(id));
    return out;
  }
  ASSIGN(const Key key, provider_->generate(id, kind == Kind::sm2 ? Algorithm::sm2 : Algorithm::es256));
  out["public_key"] = hex(key.public_key);
  return out;
}

Result<NamedKey> Ring::generate(const std::string& name, Kind kind, const Custodians& who, Json policy) {
  std::lock_guard lock(mutex_);
  TRY(check_new(name, who));
  ASSIGN(Json members, make_version(name, kind, 1));
  members["policy"] = std::move(policy);
  return record_key("generate", std::move(members), who);
}

Result<NamedKey> Ring::adopt(const std::string& name, const std::string& id, const Custodians& who) {
  std::lock_guard lock(mutex_);
  TRY(check_new(name, who));
  ASSIGN(const Key key, provider_->find(id));
  return record_key("adopt",
                    {{"key", name},
                     {"version", 1},
                     {"id", id},
                     {"algorithm", algorithm_name(key.algorithm)},
                     {"public_key", hex(key.public_key)}},
                    who);
}

Result<std::vector<std::string>> Ring::backup(const std::string& name,
                                              std::span<const crypto::Secret> passphrases,
                                              const Custodians& who, const BackupOptions& options) {
  std::lock_guard lock(mutex_);
  TRY(check_who(who));
  ASSIGN(const NamedKey* key, named(name));
  const Version* version = key->current();
  TRY(usable(*key, version));
  if (key->kind == Kind::sm4) return unsupported("data keys are backed up with the files that hold them");
  if (key->kind != Kind::sm2) return unsupported("shares are of SM2 keys");
  ASSIGN(const crypto::Secret scalar, provider_->reveal(version->id));
  ASSIGN(auto shares, make_shares(scalar, version->public_key, passphrases, options));
  ASSIGN(const Share first, read_share(shares[0]));
  TRY(record(
      "backup",
      {{"key", name}, {"version", version->number}, {"set", hex(first.set)}, {"k", first.k}, {"n", first.n}},
      who));
  return shares;
}

Result<NamedKey> Ring::restore(const std::string& name, std::span<const std::string> shares,
                               std::span<const crypto::Secret> passphrases, const Custodians& who) {
  std::lock_guard lock(mutex_);
  TRY(check_id(name));
  TRY(check_who(who));
  ASSIGN(const crypto::Secret scalar, join_shares(shares, passphrases));
  ASSIGN(const Share share, read_share(shares[0]));
  const auto wrong = [](std::string_view why) {
    return fail(Code::invalid_argument, "keys.shares_wrong", "{}", why);
  };
  auto key = crypto::Sm2PrivateKey::from_scalar(scalar);
  if (!key || fingerprint_of(key->public_key().point()) != share.fingerprint)
    return wrong("what came out is not the key that was backed up");
  const crypto::Sm2Point point = key->public_key().point();
  uint64_t number = 1;
  if (auto there = keys_.find(name); there != keys_.end()) {
    const auto& versions = there->second.versions;
    const auto at =
        std::find_if(versions.begin(), versions.end(), [&](auto& each) { return each.public_key == point; });
    if (at == versions.end()) return wrong("the shares are of another key than the one of this name");
    if (at->state != State::destroyed && provider_->find(at->id))
      return fail(Code::conflict, "keys.exists", "{} version {} is here", name, at->number);
    if (at->state == State::revoked) return revoked(name, *at);
    number = at->number;
  }
  const std::string id = fmt::format("{}.{}.{}", name.substr(0, 40), number, hex(crypto::random_bytes(4)));
  ASSIGN([[maybe_unused]] const Key kept, provider_->import_private(id, scalar));
  return record_key("restore",
                    {{"key", name},
                     {"version", number},
                     {"id", id},
                     {"algorithm", "sm2"},
                     {"public_key", hex(point)},
                     {"set", hex(share.set)}},
                    who);
}

Result<NamedKey> Ring::rotate(const std::string& name, const Custodians& who) {
  std::lock_guard lock(mutex_);
  TRY(check_who(who));
  ASSIGN(const NamedKey* key, named(name));
  const Version* old = key->current();
  if (!old) return revoked(name, key->versions.back());
  ASSIGN(Json members, make_version(name, key->kind, key->versions.size() + 1));
  if (key->kind == Kind::sm2) {
    Json link = {{"statement",
                  {{"format", "chengxin/key-link/v1"},
                   {"name", name},
                   {"from", hex(old->public_key)},
                   {"to", members["public_key"]},
                   {"time_ms", options_.now_ms()}}}};
    ASSIGN(const Bytes message, link_message(link["statement"]));
    ASSIGN(const auto by_old, provider_->sign_message(old->id, message));
    ASSIGN(const auto by_new, provider_->sign_message(members["id"], message));
    link["by_old"] = hex(by_old);
    link["by_new"] = hex(by_new);
    members["link"] = std::move(link);
  }
  return record_key("rotate", std::move(members), who);
}

Result<NamedKey> Ring::revoke(const std::string& name, uint64_t version, const std::string& why,
                              const Custodians& who) {
  std::lock_guard lock(mutex_);
  ASSIGN(const NamedKey* key, named(name));
  TRY(usable(*key, key->find(version)));
  return record_key("revoke", {{"key", name}, {"version", version}, {"why", why}}, who);
}

Status Ring::remove(const NamedKey& key, const Version& version) {
  if (key.kind == Kind::sm4) return sealed_ ? sealed_->erase(version.id) : Status();
  Status gone = provider_->destroy(version.id);
  return !gone && gone.error().reason == "keys.not_found" ? Status() : gone;
}

Result<NamedKey> Ring::destroy(const std::string& name, uint64_t version, const Custodians& who) {
  std::lock_guard lock(mutex_);
  ASSIGN(NamedKey * key, named(name));
  const Version* found = key->find(version);
  if (!found) return no_key(name);
  if (found->state == State::destroyed) return revoked(name, *found);
  TRY(record("destroy", {{"key", name}, {"version", version}}, who));
  TRY(remove(*key, *key->find(version)));
  return *key;
}

Result<NamedKey> Ring::configure(const std::string& name, Json policy, const Custodians& who) {
  std::lock_guard lock(mutex_);
  ASSIGN([[maybe_unused]] const NamedKey* key, named(name));
  return record_key("configure", {{"key", name}, {"policy", std::move(policy)}}, who);
}

Status Ring::note(const std::string& action, Json members, const Custodians& who) {
  std::lock_guard lock(mutex_);
  return record(action, std::move(members), who);
}

std::vector<Json> Ring::notes(const std::string& action) const {
  std::lock_guard lock(mutex_);
  auto at = notes_.find(action);
  return at == notes_.end() ? std::vector<Json>() : at->second;
}

Result<std::vector<crypto::Sm2Signature>> Ring::sign(const std::string& name,
                                                     std::span<const Digest> digests) const {
  ASSIGN(const NamedKey key, find(name));
  if (key.kind == Kind::sm4) return unsupported("a data key signs nothing");
  const Version* current = key.current();
  if (!current) return revoked(name, key.versions.back());
  return provider_->sign(current->id, digests);
}

Result<crypto::Secret> Ring::decrypt(const std::string& name, uint64_t version, ByteView cipher) const {
  ASSIGN(const NamedKey key, find(name));
  const Version* found = key.find(version);
  TRY(usable(key, found));
  return provider_->decrypt(found->id, cipher);
}

Digest Ring::head() const {
  std::lock_guard lock(mutex_);
  return journal_->head();
}
uint64_t Ring::records() const {
  std::lock_guard lock(mutex_);
  return journal_->size();
}

Result<Json> Ring::journal() const {
  std::lock_guard lock(mutex_);
  return journal_records(folder_);
}

}  // namespace chengxin::keys
