#pragma once
#include "contract/engine.h"

struct cx_evm;

// Contracts for Ethereum's machine, by the sandbox (sandbox/include/chengxin_sandbox.h,
// docs/adr/0028-evm.md).
namespace chengxin::contract {

std::shared_ptr<const Engine> evm_engine();
// Of any EVM contract. A call runs the code that FrameContext::code names, a deployment its input as init
// code.
std::shared_ptr<const Module> evm_module();

// What Ethereum remembers over the frames of a transaction; here, of one call of a transaction. From a pool
// of the thread, to which it goes back.
class Machine {
 public:
  Machine();
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void begin(const Address& origin, const Address& called);  // before the first frame
  uint64_t mark() const;
  void rewind(uint64_t mark);
  uint64_t refund(uint64_t gas_used) const;  // what comes back of it
  void touch(const Address& address);        // warm from now on
  cx_evm* get() const { return evm_; }

 private:
  cx_evm* evm_;
};

Address create_address(const Address& creator, uint64_t nonce);
Address create2_address(const Address& creator, const Digest& salt, ByteView init_code);

}  // namespace chengxin::contract
