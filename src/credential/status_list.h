#pragma once
#include <functional>
#include <future>
#include <memory>
#include <mutex>

#include "base/json.h"
#include "credential/jose.h"

// Bitstring Status List (W3C Recommendation v1.0): a bit for each credential, in a list that its issuer
// signs.
namespace chengxin::credential {

class Resolver;

inline constexpr size_t kStatusEntries = 1'000'000;     // of the lists that we issue
inline constexpr size_t kLeastStatusEntries = 131'072;  // 16 KiB: fewer would tell who is meant
inline constexpr size_t kMostStatusEntries = 64 << 20;  // of a list that is read

enum class StatusPurpose { revocation, suspension };
std::string_view name(StatusPurpose purpose);

// Index 0 is the highest bit of the first byte.
class StatusBits {
 public:
  explicit StatusBits(size_t entries = kStatusEntries) : bytes_((entries + 7) / 8), entries_(entries) {}
  size_t entries() const { return entries_; }
  bool get(size_t index) const { return bytes_[index / 8] >> (7 - index % 8) & 1; }
  void set(size_t index, bool value);
  const Bytes& bytes() const { return bytes_; }

  std::string encode() const;  // multibase base64url of GZIP
  // status.list: not so encoded, below kLeastStatusEntries or above kMostStatusEntries once unpacked.
  static Result<StatusBits> decode(std::string_view encoded);

 private:
  Bytes bytes_;
  size_t entries_;
};

// An unsigned status list credential; `url` is where it will be found.
struct StatusListContent {
  std::string url, issuer;
  StatusPurpose purpose = StatusPurpose::revocation;
  int64_t from_ms = 0, until_ms = 0, ttl_ms = 0;
};
Json status_list_credential(const StatusListContent& content, const StatusBits& bits);

// What a credential says of where its status stands.
struct StatusEntry {
  std::string url;
  StatusPurpose purpose = StatusPurpose::revocation;
  size_t index = 0;
};
Json status_entry(const StatusEntry& entry);                // BitstringStatusListEntry
Result<StatusEntry> parse_status_entry(const Json& entry);  // status.entry

// Lists by their address, fetched and verified when first needed and again when their time to live is over
// (between 1 minute and 1 day). Thread-safe; one caller at a time fetches.
class StatusLists {
 public:
  using Fetch = std::function<Result<std::string>(const std::string& url)>;
  StatusLists(Resolver& resolver, Fetch fetch) : resolver_(resolver), fetch_(std::move(fetch)) {}

  // True: revoked or suspended. The list must be signed by `issuer`. status.list, status.issuer (another's),
  // status.expired, status.index, status.unavailable, jose.*, did.*.
  Result<bool> is_set(const StatusEntry& entry, const std::string& issuer, int64_t now_ms);
  void forget(const std::string& url);

 private:
  struct Kept {
    StatusBits bits{0};
    StatusPurpose purpose;
    std::string issuer;
    int64_t from_ms = 0, until_ms = 0, fetched_ms = 0, again_ms = 0;
  };
  using KeptPtr = std::shared_ptr<const Kept>;
  Result<KeptPtr> list(const std::string& url, int64_t now_ms);
  Result<Kept> load(const std::string& url, int64_t now_ms);

  Resolver& resolver_;
  const Fetch fetch_;
  std::mutex mutex_;
  std::map<std::string, KeptPtr> kept_;
  struct Coming {
    std::shared_future<Result<KeptPtr>> answer;
    uint64_t number;
  };
  // Who asks for a list. When he is done, also by what a library throws, the others have his answer.
  struct Asking {
    StatusLists& lists;
    std::unique_lock<std::mutex>& lock;  // of `mutex_`
    const std::string& url;
    const uint64_t number;
    std::promise<Result<KeptPtr>> promise = {};
    Result<KeptPtr> answer = fail(Code::unavailable, "status.unavailable", "it could not be read");
    ~Asking();
  };
  std::map<std::string, Coming> coming_;  // by address: nobody asks for what another is asking for
  uint64_t asked_ = 0;
};

}  // namespace chengxin::credential
