// Run under memcheck, which takes note of every branch and every address that depends on undefined memory:
// the key, the entropy and with them the nonces are declared undefined, then the signing of every scalar path
// is run. With "leaky" it does what signing must not do, and memcheck must find it.
#include <valgrind/memcheck.h>

#include <cstdio>
#include <cstring>

#include "base/cpu.h"
#include "sm2/impl/number.h"
#include "sm2/impl/sign_engine.h"
#include "sm2/impl/sign_nonce.h"

namespace chengxin::sm2::impl {
namespace {

constexpr size_t kCount = 3;

template <class T>
void hide(T& secret) {
  VALGRIND_MAKE_MEM_UNDEFINED(&secret, sizeof secret);
}
template <class T>
void publish(T& answer) {
  VALGRIND_MAKE_MEM_DEFINED(&answer, sizeof answer);
}

bool sign(const SignEngine& engine) {
  uint8_t scalar[32] = {0x39, 0x45, 0x20}, entropy[kCount][32] = {{1}, {2}, {3}};
  hide(scalar);
  hide(entropy);
  const Number d = from_big_endian(scalar);
  const SigningKey key = signing_key(d);
  const NonceSource nonces(scalar);
  Number e[kCount], k[kCount];
  for (size_t i = 0; i < kCount; ++i) {
    uint8_t digest[32] = {uint8_t(i)};
    e[i] = from_big_endian(digest);
    nonces.draw(digest, entropy[i], 0, k[i]);
  }
  Attempt attempts[kCount];
  engine.sign(key, e, k, attempts);
  publish(attempts);
  for (const Attempt& made : attempts)
    if (made.refused || made.broken) return false;
  return true;
}

int leak() {
  Number k = {{5, 6, 7, 8}};
  hide(k);
  volatile uint64_t sink = 0;
  const Digits digits = recode(k, 256);  // of number.h: branches
  for (int i = 0; i < 16; ++i) sink = sink + kG.x.limb[digit(digits, i, 3).index];
  return 0;
}

int run(bool leaky) {
  if (leaky) return leak();
  const bool watched = RUNNING_ON_VALGRIND;  // it runs mulx, adcx and adox on any processor
  if (!watched) std::puts("not under valgrind: nothing is looked at");
  if (!sign(*portable_sign_engine())) return 1;
  const SignEngine* adx = watched || cpu().adx ? adx_sign_engine() : nullptr;
  if (adx && !sign(*adx)) return 1;
  std::puts(adx ? "portable, adx" : "portable");
  return 0;
}

}  // namespace
}  // namespace chengxin::sm2::impl

int main(int count, char** arguments) {
  return chengxin::sm2::impl::run(count > 1 && std::strcmp(arguments[1], "leaky") == 0);
}
