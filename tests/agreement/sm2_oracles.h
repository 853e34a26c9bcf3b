#pragma once
#include <cstdio>
#include <vector>

#include "sm2_cases.h"

// Two libraries that share no code with src/sm2, nor with each other, and what they say.
namespace chengxin::sm2::agreement {

// Tongsuo by EVP_PKEY_verify over the digest, on every core; a key that it does not import has signed
// nothing.
std::vector<uint8_t> ask_tongsuo(std::span<const Case> cases);
// The same through its generic curve arithmetic, without the code for this curve: the third voice where two
// differ.
bool ask_generic(const Case& one);

// gmsm (Go) as a child process that answers in batches: tests/oracle/gmsm/batch.go. With its code in Go only,
// or with that in assembly, which is three times as fast but refuses some keys that it should not (0.34.1:
// those whose x has long runs of zeros).
class Gmsm {
 public:
  explicit Gmsm(bool assembly);
  ~Gmsm();
  bool runs() const { return in_ && out_; }
  std::vector<uint8_t> verify(std::span<const Case> cases);
  std::vector<Signature> sign(std::span<const Number> secrets, std::span<const Digest> digests);
  std::vector<Digest> sm3(std::span<const Bytes> messages);  // all of the same size

 private:
  // Writes the records of one request while its answer is read.
  Bytes ask(uint8_t operation, size_t count, const Bytes& records, size_t answer_size);
  FILE* in_ = nullptr;
  FILE* out_ = nullptr;
  int child_ = -1;
};

Digest tongsuo_sm3(ByteView message);
// The EVP signature of a digest by Tongsuo.
Signature tongsuo_sign(const Number& secret, const Point& key, const Digest& e);

}  // namespace chengxin::sm2::agreement
