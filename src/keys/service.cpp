#include "keys/service.h"

#include <algorithm>

#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sm4.h"
#include "sm3/sm3.h"

namespace chengxin::keys {
namespace {

constexpr std::string_view kEnvelope = "CXE1", kUnderData = "CXD1";
constexpr size_t kNonce = 12, kContentKey = 16, kMostCallers = 10'000;

tl::unexpected<Error> bad_policy(std::string_view what) {
  return fail(Code::invalid_argument, "crypto.policy", "{}", what);
}

bool is_operation(const Json& name) {
  return name.is_string() && std::find(std::begin(kOperations), std::end(kOperations),
                                       name.get_ref<const std::string&>()) != std::end(kOperations);
}

Status check_members(const Json& json, std::initializer_list<std::string_view> names) {
  if (!json.is_object()) return bad_policy("it is no object");
  for (const auto& [name, value] : json.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      return bad_policy("\"" + name + "\" is not known");
    if (name == "enabled" && !value.is_boolean()) return bad_policy("\"enabled\" must be true or false");
    if (name == "limit_per_minute" && !(value.is_number_integer() && value >= 0 && value <= 1'000'000'000))
      return bad_policy("\"limit_per_minute\" must be 0 (no limit) to 1,000,000,000");
    const bool operations = name == "operations" || name == "disabled_operations";
    if ((operations || name == "users") && !(value.is_array() && value.size() <= 1000))
      return bad_policy("\"" + name + "\" must be a list");
    if (operations && !std::all_of(value.begin(), value.end(), is_operation))
      return bad_policy("\"" + name + "\" names an operation that is none");
    if (name == "users" &&
        !std::all_of(value.begin(), value.end(), [](const Json& each) { return each.is_string(); }))
      return bad_policy("\"users\" must be texts");
  }
  return {};
}

bool names(const Json& list, std::string_view name) {
  return list.is_array() &&
         std::any_of(list.begin(), list.end(), [&](const Json& each) { return each == name; });
}

tl::unexpected<Error> refused() { return fail(Code::invalid_argument, "crypto.decrypt"); }

Bytes head_of(std::string_view magic, uint64_t version) {
  Bytes out = to_bytes(view(magic));
  put_be(out, uint32_t(version));
  return out;
}

// CXE1 || version || length and cipher of the content key || nonce || cipher; all before the cipher and the
// context are authenticated with it.
Result<Bytes> envelope(const crypto::Sm2PublicKey& key, uint64_t version, const PlainItem& item) {
  const crypto::Secret content_key = crypto::random_secret(kContentKey);
  ASSIGN(const Bytes wrapped, key.encrypt(content_key));
  Bytes out = head_of(kEnvelope, version);
  put_sized<uint16_t>(out, wrapped);
  append(out, crypto::random_bytes(kNonce));
  Bytes associated = out;
  append(associated, item.context);
  ASSIGN(const Bytes cipher,
         crypto::sm4_gcm_encrypt(content_key, ByteView(out).last(kNonce), associated, item.bytes));
  append(out, cipher);
  return out;
}

Result<crypto::Secret> open_envelope(const Ring& ring, const std::string& name, const PlainItem& item) {
  Reader reader(item.bytes);
  reader.take(4);
  const uint32_t version = reader.be<uint32_t>();
  const ByteView wrapped = reader.take(reader.be<uint16_t>());
  const ByteView nonce = reader.take(kNonce);
  if (!reader.ok()) return refused();
  ASSIGN(const crypto::Secret content_key, ring.decrypt(name, version, wrapped));
  if (content_key.size() != kContentKey) return refused();
  const ByteView head = ByteView(item.bytes).first(item.bytes.size() - reader.remaining());
  Bytes associated = to_bytes(head);
  append(associated, item.context);
  ASSIGN(Bytes plain,
         crypto::sm4_gcm_decrypt(content_key, nonce, associated, ByteView(item.bytes).subspan(head.size())));
  crypto::Secret out = crypto::to_secret(plain);
  crypto::secure_zero(plain.data(), plain.size());
  return out;
}

// e = SM3(Z_A || M) of each, the messages in lanes.
Result<std::vector<Digest>> digests_of(const crypto::Sm2Point& key, std::span<const SignItem> items) {
  std::vector<Digest> out(items.size()), hashed;
  std::map<std::string, Digest> z;
  std::vector<sm3::Message> messages;
  for (const SignItem& item : items) {
    if (item.e) continue;
    auto [at, fresh] = z.try_emplace(item.id);
    if (fresh) {
      const auto of_id = sm2::z_of(key, item.id);
      if (!of_id) return fail(Code::invalid_argument, "crypto.id_length", "{} bytes", item.id.size());
      at->second = *of_id;
    }
    messages.push_back({at->second, item.message, {}});
  }
  hashed.resize(messages.size());
  sm3::hash_many(messages, hashed);
  for (size_t i = 0, next = 0; i < items.size(); ++i) out[i] = items[i].e ? *items[i].e : hashed[next++];
  return out;
}

tl::unexpected<Error> of_kind(const NamedKey& key) {
  return fail(Code::invalid_argument, "crypto.key_kind", "{} is an {} key", key.name, kind_name(key.kind));
}

tl::unexpected<Error> not_current(const NamedKey& key) {
  const Version& last = key.versions.back();
  return fail(Code::gone, last.state == State::destroyed ? "keys.destroyed" : "keys.revoked", "{}", key.name);
}

}  // namespace

Status check_policy(const Json& policy) {
  return check_members(policy, {"users", "operations", "limit_per_minute", "enabled"});
}
Status check_settings(const Json& settings) {
  return check_members(settings, {"enabled", "disabled_operations", "limit_per_minute"});
}

Service::Service(std::unique_ptr<Ring> ring, std::function<int64_t()> now_ms)
    : ring_(std::move(ring)), now_ms_(std::move(now_ms)) {
  settings_ = {{"enabled", true}, {"disabled_operations", Json::array()}, {"limit_per_minute", 0}};
  for (const Json& record : ring_->notes("settings"))
    settings_.update(record.value("settings", Json::object()));
}

Json Service::settings() const {
  std::lock_guard lock(mutex_);
  return settings_;
}

Status Service::configure(const Json& settings, const std::string& by) {
  TRY(check_settings(settings));
  TRY(ring_->note("settings", {{"settings", settings}}, {by}));
  std::lock_guard lock(mutex_);
  settings_.update(settings);
  return {};
}

Result<NamedKey> Service::set_policy(const std::string& name, const Json& policy, const std::string& by) {
  TRY(check_policy(policy));
  return ring_->configure(name, policy, {by});
}

std::vector<NamedKey> Service::visible(const Caller& caller) const {
  std::vector<NamedKey> out;
  for (NamedKey& key : ring_->list())
    if (caller.owner || names(key.policy.value("users", Json()), caller.id) ||
        names(key.policy.value("users", Json()), "*"))
      out.push_back(std::move(key));
  return out;
}

// Who may not use a key is not told that it exists.
Result<NamedKey> Service::visible(const Caller& caller, const std::string& name) const {
  for (NamedKey& key : visible(caller))
    if (key.name == name) return std::move(key);
  return no_key(name);
}

Status Service::allowed(const Caller& caller, const NamedKey& key, std::string_view operation) const {
  const auto no = [&](std::string_view why) {
    return fail(Code::forbidden, "crypto.not_allowed", "{}: {}", key.name, why);
  };
  if (!key.policy.value("enabled", true)) return no("the key is switched off");
  if (!caller.owner && !names(key.policy.value("operations", Json()), operation))
    return no(fmt::format("its policy does not allow {}", operation));
  if (caller.owner && key.policy.contains("operations") && !names(key.policy["operations"], operation))
    return no(fmt::format("its policy does not allow {}", operation));
  return {};
}

Status Service::within(const std::string& who, int64_t limit, size_t items) {
  if (limit == 0) return {};
  const int64_t now = now_ms_(), minute = now / 60'000;
  std::lock_guard lock(mutex_);
  if (windows_.size() > kMostCallers)
    std::erase_if(windows_, [&](const auto& each) { return each.second.minute != minute; });
  Window& window = windows_[who];
  if (window.minute != minute) window = {minute, 0};
  if (window.items + int64_t(items) > limit)
    return tl::unexpected(Error{Code::busy, "crypto.limit", fmt::format("{} items a minute", limit),
                                int((minute + 1) * 60'000 - now)});
  window.items += int64_t(items);
  return {};
}

Status Service::admit(const Caller& caller, const std::string& name, std::string_view operation,
                      size_t items) {
  const Json now = settings();
  if (!now.value("enabled", true)) return fail(Code::unavailable, "crypto.service_disabled");
  if (names(now["disabled_operations"], operation))
    return fail(Code::forbidden, "crypto.operation_disabled", "{}", operation);
  if (!name.empty()) {
    ASSIGN(const NamedKey key, visible(caller, name));
    TRY(allowed(caller, key, operation));
    TRY(within(name + " " + caller.id, key.policy.value("limit_per_minute", int64_t(0)), items));
  }
  return within(caller.id, now.value("limit_per_minute", int64_t(0)), items);
}

template <typename Work>
auto Service::use(const Caller& caller, const std::string& name, std::string_view operation, size_t items,
                  Work work) -> decltype(work(std::declval<const NamedKey&>())) {
  using Value = typename decltype(work(std::declval<const NamedKey&>()))::value_type;
  const auto done = [&]() -> Result<Value> {
    TRY(admit(caller, name, operation, items));
    ASSIGN(const NamedKey key, ring_->find(name));
    return work(key);
  };
  return counted<Value>(caller, name, operation, items, done());
}

Result<Signed> Service::sign(const Caller& caller, const std::string& name, std::span<const SignItem> items) {
  return use(caller, name, "sign", items.size(), [&](const NamedKey& key) -> Result<Signed> {
    if (key.kind != Kind::sm2) return of_kind(key);
    const Version* version = key.current();
    if (!version) return not_current(key);
    ASSIGN(const auto digests, digests_of(version->public_key, items));
    ASSIGN(auto made, ring_->provider().sign(version->id, digests));
    return Signed{version->number, std::move(made)};
  });
}

Result<std::vector<uint8_t>> Service::verify(const Caller& caller, const std::string& name,
                                             std::span<const SignItem> items,
                                             std::span<const crypto::Sm2Signature> signatures) {
  return use(caller, name, "verify", items.size(), [&](const NamedKey& key) -> Result<std::vector<uint8_t>> {
    if (key.kind != Kind::sm2) return of_kind(key);
    std::vector<uint8_t> out(items.size());
    for (const Version& version : key.versions) {
      if (version.state != State::current && version.state != State::retired) continue;
      ASSIGN(const auto digests, digests_of(version.public_key, items));
      std::vector<sm2::DigestCheck> checks;
      for (size_t i = 0; i < items.size(); ++i)
        checks.push_back({&version.public_key, &signatures[i], digests[i]});
      std::vector<uint8_t> verdicts(items.size());
      crypto::strangers_verifier().verify(checks, verdicts);
      for (size_t i = 0; i < out.size(); ++i) out[i] |= verdicts[i];
    }
    return out;
  });
}

Result<Envelope> Service::encrypt(const Caller& caller, const std::string& name,
                                  std::span<const PlainItem> items) {
  return use(caller, name, "encrypt", items.size(), [&](const NamedKey& key) -> Result<Envelope> {
    const Version* version = key.current();
    if (!version) return not_current(key);
    Envelope out{version->number, {}};
    if (key.kind == Kind::es256) return of_kind(key);
    if (key.kind == Kind::sm2) {
      ASSIGN(const auto public_key, crypto::Sm2PublicKey::from_point(version->public_key));
      for (const PlainItem& item : items) {
        ASSIGN(Bytes made, envelope(public_key, version->number, item));
        out.items.push_back(std::move(made));
      }
      return out;
    }
    for (const PlainItem& item : items) {
      Bytes bytes = head_of(kUnderData, version->number);
      ASSIGN(const Bytes sealed, ring_->sealed()->seal(version->id, item.context, item.bytes));
      append(bytes, sealed);
      out.items.push_back(std::move(bytes));
    }
    return out;
  });
}

Result<std::vector<crypto::Secret>> Service::decrypt(const Caller& caller, const std::string& name,
                                                     std::span<const PlainItem> items) {
  return use(caller, name, "decrypt", items.size(),
             [&](const NamedKey& key) -> Result<std::vector<crypto::Secret>> {
               std::vector<crypto::Secret> out;
               for (const PlainItem& item : items) {
                 const std::string_view magic =
                     text(ByteView(item.bytes).first(std::min<size_t>(4, item.bytes.size())));
                 if (key.kind == Kind::sm2 && magic == kEnvelope) {
                   ASSIGN(crypto::Secret plain, open_envelope(*ring_, name, item));
                   out.push_back(std::move(plain));
                   continue;
                 }
                 if (key.kind != Kind::sm4 || magic != kUnderData || item.bytes.size() < 8) return refused();
                 const Version* version = key.find(get_be<uint32_t>(item.bytes.data() + 4));
                 if (!version) return refused();
                 if (version->state == State::revoked)
                   return fail(Code::gone, "keys.revoked", "{}", version->why);
                 ASSIGN(crypto::Secret plain,
                        ring_->sealed()->unseal(version->id, item.context, ByteView(item.bytes).subspan(8)));
                 out.push_back(std::move(plain));
               }
               return out;
             });
}

Result<Envelope> Service::hmac(const Caller& caller, const std::string& name, std::span<const Bytes> items,
                               uint64_t number) {
  return use(caller, name, "hmac", items.size(), [&](const NamedKey& key) -> Result<Envelope> {
    if (key.kind != Kind::sm4) return of_kind(key);
    const Version* version = number ? key.find(number) : key.current();
    if (!version) return number ? Result<Envelope>(no_key(name)) : not_current(key);
    if (version->state == State::revoked) return fail(Code::gone, "keys.revoked", "{}", version->why);
    ASSIGN(const crypto::Secret mac_key, ring_->sealed()->derive(version->id, "chengxin/hmac", 32));
    Envelope out{version->number, {}};
    for (const Bytes& item : items) out.items.push_back(to_bytes(crypto::hmac_sm3(mac_key, item)));
    return out;
  });
}

}  // namespace chengxin::keys
