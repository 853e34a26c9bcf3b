#pragma once
#include <cstdint>
#include <string>

namespace chengxin::link {

// The program that listens on this TCP port, as far as the kernel lets us see: "postgres (process 812)" or
// "another program".
std::string owner_of_port(uint16_t port);

}  // namespace chengxin::link
