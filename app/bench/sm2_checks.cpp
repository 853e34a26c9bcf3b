#include "bench/sm2_checks.h"

#include "crypto/random.h"

namespace chengxin::app::bench {

sm2::Entropy fresh_entropy() {
  sm2::Entropy out;
  crypto::random_fill(out);
  return out;
}

std::vector<Signed> make_signed(size_t count) {
  std::vector<Signed> out(count);
  for (Signed& one : out) {
    std::optional<sm2::Signer> signer;
    while (!signer) signer = sm2::Signer::from_scalar(crypto::random_bytes(32));
    one.key = signer->public_key();
    one.message = crypto::random_bytes(kMessageBytes);
    crypto::random_fill(one.e);
    one.over_message = signer->sign(one.message, fresh_entropy()).value();
    one.over_digest = signer->sign(one.e, fresh_entropy()).value();
  }
  return out;
}

}  // namespace chengxin::app::bench
