#pragma once
#include <sys/types.h>

#include "base/file.h"
#include "base/json.h"
#include "cluster/network.h"

namespace chengxin::app::cluster {

// Asks again until it is so. cluster.story: never; what was asked last says why.
Status wait_until(std::string_view what, const std::function<Result<bool>()>& is_so,
                  int patience_ms = 90'000);

// A platform of its own on one host of the network: a data folder, a process, and the commands that its
// operator gives there.
class Node {
 public:
  Node(const Network& network, size_t host, fs::path data)
      : network_(network), host_(host), data_(std::move(data)) {}
  Node(const Node&) = delete;
  ~Node();

  size_t host() const { return host_; }
  const fs::path& data() const { return data_; }
  bool running() const { return pid_ > 0; }
  std::string name() const { return "node" + std::to_string(host_); }
  std::string organisation() const { return "org" + std::to_string(host_); }
  std::string address() const { return network_.address(host_) + ":9443"; }

  pid_t pid() const { return pid_; }  // -1: it does not run
  // On a thread of that host, so that what it connects to 127.0.0.1 is this platform.
  void inside(const std::function<void()>& work) const { network_.inside(host_, work); }

  Status start();  // until it answers; its log is beside the data folder
  Status stop();
  void kill();  // as a power cut would, for the process

  // `chengxin --data … --json` with these words, on that host: what it prints. cluster.command carries the
  // command's own error.
  Result<Json> run(std::vector<std::string> words) const;
  Result<uint64_t> height(const std::string& chain) const;
  Status reach(const std::string& chain, uint64_t height, int patience_ms = 90'000) const;  // as wait_until

 private:
  fs::path log_path() const { return data_.string() + ".log"; }

  const Network& network_;
  const size_t host_;
  const fs::path data_;
  pid_t pid_ = -1;
};

}  // namespace chengxin::app::cluster
