#include "comet/impl/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

extern char** environ;

namespace chengxin::comet {
namespace {

struct Ends {
  int ours = -1, theirs = -1;
  ~Ends() {
    close_end(ours);
    close_end(theirs);
  }
  int keep() { return std::exchange(ours, -1); }
};

bool make_socket(Ends& ends) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
  ends.ours = pair[0], ends.theirs = pair[1];
  return true;
}

bool make_pipe(Ends& ends) {
  int pair[2];
  if (::pipe2(pair, O_CLOEXEC) != 0) return false;
  ends.ours = pair[0], ends.theirs = pair[1];
  return true;
}

int run_process(const fs::path& binary, const std::vector<std::string>& arguments, int input, int output,
                int errors) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_adddup2(&actions, errors, 2);
  // Sockets of libraries are not marked close-on-exec: a child that has them keeps our ports and our clients'
  // connections when we are killed.
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> argv{const_cast<char*>(binary.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, binary.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  errno = failed;
  return failed ? -1 : pid;
}

}  // namespace

Result<Process> spawn_process(const fs::path& binary, const std::vector<std::string>& arguments) {
  Ends input, output, errors;
  if (!make_socket(input) || !make_pipe(output) || !make_pipe(errors))
    return fail(Code::unavailable, "engine.died", "no descriptors for a child process");
  const int pid = run_process(binary, arguments, input.theirs, output.theirs, errors.theirs);
  if (pid < 0) return fail(Code::unavailable, "engine.died", "{}: {}", binary.string(), std::strerror(errno));
  for (int fd : {input.ours, output.ours, errors.ours}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return Process{pid, input.keep(), output.keep(), errors.keep()};
}

void close_end(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

int reap_process(int pid, int wait_ms) {
  int status = 0;
  for (; wait_ms > 0; wait_ms -= 10) {
    if (::waitpid(pid, &status, WNOHANG) == pid) return status;
    ::usleep(10'000);
  }
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace chengxin::comet
