#pragma once
#include "authority/service.h"

// The folder of the authority, owner-only; where its keys are is keys/own_keys.h's:
//   root.der        the root; its key perhaps under a passphrase
//   root_list.der   its list
//   issuing.der     the authority that issues
//   ocsp.der        the responder; made anew when it nears its end, or is not of the key that is there
namespace chengxin::authority {

inline constexpr int64_t kDayMs = int64_t(24) * 3600'000;
inline constexpr int64_t kResponderMs = 90 * kDayMs, kRootListMs = 400 * kDayMs;
inline constexpr int64_t kSkewMs = 5 * 60'000;  // of the clocks of others: validity begins before now

inline constexpr int kOnHold = 6;  // certificateHold of RFC 5280 5.3.1

inline int64_t whole_seconds(int64_t time_ms) { return time_ms / 1000 * 1000; }

struct Service::Keys {
  crypto::Certificate root;
  crypto::Crl root_list;
  crypto::Authority issuing;
  crypto::Certificate responder;
  crypto::Sm2PrivateKey responder_key;
};

}  // namespace chengxin::authority
