#pragma once
#include <set>

#include "install/install.h"

// What of this process others can reach, against what is declared (threats.md, requirement 30; GB/T 22239
// 8.1.4.4): TCP ports that it listens on, and libraries that are loaded (docs/surface.tsv).
namespace chengxin::app {

struct DeclaredPorts {
  std::set<uint16_t> open;  // on whatever address the configuration says
  bool loopback = false;    // and any on the loopback: the engine's tunnels
};

// surface.port, surface.library.
std::vector<install::Finding> surface_findings(const DeclaredPorts& declared);

}  // namespace chengxin::app
