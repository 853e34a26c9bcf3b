#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"

// Hosts on one machine: network namespaces on a switch of their own. Nothing of it is seen by, or reaches,
// the machine's own network; all of it is gone when this is. Without the right to make namespaces a user
// namespace is entered first, so no privileges are needed where the kernel allows that.
namespace chengxin::app::cluster {

class Network {
 public:
  // cluster.namespaces (Code::unsupported) where they cannot be made; the detail says what is missing.
  static Result<Network> create();
  Network(Network&& other) noexcept;
  Network& operator=(Network&&) = delete;
  ~Network();

  // Another host with an address of 10.77.0.0/24: its number, from 1 on.
  Result<size_t> add_host();
  std::string address(size_t host) const;

  // Runs `work` on a thread of that host: sockets that it makes are the host's.
  void inside(size_t host, const std::function<void()>& work) const;
  // A descriptor that setns(2) takes, for a child before it execs.
  int descriptor(size_t host) const { return hosts_[host - 1]; }

  // A host's cable, pulled and put back.
  Status plug(size_t host, bool in) const;

 private:
  Network() = default;
  int switch_ = -1;
  std::vector<int> hosts_;
};

}  // namespace chengxin::app::cluster
