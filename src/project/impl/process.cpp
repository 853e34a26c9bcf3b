#include "project/impl/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

extern char** environ;

namespace chengxin::project {
namespace {

constexpr size_t kMostSaid = 64 << 20;

std::vector<std::string> environment_with(const std::map<std::string, std::string>& ours) {
  std::vector<std::string> out;
  for (const auto& [name, value] : ours) out.push_back(name + "=" + value);
  for (char** each = environ; *each; ++each) {
    const std::string_view entry = *each;
    if (!ours.contains(std::string(entry.substr(0, entry.find('='))))) out.emplace_back(entry);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// What it says goes to files, so nobody waits for a pipe.
int start(const Command& command, const fs::path& talk) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  constexpr int kNew = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, 0, (talk / "input").c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, (talk / "output").c_str(), kNew, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, (talk / "errors").c_str(), kNew, 0600);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawn_file_actions_addchdir_np(&actions, command.folder.c_str());
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> words{command.program.string()};
  words.insert(words.end(), command.words.begin(), command.words.end());
  std::vector<std::string> variables = environment_with(command.environment);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, command.program.c_str(), &actions, &attributes, pointers(words).data(),
                                 pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  errno = failed;
  return failed ? -1 : pid;
}

// Its exit code, 128 and the signal that ended it; nothing when the time is over.
std::optional<int> wait_for(pid_t pid, int timeout_ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > until) {
      ::kill(-pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      return std::nullopt;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Result<Scratch> Scratch::make() {
  std::error_code error;
  std::string path = (fs::temp_directory_path(error) / "chengxin-contract.XXXXXX").string();
  if (error || !::mkdtemp(path.data())) return tl::unexpected(file_error(path, errno));
  return Scratch(path);
}

Scratch::~Scratch() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<Ran> run(const Command& command) {
  ASSIGN(const Scratch talk, Scratch::make());
  TRY(write_durable(talk.path() / "input", view(command.input), 0600));
  const int pid = start(command, talk.path());
  if (pid < 0)
    return fail(Code::unavailable, "project.toolchain", "{}: {}", command.program.string(),
                std::strerror(errno));
  const auto exit = wait_for(pid, command.timeout_ms);
  if (!exit) return fail(Code::unavailable, "project.timeout", "{}", command.program.string());
  ASSIGN(const Bytes output, read_file(talk.path() / "output", kMostSaid));
  ASSIGN(const Bytes errors, read_file(talk.path() / "errors", kMostSaid));
  return Ran{*exit, to_string(output), to_string(errors)};
}

std::optional<fs::path> find_program(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const fs::path candidate = fs::path(rest.substr(0, end)) / name;
    if (end > 0 && ::access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate)) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

}  // namespace chengxin::project
