#include "sm2/sign.h"

#include <algorithm>

#include "base/check.h"
#include "sm2/impl/number.h"
#include "sm2/impl/order.h"
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
  // What is secret happens in these two, in a frame below that of who calls; who calls then wipes the stack.
  [[gnu::noinline]] bool take(const uint8_t* scalar, impl::Affine& point);  // whether it is 1 … n-2
  [[gnu::noinline]] bool make(std::span<const Digest> digests, std::span<const Entropy> entropy,
                              std::span<Signature> out) const;
  // Whether they are signatures of this key. Asked of the bytes that leave, so a fault anywhere before shows.
  bool hold(std::span<const Digest> digests, std::span<const Signature> made) const;
};

namespace {

constexpr size_t kChunk = 32;
// A refused nonce has a probability near 2^-254: more than one is a fault.
constexpr uint32_t kMostRefused = 3;

}  // namespace

std::optional<Signer> Signer::from_scalar(ByteView scalar, Path path) {
  CHECK(available(path));
  return from_scalar(scalar, *impl::sign_engine_of(path), *impl::engine_of(path));
}

std::optional<Signer> Signer::from_scalar(ByteView scalar, const impl::SignEngine& making,
                                          const impl::Engine& checking) {
  if (scalar.size() != 32) return std::nullopt;
  Signer made;
  made.secret_.reset(new Secret{&making, {}, {}, {}, {}, {}});
  Secret& secret = *made.secret_;
  impl::Affine point;
  const bool taken = secret.take(scalar.data(), point);
  impl::wipe_stack();
  if (!taken) return std::nullopt;
  secret.public_key[0] = 4;
  impl::to_big_endian(point.x, secret.public_key.data() + 1);
  impl::to_big_endian(point.y, secret.public_key.data() + 33);
  secret.z = *z_of(secret.public_key);
  secret.own = std::make_shared<impl::OwnKey>(checking, point);
  return made;
}

bool Signer::Secret::take(const uint8_t* scalar, impl::Affine& point) {
  const impl::Number d = impl::from_big_endian(scalar);
  impl::Number highest, ignored;
  impl::sub(highest, impl::kN, impl::order::kOne);
  const uint64_t below = impl::order::subtract(ignored, d, highest);
  if (!(below & ~impl::order::is_zero(d)) || !engine->multiply(d, point)) return false;
  key = impl::signing_key(d);
  nonces = impl::NonceSource(scalar);
  return true;
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
  bool sound = secret_->make(digests, entropy, out);
  impl::wipe_stack();
  sound = sound && secret_->hold(digests, out);
  if (!sound) std::ranges::fill(out, Signature{});
  return sound;
}

// A2 to A6 of GB/T 32918.2 section 6.1; what is refused goes again, by itself, with its next nonce.
bool Signer::Secret::make(std::span<const Digest> digests, std::span<const Entropy> entropy,
                          std::span<Signature> out) const {
  bool sound = true;
  impl::Number e[kChunk], k[kChunk];
  impl::Attempt attempts[kChunk];
  for (size_t at = 0; at < digests.size() && sound; at += kChunk) {
    const size_t count = std::min(kChunk, digests.size() - at);
    const auto draw = [&](size_t i, uint32_t refused) {
      nonces.draw(digests[at + i].data(), entropy[at + i].data(), refused, k[i]);
    };
    for (size_t i = 0; i < count; ++i) {
      e[i] = impl::from_big_endian(digests[at + i].data());
      draw(i, 0);
    }
    engine->sign(key, {e, count}, {k, count}, attempts);
    for (size_t i = 0; i < count && sound; ++i) {
      for (uint32_t refused = 1; attempts[i].refused && refused <= kMostRefused; ++refused) {
        draw(i, refused);
        engine->sign(key, {e + i, 1}, {k + i, 1}, attempts + i);
      }
      sound = !attempts[i].refused && !attempts[i].broken;
      impl::to_big_endian(attempts[i].r, out[at + i].data());
      impl::to_big_endian(attempts[i].s, out[at + i].data() + 32);
    }
  }
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

bool Signer::sign_many(std::span<const ByteView> messages, std::span<const Entropy> entropy,
                       std::span<Signature> out, std::string_view id) const {
  const std::optional<Digest> z = id == kDefaultId ? secret_->z : z_of(secret_->public_key, id);
  if (!z) return false;
  std::vector<sm3::Message> whole;
  for (const ByteView message : messages) whole.push_back({*z, message, {}});
  std::vector<Digest> digests(whole.size());
  sm3::hash_many(whole, digests);
  return sign_many(digests, entropy, out);
}

std::optional<Signature> Signer::sign(ByteView message, const Entropy& entropy, std::string_view id) const {
  Signature out;
  if (!sign_many({&message, 1}, {&entropy, 1}, {&out, 1}, id)) return std::nullopt;
  return out;
}

}  // namespace chengxin::sm2
