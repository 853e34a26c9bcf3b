#include "shim/plan.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>

namespace faults {
namespace {

[[noreturn]] void misused(const char* what) {
  const char* text = "CHENGXIN_FAULTS: ";
  syscall(SYS_write, 2, text, strlen(text));
  syscall(SYS_write, 2, what, strlen(what));
  syscall(SYS_write, 2, "\n", 1);
  _exit(70);
}

std::string canonical(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) misused("root does not exist");
  return resolved;
}

void set(Plan& plan, const std::string& name, const std::string& value) {
  if (name == "root") {
    plan.root = canonical(value);
  } else if (name == "mode") {
    if (value == "count")
      plan.mode = Mode::count;
    else if (value == "fail")
      plan.mode = Mode::fail;
    else if (value == "slow")
      plan.mode = Mode::slow;
    else if (value == "powercut")
      plan.mode = Mode::powercut;
    else
      misused("unknown mode");
  } else if (name == "at") {
    plan.at = strtoull(value.c_str(), nullptr, 10);
  } else if (name == "seed") {
    plan.random.seed(strtoull(value.c_str(), nullptr, 10));
  } else if (name == "kinds") {
    plan.kinds = value;
  } else if (name == "error") {
    if (value == "EIO")
      plan.error_number = EIO;
    else if (value == "ENOSPC")
      plan.error_number = ENOSPC;
    else
      misused("unknown error");
  } else if (name == "forever") {
    plan.forever = value == "1";
  } else if (name == "lying") {
    plan.lying = value == "1";
  } else if (name == "delay_us") {
    plan.delay_us = unsigned(strtoul(value.c_str(), nullptr, 10));
  } else if (name == "report") {
    plan.report = value;
  } else {
    misused("unknown setting");
  }
}

}  // namespace

bool Plan::counts(Kind kind) const {
  static const char* const kNames[] = {"open", "write", "sync", "name"};
  return kinds.empty() || kinds.find(kNames[int(kind)]) != std::string::npos;
}

bool Plan::reached(Kind kind) {
  if (!counts(kind)) return false;
  ++operations;
  return at != 0 && (operations == at || (forever && operations > at));
}

Plan read_plan() {
  Plan plan;
  const char* text = getenv("CHENGXIN_FAULTS");
  if (text == nullptr || *text == 0) return plan;
  std::string all = text;
  for (size_t start = 0; start < all.size();) {
    size_t end = std::min(all.find(';', start), all.size());
    std::string item = all.substr(start, end - start);
    size_t equals = item.find('=');
    if (equals == std::string::npos) misused("settings are name=value");
    set(plan, item.substr(0, equals), item.substr(equals + 1));
    start = end + 1;
  }
  if (plan.root.empty()) misused("root is needed");
  plan.graves = plan.root + ".graves";
  return plan;
}

void write_report(const Plan& plan, const std::string& text) {
  if (plan.report.empty()) return;
  int fd =
      int(syscall(SYS_openat, AT_FDCWD, plan.report.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (fd < 0) return;
  syscall(SYS_write, fd, text.data(), text.size());
  syscall(SYS_close, fd);
}

}  // namespace faults
