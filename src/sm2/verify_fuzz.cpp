#include <memory>

#include "base/check.h"
#include "sm2/impl/number.h"
#include "sm2/sign.h"

// All paths give the same verdicts, with and without tables. The input is a row of records: a byte, then
// either a key, a signature and a digest as they are (161 bytes), or, when the byte is odd, three scalars
// from which a signature that holds is made (96 bytes). Further bits of the byte choose a small key, and bend
// the digest.
using namespace chengxin;
using namespace chengxin::sm2;
using impl::Number;

namespace {

struct Record {
  Point key{};
  Signature signature{};
  Digest e{};
  bool holds = false;  // it was made so
};

bool made(Reader& in, uint8_t kind, Record& out) {
  Number secret = impl::from_big_endian(in.digest().data());
  const auto s = impl::from_big_endian(in.digest().data()), t = impl::from_big_endian(in.digest().data());
  if (!in.ok() || !impl::is_scalar(s) || !impl::is_scalar(t)) return false;
  if (kind & 2) secret = {{secret.limb[0] & 0xffff, 0, 0, 0}};  // a small multiple of G
  Digest bytes;
  impl::to_big_endian(secret, bytes.data());
  const auto holder = Signer::from_scalar(bytes, Path::portable);
  if (!holder) return false;
  // k = s + t·d, one bit of t at a time.
  Number k = s, power = impl::mod_n(secret);
  for (int bit = 0; bit < 256; ++bit, power = impl::add_mod_n(power, power))
    if (t.limb[bit / 64] >> bit % 64 & 1) k = impl::add_mod_n(k, power);
  impl::to_big_endian(k, bytes.data());
  const auto nonce = Signer::from_scalar(bytes, Path::portable);
  const Number r = impl::sub_mod_n(t, s);
  if (!nonce || impl::is_zero(r)) return false;
  const Number x = impl::mod_n(impl::from_big_endian(nonce->public_key().data() + 1));
  out.key = holder->public_key();
  impl::to_big_endian(r, out.signature.data());
  impl::to_big_endian(s, out.signature.data() + 32);
  impl::to_big_endian(impl::sub_mod_n(r, x), out.e.data());
  out.holds = true;
  if (kind & 4) {
    out.e[kind >> 3] ^= 0x10;
    out.holds = false;
  }
  return true;
}

using Verifiers = std::vector<std::unique_ptr<Verifier>>;
const Verifiers& verifiers() {
  static const Verifiers all = [] {
    Verifiers out;
    for (Path path : kPaths)
      if (available(path))
        for (size_t bytes :
             {size_t(0), size_t(4) << 20})  // without tables; with so few that they are evicted
          out.push_back(std::make_unique<Verifier>(VerifierOptions{path, bytes, 1, 3, false}));
    return out;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Reader in({data, size});
  std::vector<Record> records;
  while (!in.done() && in.ok() && records.size() < 20) {
    Record one;
    const auto kind = in.be<uint8_t>();
    if (kind & 1) {
      if (made(in, kind, one)) records.push_back(one);
    } else {
      one.key = in.array<65>();
      one.signature = in.array<64>();
      one.e = in.digest();
      if (in.ok()) records.push_back(one);
    }
  }
  std::vector<DigestCheck> checks;
  for (const Record& one : records) checks.push_back({&one.key, &one.signature, one.e});
  std::vector<uint8_t> first(checks.size()), verdicts(checks.size());
  verifiers().front()->verify(checks, first);
  for (size_t i = 0; i < records.size(); ++i) CHECK(!records[i].holds || first[i]);
  for (const auto& verifier : verifiers())
    for (int round = 0; round < 2; ++round) {  // the second time with the tables that fell due
      verifier->verify(checks, verdicts);
      CHECK(verdicts == first);
      verifier->build_tables(4);
    }
  return 0;
}
