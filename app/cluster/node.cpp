#include "cluster/node.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "base/clock.h"

namespace chengxin::app::cluster {
namespace {

constexpr int kStartMs = 60'000;

// This program with these words, in that namespace; what it says goes to the descriptor.
pid_t spawn(int space, int output, std::vector<std::string> words) {
  words.insert(words.begin(), "chengxin");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent || ::setns(space, CLONE_NEWNET) != 0) ::_exit(126);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execv("/proc/self/exe", argv.data());
  ::_exit(127);
}

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { (void)!::pipe2(ends, O_CLOEXEC); }
  ~Pipe() {
    for (int end : ends)
      if (end >= 0) ::close(end);
  }
  void close_writing() { ::close(std::exchange(ends[1], -1)); }
  std::string read_all() const {
    std::string out;
    char buffer[4096];
    for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
      out.append(buffer, size_t(count));
    return out;
  }
};

}  // namespace

Status wait_until(std::string_view what, const std::function<Result<bool>()>& is_so, int patience_ms) {
  std::string last = "not yet";
  for (const int64_t until = steady_ns() + patience_ms * int64_t(1'000'000); steady_ns() < until;) {
    auto now = is_so();
    if (now && *now) return {};
    if (!now) last = now.error().to_string();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
  return fail(Code::unavailable, "cluster.story", "{}: {}", what, last);
}

Node::~Node() { (void)stop(); }

Status Node::start() {
  std::error_code ignored;
  fs::remove(data_ / "run" / "address", ignored);
  const int log = ::open(log_path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  pid_ = spawn(network_.descriptor(host_), log, {"--data", data_.string(), "serve"});
  ::close(log);
  for (const int64_t until = steady_ns() + kStartMs * int64_t(1'000'000); steady_ns() < until;) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    if (fs::exists(data_ / "run" / "address", ignored)) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return fail(Code::unavailable, "cluster.node", "{} did not start; see {}", name(), log_path().string());
}

Status Node::stop() {
  if (pid_ < 0) return {};
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(Code::internal, "cluster.node", "{} ended with status {}", name(), status);
}

void Node::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

Result<Json> Node::run(std::vector<std::string> words) const {
  std::string line;
  for (const std::string& word : words) line += " " + word;
  words.insert(words.begin(), {"--data", data_.string(), "--json"});
  Pipe pipe;
  const pid_t pid = spawn(network_.descriptor(host_), pipe.ends[1], std::move(words));
  pipe.close_writing();
  const std::string said = pipe.read_all();
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    const auto told = parse_json(said);
    const Json why = told && told->contains("error") ? told->at("error") : Json::object();
    return fail(Code::unavailable, "cluster.command", "{}: chengxin{}: {} [{}] {}", name(), line,
                why.value("title_en", said), why.value("reason", ""), why.value("detail", ""));
  }
  return parse_json(said, {size_t(64) << 20, 32});
}

Result<uint64_t> Node::height(const std::string& chain) const {
  ASSIGN(const Json shown, run({"chain", "show", chain}));
  return shown.at("height").get<uint64_t>();
}

Status Node::reach(const std::string& chain, uint64_t height, int patience_ms) const {
  return wait_until(
      fmt::format("{} at block {} of {}", name(), height, chain),
      [&]() -> Result<bool> {
        ASSIGN(const uint64_t reached, this->height(chain));
        return reached >= height;
      },
      patience_ms);
}

}  // namespace chengxin::app::cluster
