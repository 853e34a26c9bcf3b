#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <memory>

#include "base/bytes.h"

// Tongsuo's objects as owning pointers, and what its error queue has to say.
namespace chengxin::crypto::tongsuo {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <typename T, auto Free>
using Ptr = std::unique_ptr<T, Deleter<Free>>;

using Bignum = Ptr<BIGNUM, BN_clear_free>;
using BignumContext = Ptr<BN_CTX, BN_CTX_free>;
using Point = Ptr<EC_POINT, EC_POINT_clear_free>;
using Key = Ptr<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Ptr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using CipherContext = Ptr<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using DigestContext = Ptr<EVP_MD_CTX, EVP_MD_CTX_free>;
using Bio = Ptr<BIO, BIO_free_all>;

// sm2p256v1, GB/T 32918.5. Made once, never freed.
const EC_GROUP* curve();
const BIGNUM* order();

// The oldest message of this thread's error queue, which is emptied; "" when there is none.
std::string last_error();

inline tl::unexpected<Error> failed(Code code, std::string_view reason) {
  return tl::unexpected(Error{code, std::string(reason), last_error()});
}

// A read-only stream over `bytes`, which must outlive it; and what was written to a memory stream.
Bio reader(ByteView bytes);
Bio writer();
ByteView written(const Bio& bio);

// DER of an object, by its i2d function; empty when it cannot be encoded.
template <auto ToDer, typename T>
Bytes der(T* object) {
  int size = ToDer(object, nullptr);
  if (size <= 0) return {};
  Bytes out(static_cast<size_t>(size));
  uint8_t* at = out.data();
  ToDer(object, &at);
  return out;
}

// The object whose DER is exactly `bytes`, by its d2i function; null when malformed or followed by anything.
template <typename Pointer, auto FromDer>
Pointer parse(ByteView bytes) {
  if (bytes.empty() || bytes.size() > (64u << 20)) return nullptr;
  const uint8_t* at = bytes.data();
  Pointer object(FromDer(nullptr, &at, long(bytes.size())));
  if (at != bytes.data() + bytes.size()) return nullptr;
  return object;
}

}  // namespace chengxin::crypto::tongsuo
