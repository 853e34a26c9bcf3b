#include "link/impl/port_owner.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace chengxin::link {
namespace {

namespace fs = std::filesystem;

// The inode of the listening socket; 0: not found. A line of proc(5) /proc/net/tcp: number, local address,
// remote address, state (0A: listens), four columns, owner, timeout, inode.
unsigned long listening_inode(const char* table, uint16_t port) {
  std::ifstream file(table);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string number, local, remote, state, skipped;
    unsigned long inode = 0;
    fields >> number >> local >> remote >> state;
    for (int i = 0; i < 5; ++i) fields >> skipped;
    fields >> inode;
    size_t colon = local.rfind(':');
    if (fields && state == "0A" && colon != local.npos &&
        std::strtoul(local.c_str() + colon + 1, nullptr, 16) == port)
      return inode;
  }
  return 0;
}

}  // namespace

std::string owner_of_port(uint16_t port) {
  unsigned long inode = listening_inode("/proc/net/tcp", port);
  if (!inode) inode = listening_inode("/proc/net/tcp6", port);
  const std::string wanted = fmt::format("socket:[{}]", inode);
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const std::string id = process.path().filename().string();
    if (id.find_first_not_of("0123456789") != id.npos) continue;
    for (auto one = fs::directory_iterator(process.path() / "fd", error);
         !error && one != fs::directory_iterator(); one.increment(error)) {
      std::error_code ignored;
      if (fs::read_symlink(one->path(), ignored) != wanted) continue;
      std::string name;
      std::getline(std::ifstream(process.path() / "comm") >> std::ws, name);
      return fmt::format("{} (process {})", name, id);
    }
  }
  return "another program";
}

}  // namespace chengxin::link
