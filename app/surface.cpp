#include "surface.h"

#include <link.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include "embedded.h"

namespace chengxin::app {
namespace {

struct Listening {
  std::string address;  // hexadecimal, as the kernel has it
  uint16_t port = 0;
};

// Inodes of this process's sockets: "socket:[123]".
std::set<std::string> own_sockets() {
  std::set<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd", error)) {
    const std::string target = fs::read_symlink(entry.path(), error).string();
    if (target.starts_with("socket:[")) out.insert(target.substr(8, target.size() - 9));
  }
  return out;
}

// Rows of /proc/net/tcp: sl local_address rem_address st … inode; st 0A is LISTEN.
std::vector<Listening> listening() {
  std::vector<Listening> out;
  const auto own = own_sockets();
  for (const char* path : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::ifstream table(path);
    for (std::string row; std::getline(table, row);) {
      std::istringstream fields(row);
      std::string number, local, remote, state, queues, timer, retransmits, user, timeout, inode;
      fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >>
          inode;
      const size_t colon = local.find(':');
      if (state != "0A" || colon == std::string::npos || !own.contains(inode)) continue;
      Listening one{local.substr(0, colon), 0};
      std::from_chars(local.data() + colon + 1, local.data() + local.size(), one.port, 16);
      out.push_back(std::move(one));
    }
  }
  return out;
}

bool is_loopback(const std::string& address) {
  return address.ends_with("7F") || address == "00000000000000000000000001000000";
}

// "libfmt.so.9" → "libfmt"
std::string library_name(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  return name.substr(0, name.find(".so"));
}

std::set<std::string> loaded_libraries() {
  std::set<std::string> out;
  const auto note = [](dl_phdr_info* info, size_t, void* into) {
    if (info->dlpi_name && std::string_view(info->dlpi_name).find(".so") != std::string_view::npos)
      static_cast<std::set<std::string>*>(into)->insert(info->dlpi_name);
    return 0;
  };
  ::dl_iterate_phdr(note, &out);
  return out;
}

std::set<std::string> declared_libraries() {
  std::set<std::string> out;
  std::istringstream rows{std::string(embedded::surface)};
  for (std::string row; std::getline(rows, row);)
    if (row.starts_with("library\t")) out.insert(row.substr(8, row.find('\t', 8) - 8));
  return out;
}

}  // namespace

std::vector<install::Finding> surface_findings(const DeclaredPorts& declared) {
  std::vector<install::Finding> out;
  for (const Listening& one : listening())
    if (!declared.open.contains(one.port) && !(declared.loopback && is_loopback(one.address)))
      out.push_back({"surface.port", fmt::format("this process listens on port {}", one.port),
                     "no setting asks for it: stop the platform and find out what opened it"});
  const auto known = declared_libraries();
  for (const std::string& path : loaded_libraries())
    if (!known.contains(library_name(path)))
      out.push_back({"surface.library", fmt::format("{} is loaded", path),
                     "docs/surface.tsv does not list it: look at LD_PRELOAD and at the system's packages"});
  return out;
}

}  // namespace chengxin::app
