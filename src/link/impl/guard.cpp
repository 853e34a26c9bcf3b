#include "link/impl/guard.h"

#include "base/clock.h"
#include "base/log.h"

namespace chengxin::link {
namespace {

constexpr int64_t kWindowNs = 10'000'000'000;
constexpr unsigned kToldInWindow = 5;
constexpr size_t kMaxAddresses = 4096, kMaxText = 200;

std::string source(const boost::asio::ip::address& address) {
  if (!address.is_v6() || address.to_v6().is_v4_mapped()) return address.to_string();
  auto bytes = address.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.begin() + 8);
}

}  // namespace

HalfOpen::Token HalfOpen::take(const boost::asio::ip::address& address) {
  std::lock_guard lock(mutex_);
  std::string from = source(address);
  auto found = counts_.find(from);
  if (all_ >= most_ || (found != counts_.end() && found->second >= most_for_one_)) return nullptr;
  ++counts_[from];
  ++all_;
  return {this, [from](void* at) {
            auto& self = *static_cast<HalfOpen*>(at);
            std::lock_guard relock(self.mutex_);
            --self.all_;
            if (--self.counts_[from] == 0) self.counts_.erase(from);
          }};
}

void RefusalLog::tell(std::string_view event, const std::string& address, std::string_view subject,
                      const Error& why) {
  nlohmann::json fields = {{"address", address},
                           {"reason", why.reason},
                           {"detail", why.detail.substr(0, kMaxText)},
                           {"subject", subject.substr(0, kMaxText)}};
  {
    std::lock_guard lock(mutex_);
    if (counts_.size() >= kMaxAddresses && !counts_.count(address)) counts_.clear();
    Count& count = counts_[address];
    const int64_t now = steady_ns();
    if (count.since_ns == 0 || now - count.since_ns > kWindowNs) {
      if (count.silent) fields["not_told"] = count.silent;
      count = {now, 0, 0};
    }
    if (count.told >= kToldInWindow) {
      ++count.silent;
      return;
    }
    ++count.told;
  }
  log::warn(event, fields);
}

}  // namespace chengxin::link
