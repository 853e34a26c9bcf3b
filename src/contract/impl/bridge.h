#pragma once
#include <chengxin_sandbox.h>
#include "contract/engine.h"

// Between an Engine and the sandbox's C interface.
namespace chengxin::contract {

inline cx_bytes borrowed(ByteView bytes) { return {bytes.data(), bytes.size()}; }
Bytes taken(cx_buffer buffer);
tl::unexpected<Error> sandbox_fault(ByteView told);

// The Host of one frame as C callbacks.
class Bridge {
 public:
  // `prepared`: the module that runs, where it is WebAssembly.
  explicit Bridge(Host& host, std::optional<ByteView> prepared = {}) : host_(host), prepared_(prepared) {}

  cx_host table() { return {this, get, set, range, event, ask, call, nullptr}; }
  // How the frame ended. The first fault of this node is kept: the sandbox tells only that there was one.
  Result<Outcome> outcome(const cx_outcome& ended) const;

 private:
  static Bridge& of(void* self) { return *static_cast<Bridge*>(self); }
  cx_verdict refused(const Error& error, cx_buffer* why);
  cx_verdict answered(Result<std::optional<Bytes>> answer, cx_buffer* into);
  Result<std::optional<Bytes>> answer(uint32_t question, ByteView arguments);

  static cx_verdict get(void* self, cx_bytes key, cx_buffer* value);
  static cx_verdict set(void* self, cx_bytes key, const cx_bytes* value);
  static cx_verdict range(void* self, cx_bytes from, cx_bytes to, uint32_t limit, uint64_t* erased,
                          cx_buffer* encoded);
  static cx_verdict event(void* self, const uint8_t* topics, uint32_t count, cx_bytes data);
  static cx_verdict ask(void* self, uint32_t question, cx_bytes arguments, cx_buffer* answer);
  static cx_verdict call(void* self, const cx_message* message, cx_outcome* outcome);

  Host& host_;
  const std::optional<ByteView> prepared_;
  std::optional<Error> fault_;
  std::optional<std::string> refusal_;  // by a callback that has no room for the reason; it ended the frame
};

cx_context context_of(const FrameContext& frame);
// Of a scan's verdict and report.
Result<std::vector<Finding>> findings_of(cx_verdict verdict, cx_buffer report);

}  // namespace chengxin::contract
