#pragma once
#include <sys/types.h>

#include "base/file.h"
#include "client/client.h"
#include "install/install.h"

// A platform of its own for a benchmark: a fresh installation in a temporary folder, served by a child
// process.
namespace chengxin::app::bench {

class PlatformChild {
 public:
  static Result<PlatformChild> start(const fs::path& data);
  PlatformChild(PlatformChild&& other) noexcept;
  PlatformChild& operator=(PlatformChild&&) = delete;
  ~PlatformChild();

  uint16_t port() const { return port_; }
  const std::string& token() const { return token_; }
  client::Client connect() const;
  double cpu_seconds() const;       // used by the child so far
  uint64_t resident_bytes() const;  // now
  Status stop();                    // waits for a clean end
  Result<double> restart();         // stop and start again: seconds until it was ready

 private:
  PlatformChild() = default;
  Status launch();

  fs::path data_;
  pid_t pid_ = -1;
  uint16_t port_ = 0;
  std::string token_;
};

}  // namespace chengxin::app::bench
