#include "gas.h"

namespace chengxin::contract::gas {
namespace {

Host& of(void* self) { return *static_cast<Host*>(self); }
Bytes seen(cx_bytes bytes) { return {bytes.data, bytes.data + bytes.size}; }

cx_verdict zeros(int64_t count, cx_buffer* out) {
  if (count < 0) return CX_ABSENT;
  *out = cx_copy(borrowed(Bytes(size_t(count))));
  return CX_OK;
}

cx_verdict get(void* self, cx_bytes key, cx_buffer* value) {
  const auto found = of(self).state.find(seen(key));
  if (found == of(self).state.end()) return zeros(of(self).answer, value);
  *value = cx_copy(borrowed(found->second));
  return CX_OK;
}

cx_verdict set(void* self, cx_bytes key, const cx_bytes* value) {
  if (value)
    of(self).state[seen(key)] = seen(*value);
  else
    of(self).state.erase(seen(key));
  return CX_OK;
}

cx_verdict ask(void* self, uint32_t question, cx_bytes arguments, cx_buffer* answer) {
  switch (question) {
    case CX_ASK_CODE:
      *answer = cx_copy(borrowed(of(self).code));
      return CX_OK;
    case CX_ASK_SM3:
      return zeros(32, answer);
    case CX_ASK_SM2_VERIFY:
    case CX_ASK_EVIDENCE:
      return zeros(1, answer);
    case CX_ASK_SM4_CBC:
      return zeros(int64_t(arguments.size) - 33, answer);
    case CX_ASK_CODE_AT:
    case CX_ASK_CODE_HASH:
    case CX_ASK_CODE_SIZE:
    case CX_ASK_BLOCK_HASH:
      return CX_ABSENT;
    default:
      return zeros(of(self).answer, answer);
  }
}

}  // namespace

cx_host Host::callbacks() {
  return {this,
          get,
          set,
          [](void* self, cx_bytes, cx_bytes, uint32_t, uint64_t* erased, cx_buffer* out) {
            *erased = 0;
            return zeros(of(self).answer, out);
          },
          [](void*, const uint8_t*, uint32_t, cx_bytes) { return CX_OK; },
          ask,
          [](void* self, const cx_message*, cx_outcome* outcome) {
            *outcome = {CX_RETURNED, 0, {}};
            zeros(of(self).answer, &outcome->output);
            return CX_OK;
          },
          nullptr};
}

}  // namespace chengxin::contract::gas
