#pragma once
#include <memory>

#include "base/bytes.h"

// SHA-256 (FIPS 180-4), for further digests of evidence beside the SM3 one. Nothing on a chain is hashed with
// it.
namespace chengxin::crypto {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  Sha256& update(ByteView bytes);
  std::array<uint8_t, 32> finish();  // leaves the object ready for a new message

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chengxin::crypto
