#include "sm2/sign.h"

#include <algorithm>

#include "base/check.h"
#include "base/cpu.h"
#include "sm2/impl/number.h"
#include "sm2/impl/own_key.h"
#include "sm2/impl/sign_engine.h"
#include "sm2/impl/sign_nonce.h"
#include "sm3/sm3.h"

namespace chengxin::sm2 {

struct Signer::Secret {
  const impl::SignEngine* engine;
  impl::SigningKey key;
  impl::NonceSource nonces;
  Point public_key;
  Digest z;  // for kDefaultId
  std::shared_ptr<impl::OwnKey> own;

  ~Secret() {
    impl::wipe(&key, sizeof key);
    impl::wipe(&nonces, sizeof nonces);
  }
  // Whether they are signatures of this key. Asked of the bytes that leave, so a fault anywhere before shows.
  bool hold(std::span<const Digest> digests, std::span<const Signature> made) const;
};

namespace {

constexpr size_t kChunk = 32;
// A refused nonce has a probability near 2^-254: more than one is a fault.
constexpr uint32_t kMostRefused = 3;

struct Engines {
  const impl::SignEngine* making;
  const impl::Engine* checking;
};
// The best that there are up to the path asked for: all give the same signatures.
Engines engines_of(Path path) {
  if (path == Path::ifma && cpu().ifma && impl::ifma_sign_engine())
    return {impl::ifma_sign_engine(), impl::ifma_engine()};
  if (path != Path::portable && cpu().adx && impl::adx_sign_engine())
    return {impl::adx_sign_engine(), impl::adx_engine()};
  return {impl::portable_sign_engine(), impl::portable_engine()};
}

}  // namespace

std::optional<Signer> Signer::from_scalar(ByteView scalar, Path path) {
  const Engines engines = engines_of(path);
  return from_scalar(scalar, *engines.making, *engines.checking);
}

std::optional<Signer> Signer::from_scalar(ByteView scalar, const impl::SignEngine& making,
                                          const impl::Engine& checking) {
  if (scalar.size() != 32) return std::nullopt;
  impl::Number d = impl::from_big_endian(scalar.data()), highest;
  impl::sub(highest, impl::kN, {{1, 0, 0, 0}});
  std::optional<Signer> signer;
  impl::Affine point;
  if (!impl::is_zero(d) && impl::less(d, highest) && making.multiply(d, point)) {
    Signer made;
    made.secret_.reset(
        new Secret{&making, impl::signing_key(d), impl::NonceSource(scalar.data()), {}, {}, {}});
    Point& key = made.secret_->public_key;
    key[0] = 4;
    impl::to_big_endian(point.x, key.data() + 1);
    impl::to_big_endian(point.y, key.data() + 33);
    made.secret_->z = *z_of(key);
    made.secret_->own = std::make_shared<impl::OwnKey>(checking, point);
    signer = std::move(made);
  }
  impl::wipe(&d, sizeof d);
  impl::wipe_stack();
  return signer;
}

Signer::Signer(const Signer& other) : secret_(new Secret(*other.secret_)) {}
Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer other) noexcept {
  secret_.swap(other.secret_);
  return *this;
}
Signer::~Signer() = default;

const Point& Signer::public_key() const { return secret_->public_key; }

bool Signer::sign_many(std::span<const Digest> digests, std::span<const Entropy> entropy,
                       std::span<Signature> out) const {
  CHECK(digests.size() == entropy.size() && digests.size() == out.size());
  const Secret& secret = *secret_;
  bool sound = true;
  impl::Number e[kChunk], nonces[kChunk];
  impl::Attempt attempts[kChunk];
  // A2 to A6 of GB/T 32918.2 section 6.1; what is refused goes again, by itself, with its next nonce.
  for (size_t at = 0; at < digests.size() && sound; at += kChunk) {
    const size_t count = std::min(kChunk, digests.size() - at);
    const auto draw = [&](size_t i, uint32_t refused) {
      return secret.nonces.draw(digests[at + i].data(), entropy[at + i].data(), refused);
    };
    for (size_t i = 0; i < count; ++i) {
      e[i] = impl::from_big_endian(digests[at + i].data());
      nonces[i] = draw(i, 0);
    }
    secret.engine->sign(secret.key, {e, count}, {nonces, count}, attempts);
    for (size_t i = 0; i < count && sound; ++i) {
      for (uint32_t refused = 1; attempts[i].refused && refused <= kMostRefused; ++refused) {
        nonces[i] = draw(i, refused);
        secret.engine->sign(secret.key, {e + i, 1}, {nonces + i, 1}, attempts + i);
      }
      sound = !attempts[i].refused && !attempts[i].broken;
      impl::to_big_endian(attempts[i].r, out[at + i].data());
      impl::to_big_endian(attempts[i].s, out[at + i].data() + 32);
    }
  }
  impl::wipe(nonces, sizeof nonces);
  impl::wipe(attempts, sizeof attempts);
  impl::wipe_stack();
  sound = sound && secret.hold(digests, out);
  if (!sound) std::ranges::fill(out, Signature{});
  return sound;
}

bool Signer::Secret::hold(std::span<const Digest> digests, std::span<const Signature> made) const {
  bool sound = true;
  impl::Question questions[impl::OwnKey::kTogether];
  for (size_t at = 0; at < made.size(); at += impl::OwnKey::kTogether) {
    const size_t count = std::min(impl::OwnKey::kTogether, made.size() - at);
    for (size_t i = 0; i < count; ++i) {
      questions[i].r = impl::from_big_endian(made[at + i].data());
      questions[i].s = impl::from_big_endian(made[at + i].data() + 32);
      questions[i].e = impl::from_big_endian(digests[at + i].data());
    }
    sound &= own->hold({questions, count});
  }
  return sound;
}

std::optional<Signature> Signer::sign(const Digest& e, const Entropy& entropy) const {
  Signature out;
  if (!sign_many({&e, 1}, {&entropy, 1}, {&out, 1})) return std::nullopt;
  return out;
}

std::optional<Signature> Signer::sign(ByteView message, const Entropy& entropy, std::string_view id) const {
  std::optional<Digest> z = id == kDefaultId ? secret_->z : z_of(secret_->public_key, id);
  if (!z) return std::nullopt;
  const sm3::Message whole{*z, message, {}};
  Digest e;
  sm3::hash_many({&whole, 1}, {&e, 1});
  return sign(e, entropy);
}

}  // namespace chengxin::sm2
