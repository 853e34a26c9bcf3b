#include "bench/platform_child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <utility>

#include "base/clock.h"

namespace chengxin::app::bench {

Result<PlatformChild> PlatformChild::start(const fs::path& data) {
  PlatformChild child;
  child.data_ = data;
  TRY(install::create(data));
  ASSIGN(child.token_, install::owner_token(data));
  TRY(child.launch());
  return child;
}

PlatformChild::PlatformChild(PlatformChild&& other) noexcept
    : data_(std::move(other.data_)),
      pid_(std::exchange(other.pid_, -1)),
      port_(other.port_),
      token_(std::move(other.token_)) {}

PlatformChild::~PlatformChild() { (void)stop(); }

Status PlatformChild::launch() {
  std::error_code error;
  fs::remove(data_ / "run" / "address", error);
  std::string log = (data_ / "serve.log").string(), data = data_.string();
  pid_ = ::fork();
  if (pid_ < 0) return fail(Code::unavailable, "bench.fork", "cannot start a process");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
    ::execl("/proc/self/exe", "chengxin", "serve", "--data", data.c_str(), "--listen", "127.0.0.1:0",
            nullptr);
    ::_exit(127);
  }
  for (int tries = 0; tries < 6000; ++tries) {
    if (auto address = read_file(data_ / "run" / "address", 4096)) {
      std::string url = to_string(*address);
      port_ = uint16_t(std::strtoul(url.c_str() + url.rfind(':') + 1, nullptr, 10));
      if (connect().send("GET", "/readyz")) return {};
    }
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return fail(Code::unavailable, "bench.platform", "the platform did not start; see {}", log);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return fail(Code::unavailable, "bench.platform", "the platform was not ready within a minute; see {}", log);
}

client::Client PlatformChild::connect() const {
  client::Options options;
  options.url = "http://127.0.0.1:" + std::to_string(port_);
  options.token = token_;
  return client::Client(std::move(options));
}

double PlatformChild::cpu_seconds() const {
  std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
  std::string line;
  std::getline(stat, line);
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string field;
  double ticks = 0;
  for (int i = 3; i <= 15 && fields >> field; ++i)
    if (i >= 14) ticks += std::strtod(field.c_str(), nullptr);
  return ticks / double(::sysconf(_SC_CLK_TCK));
}

uint64_t PlatformChild::resident_bytes() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * uint64_t(::sysconf(_SC_PAGESIZE));
}

Status PlatformChild::stop() {
  if (pid_ < 0) return {};
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(Code::internal, "bench.platform", "the platform ended with status {}", status);
  return {};
}

Result<double> PlatformChild::restart() {
  TRY(stop());
  int64_t started = steady_ns();
  TRY(launch());
  return double(steady_ns() - started) / 1e9;
}

}  // namespace chengxin::app::bench
