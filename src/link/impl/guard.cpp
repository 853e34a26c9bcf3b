#include "link/impl/guard.h"

namespace chengxin::link {
namespace {

constexpr size_t kMaxText = 200;

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
  sparing_.warn(event, address,
                {{"address", address},
                 {"reason", why.reason},
                 {"detail", why.detail.substr(0, kMaxText)},
                 {"subject", subject.substr(0, kMaxText)}});
}

}  // namespace chengxin::link
