#include "sm2_oracles.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <thread>

#include "base/check.h"
#include "crypto/impl/tongsuo.h"

namespace chengxin::sm2::agreement {
namespace {

using namespace crypto::tongsuo;
using Pair = Ptr<ECDSA_SIG, ECDSA_SIG_free>;

Key import(const sm2::Point& point, const Number* secret = nullptr) {
  Ptr<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  Bignum number;
  if (secret) {
    number.reset(BN_bin2bn(secret->data(), 32, nullptr));
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get());
  }
  Ptr<OSSL_PARAM, OSSL_PARAM_free> params(OSSL_PARAM_BLD_to_param(builder.get()));
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr));
  EVP_PKEY* key = nullptr;
  CHECK(params && context && EVP_PKEY_fromdata_init(context.get()) == 1);
  const int selection = secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
  if (EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) != 1) {
    (void)last_error();  // empties the queue
    return nullptr;
  }
  return Key(key);
}

// Verifying contexts of the keys that a thread has met; null for what is no key.
class Known {
 public:
  EVP_PKEY_CTX* context(const sm2::Point& point) {
    if (known_.size() > 2000) known_.clear();
    auto [at, fresh] = known_.try_emplace(point);
    // Only the uncompressed form of 65 bytes is a key here; Tongsuo would also take 06 and 07 (hybrid).
    if (fresh && point[0] == 4)
      if (Key key = import(point)) {
        at->second.reset(EVP_PKEY_CTX_new(key.get(), nullptr));
        CHECK(EVP_PKEY_verify_init(at->second.get()) == 1);
      }
    return at->second.get();
  }

 private:
  std::map<sm2::Point, KeyContext> known_;
};

bool tongsuo_holds(Known& known, const Case& one) {
  EVP_PKEY_CTX* context = known.context(one.key);
  if (!context) return false;
  Pair pair(ECDSA_SIG_new());
  ECDSA_SIG_set0(pair.get(), BN_bin2bn(one.signature.data(), 32, nullptr),
                 BN_bin2bn(one.signature.data() + 32, 32, nullptr));
  const Bytes encoded = der<i2d_ECDSA_SIG>(pair.get());
  const bool holds =
      EVP_PKEY_verify(context, encoded.data(), encoded.size(), one.e.data(), one.e.size()) == 1;
  if (!holds) (void)last_error();
  return holds;
}

template <typename Work>
void on_every_core(size_t count, Work&& work) {
  const size_t threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> running;
  for (size_t t = 0; t < threads; ++t)
    running.emplace_back([&, t] { work(count * t / threads, count * (t + 1) / threads); });
  for (std::thread& thread : running) thread.join();
}

}  // namespace

std::vector<uint8_t> ask_tongsuo(std::span<const Case> cases) {
  std::vector<uint8_t> out(cases.size());
  on_every_core(cases.size(), [&](size_t from, size_t to) {
    Known known;
    for (size_t i = from; i < to; ++i) out[i] = tongsuo_holds(known, cases[i]);
  });
  return out;
}

bool ask_generic(const Case& one) {
  Bignum p(BN_new()), a(BN_new()), b(BN_new()), t(BN_new()), x(BN_new());
  BignumContext context(BN_CTX_new());
  EC_GROUP_get_curve(curve(), p.get(), a.get(), b.get(), context.get());
  Ptr<EC_GROUP, EC_GROUP_free> group(EC_GROUP_new_curve_GFp(p.get(), a.get(), b.get(), context.get()));
  crypto::tongsuo::Point base(EC_POINT_new(group.get())), key(EC_POINT_new(group.get())),
      out(EC_POINT_new(group.get()));
  auto decode = [&](const crypto::tongsuo::Point& to, const sm2::Point& from) {
    return from[0] == 4 &&
           EC_POINT_oct2point(group.get(), to.get(), from.data(), from.size(), context.get()) == 1;
  };
  CHECK(decode(base, generator()));
  if (!decode(key, one.key)) {
    (void)last_error();
    return false;
  }
  const Number r = one.r(), s = one.s(), total = plus(r, s);
  if (is_zero(r) || is_zero(s) || !less(r, order()) || !less(s, order()) || is_zero(total)) return false;
  // Two products and a sum, each by the ladder or window of the general code.
  BN_bin2bn(s.data(), 32, t.get());
  CHECK(EC_POINT_mul(group.get(), out.get(), nullptr, base.get(), t.get(), context.get()) == 1);
  BN_bin2bn(total.data(), 32, t.get());
  CHECK(EC_POINT_mul(group.get(), key.get(), nullptr, key.get(), t.get(), context.get()) == 1);
  CHECK(EC_POINT_add(group.get(), out.get(), out.get(), key.get(), context.get()) == 1);
  if (EC_POINT_is_at_infinity(group.get(), out.get())) return false;
  CHECK(EC_POINT_get_affine_coordinates(group.get(), out.get(), x.get(), nullptr, context.get()) == 1);
  Number x1;
  BN_bn2binpad(x.get(), x1.data(), 32);
  return plus(one.e, x1) == r;
}

Signature tongsuo_sign(const Number& secret, const sm2::Point& point, const Digest& e) {
  Key key = import(point, &secret);
  KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
  uint8_t encoded[80];
  size_t size = sizeof encoded;
  CHECK(EVP_PKEY_sign_init(context.get()) == 1 &&
        EVP_PKEY_sign(context.get(), encoded, &size, e.data(), e.size()) == 1);
  Pair pair = parse<Pair, d2i_ECDSA_SIG>({encoded, size});
  Signature out;
  CHECK(pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out.data(), 32) == 32 &&
        BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out.data() + 32, 32) == 32);
  return out;
}

Digest tongsuo_sm3(ByteView message) {
  Digest out;
  CHECK(EVP_Digest(message.data(), message.size(), out.data(), nullptr, EVP_sm3(), nullptr) == 1);
  return out;
}

Gmsm::Gmsm(bool assembly) {
  const std::string name = assembly ? "gmsm-oracle-assembly" : "gmsm-oracle-portable";
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string program = (here / name).string();
  const std::string build = fmt::format("cd '{}/tests/oracle/gmsm' && go build {} -o '{}' . 2>&1",
                                        CHENGXIN_SOURCE_DIR, assembly ? "" : "-tags purego", program);
  if (std::system(build.c_str()) != 0) return;
  signal(SIGPIPE, SIG_IGN);  // a dead oracle is an answer that is missing, not the end of the test
  int to[2], from[2];
  if (pipe(to) != 0 || pipe(from) != 0) return;
  child_ = fork();
  if (child_ == 0) {
    dup2(to[0], 0);
    dup2(from[1], 1);
    for (int fd : {to[0], to[1], from[0], from[1]}) close(fd);
    execl(program.c_str(), program.c_str(), "batch", nullptr);
    _exit(127);
  }
  close(to[0]);
  close(from[1]);
  in_ = fdopen(to[1], "w");
  out_ = fdopen(from[0], "r");
}

Gmsm::~Gmsm() {
  if (in_) fclose(in_);
  if (out_) fclose(out_);
  if (child_ > 0) waitpid(child_, nullptr, 0);
}

Bytes Gmsm::ask(uint8_t operation, size_t count, const Bytes& records, size_t answer_size) {
  Bytes head = {operation};
  put_be(head, uint32_t(count));
  put_be(head, uint32_t(count ? records.size() / count : 0));
  fwrite(head.data(), 1, head.size(), in_);
  fwrite(records.data(), 1, records.size(), in_);  // it reads the whole request before it answers
  fflush(in_);
  Bytes answer(count * answer_size);
  if (fread(answer.data(), 1, answer.size(), out_) != answer.size()) answer.clear();
  return answer;
}

std::vector<uint8_t> Gmsm::verify(std::span<const Case> cases) {
  Bytes records;
  records.reserve(cases.size() * 161);
  for (const Case& one : cases) {
    append(records, one.key);
    append(records, one.signature);
    append(records, one.e);
  }
  return ask('v', cases.size(), records, 1);
}

std::vector<Signature> Gmsm::sign(std::span<const Number> secrets, std::span<const Digest> digests) {
  Bytes records;
  for (size_t i = 0; i < secrets.size(); ++i) {
    append(records, secrets[i]);
    append(records, digests[i]);
  }
  const Bytes answer = ask('s', secrets.size(), records, 64);
  std::vector<Signature> out(answer.size() / 64);
  for (size_t i = 0; i < out.size(); ++i) std::copy_n(answer.begin() + long(64 * i), 64, out[i].begin());
  return out;
}

std::vector<Digest> Gmsm::sm3(std::span<const Bytes> messages) {
  Bytes records;
  for (const Bytes& message : messages) append(records, message);
  const Bytes answer = ask('h', messages.size(), records, 32);
  std::vector<Digest> out(answer.size() / 32);
  for (size_t i = 0; i < out.size(); ++i) std::copy_n(answer.begin() + long(32 * i), 32, out[i].begin());
  return out;
}

}  // namespace chengxin::sm2::agreement
