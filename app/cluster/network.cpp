#include "cluster/network.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace chengxin::app::cluster {
namespace {

tl::unexpected<Error> unsupported(std::string_view what) {
  return fail(Code::unsupported, "cluster.namespaces",
              "{}: {}. Run it as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)",
              what, std::strerror(errno));
}

Status write_map(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == ssize_t(text.size());
  if (fd >= 0) ::close(fd);
  if (!written) return unsupported(path);
  return {};
}

// Root of a user namespace of our own; only before there is a second thread.
Status become_root() {
  const std::string user = std::to_string(::geteuid()), group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER) != 0) return unsupported("a user namespace cannot be made");
  TRY(write_map("/proc/self/setgroups", "deny"));
  TRY(write_map("/proc/self/uid_map", "0 " + user + " 1"));
  return write_map("/proc/self/gid_map", "0 " + group + " 1");
}

// A namespace lives as long as somebody holds its descriptor.
Result<int> make_namespace() {
  int fd = -1, error = 0;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) == 0) fd = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    error = errno;
  }).join();
  errno = error;
  if (fd < 0) return unsupported("a network namespace cannot be made");
  return fd;
}

void in_namespace(int fd, const std::function<void()>& work) {
  std::thread([&] {
    if (::setns(fd, CLONE_NEWNET) == 0) work();
  }).join();
}

// ip(8) with these words, in that namespace.
Status ip(int fd, std::vector<std::string> words) {
  words.insert(words.begin(), "ip");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int status = -1;
  in_namespace(fd, [&] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::execvp("ip", argv.data());
      ::_exit(127);
    }
    if (pid > 0) ::waitpid(pid, &status, 0);
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    return fail(Code::unsupported, "cluster.namespaces", "there is no ip: install the package iproute2");
  std::string line;
  for (const std::string& word : words) line += " " + word;
  return fail(Code::unsupported, "cluster.namespaces", "failed:{}", line);
}

std::string path_of(int fd) { return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd); }

}  // namespace

Result<Network> Network::create() {
  Network network;
  if (::geteuid() != 0) TRY(become_root());
  ASSIGN(network.switch_, make_namespace());
  TRY(ip(network.switch_, {"link", "add", "switch", "type", "bridge"}));
  TRY(ip(network.switch_, {"link", "set", "switch", "up"}));
  return network;
}

Network::Network(Network&& other) noexcept
    : switch_(std::exchange(other.switch_, -1)), hosts_(std::exchange(other.hosts_, {})) {}

Network::~Network() {
  for (int fd : hosts_) ::close(fd);
  if (switch_ >= 0) ::close(switch_);
}

std::string Network::address(size_t host) const { return "10.77.0." + std::to_string(host); }

Result<size_t> Network::add_host() {
  ASSIGN(int fd, make_namespace());
  hosts_.push_back(fd);
  const size_t host = hosts_.size();
  const std::string port = "port" + std::to_string(host);
  TRY(ip(switch_, {"link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", path_of(fd)}));
  TRY(ip(switch_, {"link", "set", port, "master", "switch", "up"}));
  TRY(ip(fd, {"link", "set", "lo", "up"}));
  TRY(ip(fd, {"address", "add", address(host) + "/24", "dev", "eth0"}));
  TRY(ip(fd, {"link", "set", "eth0", "up"}));
  return host;
}

void Network::inside(size_t host, const std::function<void()>& work) const {
  in_namespace(descriptor(host), work);
}

Status Network::plug(size_t host, bool in) const {
  return ip(switch_, {"link", "set", "port" + std::to_string(host), in ? "up" : "down"});
}

}  // namespace chengxin::app::cluster
