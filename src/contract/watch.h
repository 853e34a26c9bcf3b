#pragma once
#include "contract/engine.h"

namespace chengxin::contract {

// Is told of the frames of calls, in order: each is entered and left, and what it logs lies between. What a
// frame did that does not return is told too. It changes nothing.
class Watch {
 public:
  struct Entrant {
    CallKind kind = CallKind::call;
    Address from{}, to{};  // create, create2 inside another: to is not known yet
    ByteView input;
    uint64_t gas = 0;
  };
  virtual ~Watch() = default;
  virtual void entered(const Entrant& who) = 0;
  virtual void left(const Outcome& outcome) = 0;  // of create, create2: the output is the address
  virtual void logged(const Address& contract, std::span<const Digest> topics, ByteView data) = 0;
};

}  // namespace chengxin::contract
