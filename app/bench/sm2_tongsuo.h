#pragma once
#include <memory>

#include "sm2/sm2.h"

// Tongsuo as a peer in this process, by the fastest means that it offers: contexts are made once for each
// key, and what is hashed goes to its block function directly.
namespace chengxin::app::bench {

class TongsuoKey {
 public:
  TongsuoKey(const sm2::Point& point, ByteView scalar);
  TongsuoKey(TongsuoKey&&) noexcept;
  ~TongsuoKey();
  bool verify(const Digest& e, const sm2::Signature& signature) const;  // EVP_PKEY_verify; DER included
  bool sign(const Digest& e) const;                                     // EVP_PKEY_sign

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ossl_sm3_block_data_order over whole blocks of 64 bytes, from the initial value.
void tongsuo_sm3_blocks(const uint8_t* blocks, size_t count, uint32_t out[8]);
std::string tongsuo_version();

}  // namespace chengxin::app::bench
