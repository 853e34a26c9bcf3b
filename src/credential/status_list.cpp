#include "credential/status_list.h"

#include <charconv>

#include "base/base64url.h"
#include "credential/credential.h"
#include "credential/impl/gzip.h"
#include "credential/impl/time.h"

namespace chengxin::credential {
namespace {

constexpr int64_t kLeastKeptMs = 60'000, kMostKeptMs = 86'400'000, kSkewMs = 60'000;
constexpr size_t kMostLists = 64;

std::optional<StatusPurpose> purpose_of(const Json& value) {
  for (auto purpose : {StatusPurpose::revocation, StatusPurpose::suspension})
    if (value == name(purpose)) return purpose;
  return std::nullopt;
}

std::string text_of(const Json& object, const char* member) {
  auto at = object.find(member);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

std::string_view name(StatusPurpose purpose) {
  return purpose == StatusPurpose::revocation ? "revocation" : "suspension";
}

void StatusBits::set(size_t index, bool value) {
  const uint8_t bit = uint8_t(1 << (7 - index % 8));
  value ? bytes_[index / 8] |= bit : bytes_[index / 8] &= uint8_t(~bit);
}

std::string StatusBits::encode() const { return "u" + base64url(gzip(bytes_)); }

Result<StatusBits> StatusBits::decode(std::string_view encoded) {
  auto wrong = [](std::string_view why) { return fail(Code::invalid_argument, "status.list", "{}", why); };
  if (encoded.empty() || encoded.front() != 'u') return wrong("not multibase base64url");
  auto packed = unbase64url(encoded.substr(1));
  if (!packed) return wrong("not multibase base64url");
  auto bytes = gunzip(*packed, kMostStatusEntries / 8);
  if (!bytes) return wrong("not GZIP, cut short, or above 64 Mi entries");
  if (bytes->size() < kLeastStatusEntries / 8) return wrong("below 131,072 entries");
  StatusBits out(0);
  out.entries_ = bytes->size() * 8;
  out.bytes_ = std::move(*bytes);
  return out;
}

Json status_list_credential(const StatusListContent& content, const StatusBits& bits) {
  return {{"@context", {"https://www.w3.org/ns/credentials/v2"}},
          {"id", content.url},
          {"type", {"VerifiableCredential", "BitstringStatusListCredential"}},
          {"issuer", content.issuer},
          {"validFrom", whole_seconds(content.from_ms)},
          {"validUntil", whole_seconds(content.until_ms)},
          {"credentialSubject",
           {{"id", content.url + "#list"},
            {"type", "BitstringStatusList"},
            {"statusPurpose", name(content.purpose)},
            {"ttl", content.ttl_ms},
            {"encodedList", bits.encode()}}}};
}

Json status_entry(const StatusEntry& entry) {
  return {{"type", "BitstringStatusListEntry"},
          {"statusPurpose", name(entry.purpose)},
          {"statusListIndex", std::to_string(entry.index)},
          {"statusListCredential", entry.url}};
}

Result<StatusEntry> parse_status_entry(const Json& entry) {
  auto wrong = [](std::string_view why) { return fail(Code::invalid_argument, "status.entry", "{}", why); };
  if (!entry.is_object() || text_of(entry, "type") != "BitstringStatusListEntry")
    return wrong("not a BitstringStatusListEntry");
  StatusEntry out;
  out.url = text_of(entry, "statusListCredential");
  const auto purpose = purpose_of(entry.value("statusPurpose", Json()));
  const std::string index = text_of(entry, "statusListIndex");
  auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), out.index);
  if (index.empty() || error != std::errc() || end != index.data() + index.size())
    return wrong("statusListIndex is a number in text");
  if (out.url.empty() || out.url.size() > 2048 || !purpose) return wrong("its list or purpose");
  out.purpose = *purpose;
  return out;
}

Result<StatusLists::Kept> StatusLists::load(const std::string& url, int64_t now_ms) {
  ASSIGN(const std::string token, fetch_(url));
  ASSIGN(const auto opened, open_credential(token, resolver_));
  const Json& credential = opened.credential;
  auto wrong = [](std::string_view why) { return fail(Code::invalid_argument, "status.list", "{}", why); };
  if (text_of(credential, "id") != url) return wrong("it is another address's list");
  const Json types = credential.value("type", Json::array()), &subject = credential["credentialSubject"];
  if (std::find(types.begin(), types.end(), "BitstringStatusListCredential") == types.end() ||
      !subject.is_object() || text_of(subject, "type") != "BitstringStatusList")
    return wrong("not a status list credential");
  const auto purpose = purpose_of(subject.value("statusPurpose", Json()));
  if (!purpose) return wrong("another purpose");
  Kept out;
  out.purpose = *purpose;
  out.issuer = opened.issuer;
  out.from_ms = opened.from_ms;
  out.until_ms = opened.until_ms;
  out.fetched_ms = now_ms;
  int64_t ttl_ms = kLeastKeptMs;
  if (auto ttl = subject.find("ttl"); ttl != subject.end() && ttl->is_number_unsigned())
    ttl_ms = int64_t(std::min<uint64_t>(ttl->get<uint64_t>(), kMostKeptMs));
  out.again_ms = now_ms + std::max(ttl_ms, kLeastKeptMs);
  ASSIGN(out.bits, StatusBits::decode(text_of(subject, "encodedList")));
  return out;
}

Result<StatusLists::KeptPtr> StatusLists::list(const std::string& url, int64_t now_ms) {
  std::unique_lock lock(mutex_);
  auto at = kept_.find(url);
  if (at != kept_.end() && now_ms >= at->second->fetched_ms && now_ms < at->second->again_ms)
    return at->second;
  if (auto other = coming_.find(url); other != coming_.end()) {
    const auto answer = other->second.answer;
    lock.unlock();
    return answer.get();
  }
  Asking asking{*this, lock, url, ++asked_};
  coming_[url] = {asking.promise.get_future().share(), asking.number};
  lock.unlock();
  auto& out = asking.answer;
  out = load(url, now_ms).map([](Kept&& loaded) { return std::make_shared<const Kept>(std::move(loaded)); });
  if (!out && out.error().reason.starts_with("fetch."))
    out = fail(Code::unavailable, "status.unavailable", "{}", out.error().to_string());
  return out;
}

StatusLists::Asking::~Asking() {
  if (!lock.owns_lock()) lock.lock();
  if (auto own = lists.coming_.find(url); own != lists.coming_.end() && own->second.number == number) {
    lists.coming_.erase(own);
    if (answer && lists.kept_.size() >= kMostLists) lists.kept_.clear();
    if (answer) lists.kept_[url] = *answer;
  }  // else forgotten meanwhile: what came may be older than the change
  promise.set_value(answer);
}

Result<bool> StatusLists::is_set(const StatusEntry& entry, const std::string& issuer, int64_t now_ms) {
  ASSIGN(const auto kept, list(entry.url, now_ms));
  if (kept->issuer != issuer)
    return fail(Code::forbidden, "status.issuer", "the list is {}'s, the credential {}'s", kept->issuer,
                issuer);
  if (kept->purpose != entry.purpose) return fail(Code::invalid_argument, "status.list", "another purpose");
  if (now_ms > kept->until_ms + kSkewMs || now_ms + kSkewMs < kept->from_ms)
    return fail(Code::unavailable, "status.expired", "valid from {} until {}", whole_seconds(kept->from_ms),
                whole_seconds(kept->until_ms));
  if (entry.index >= kept->bits.entries())
    return fail(Code::invalid_argument, "status.index", "{} of {}", entry.index, kept->bits.entries());
  return kept->bits.get(entry.index);
}

void StatusLists::forget(const std::string& url) {
  std::lock_guard lock(mutex_);
  kept_.erase(url);
  coming_.erase(url);
}

}  // namespace chengxin::credential
