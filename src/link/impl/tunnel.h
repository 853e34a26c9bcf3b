#pragma once
#include <set>

#include "link/impl/core.h"

namespace chengxin::link {

inline constexpr size_t kMaxTunnelFrameBytes = 64 << 10;

// A loopback listener whose connections are carried to one engine.
struct Core::Tunnel : std::enable_shared_from_this<Core::Tunnel> {
  Tunnel(std::shared_ptr<Loop> on, const Topic& about, Address to, const crypto::Sm2Point& of)
      : loop(std::move(on)), topic(about), address(std::move(to)), key(of), acceptor(loop->context) {}
  void stop();  // any thread

  const std::shared_ptr<Loop> loop;
  const Topic topic;
  const Address address;
  const crypto::Sm2Point key;
  Acceptor acceptor;

  std::mutex mutex;  // what follows
  bool stopped = false;
  std::set<CarrierPtr> links;
};

}  // namespace chengxin::link
