#pragma once
#include "keys/ring.h"
#include "keys/use.h"

// The cryptographic service: named keys of a ring, used by callers under a policy, each use counted. What it
// does not say yes to is refused.
//
// A key's policy: {"users": ["token:…", "*"], "operations": ["sign", …], "limit_per_minute": n, "enabled":
// true}. The owner may use every key that is enabled, anybody else must be named. Settings: {"enabled",
// "disabled_operations", "limit_per_minute"}: of the service, each caller's items over all keys. Both are
// records of the ring's journal.
namespace chengxin::keys {

struct Caller {
  std::string id;
  bool owner = false;
};

inline constexpr std::string_view kOperations[] = {"sign", "verify", "encrypt", "decrypt",
                                                   "hmac", "hash",   "random"};

// crypto.policy: the detail names the member.
Status check_policy(const Json& policy);
Status check_settings(const Json& settings);

struct Signed {
  uint64_t version = 0;
  std::vector<crypto::Sm2Signature> signatures;
};
struct Envelope {  // cipher texts of a batch are bytes of docs/keys.md, each names its version
  uint64_t version = 0;
  std::vector<Bytes> items;
};
struct SignItem {
  Bytes message;
  std::string id = std::string(crypto::kDefaultId);
  std::optional<Digest> e;  // in place of the message
};
struct PlainItem {
  Bytes bytes, context;
};

// Thread-safe. Errors of every use: crypto.service_disabled, crypto.operation_disabled, crypto.not_allowed
// (by the key's policy), crypto.limit (with the time to wait), keys.not_found, keys.revoked, keys.destroyed,
// and the provider's.
class Service {
 public:
  Service(std::unique_ptr<Ring> ring, std::function<int64_t()> now_ms);

  Ring& ring() { return *ring_; }
  Uses& uses() { return uses_; }
  Json settings() const;
  Status configure(const Json& settings, const std::string& by);
  Result<NamedKey> set_policy(const std::string& name, const Json& policy, const std::string& by);
  // Those that the caller may use at all.
  std::vector<NamedKey> visible(const Caller& caller) const;
  Result<NamedKey> visible(const Caller& caller, const std::string& name) const;

  Result<Signed> sign(const Caller& caller, const std::string& name, std::span<const SignItem> items);
  // 1 or 0 for each: by any version that is not revoked, or destroyed.
  Result<std::vector<uint8_t>> verify(const Caller& caller, const std::string& name,
                                      std::span<const SignItem> items,
                                      std::span<const crypto::Sm2Signature> signatures);
  // sm2: a fresh SM4 key for each item, encrypted to the key; sm4: under the data key. SM4-GCM, bound to the
  // context.
  Result<Envelope> encrypt(const Caller& caller, const std::string& name, std::span<const PlainItem> items);
  Result<std::vector<crypto::Secret>> decrypt(const Caller& caller, const std::string& name,
                                              std::span<const PlainItem> items);
  // HMAC-SM3 under a key derived from the data key of `version` (0: the current one).
  Result<Envelope> hmac(const Caller& caller, const std::string& name, std::span<const Bytes> items,
                        uint64_t version);
  // For what needs no key (hash, random) and what is done outside (CMS): the check and the count.
  Status admit(const Caller& caller, const std::string& name, std::string_view operation, size_t items);
  template <typename T>
  Result<T> counted(const Caller& caller, const std::string& name, std::string_view operation, size_t items,
                    Result<T> result) {
    uses_.note({caller.id, name, std::string(operation), result ? "ok" : result.error().reason}, items,
               now_ms_());
    return result;
  }

 private:
  Status allowed(const Caller& caller, const NamedKey& key, std::string_view operation) const;
  Status within(const std::string& who, int64_t limit, size_t items);
  template <typename Work>
  auto use(const Caller& caller, const std::string& name, std::string_view operation, size_t items, Work work)
      -> decltype(work(std::declval<const NamedKey&>()));

  const std::unique_ptr<Ring> ring_;
  const std::function<int64_t()> now_ms_;
  Uses uses_;
  mutable std::mutex mutex_;
  Json settings_;
  struct Window {
    int64_t minute = 0;
    int64_t items = 0;
  };
  std::map<std::string, Window> windows_;
};

}  // namespace chengxin::keys
