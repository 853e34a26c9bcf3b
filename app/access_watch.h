#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

#include "audit/log.h"
#include "install/install.h"

namespace chengxin::app {

// Compares access control of the host and the database with the sealed baseline (install/baseline.h), at the
// start and then every install.access_seconds. Each difference is a line at error and an entry of the audit
// log when it appears, and an entry when it is gone. doctor looks for itself.
class AccessWatch {
 public:
  // Both must outlive this.
  AccessWatch(const install::Installation& installation, audit::Log& log);
  ~AccessWatch();
  AccessWatch(const AccessWatch&) = delete;

  // The first comparison. install.access_changed: something differs, and the setting says to refuse.
  Status begin();
  // Of the last comparison: install.access_changed as above, without naming what.
  Status state() const;
  size_t changes() const;

 private:
  void look();
  void tell(const install::AccessChange& change, bool appeared);
  void run();

  const install::Installation& installation_;
  audit::Log& log_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::vector<install::AccessChange> changes_;  // of the last comparison
  std::vector<install::AccessChange> told_;     // those with an entry; of look()
  std::thread thread_;
};

}  // namespace chengxin::app
