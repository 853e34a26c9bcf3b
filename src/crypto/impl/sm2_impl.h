#pragma once
#include "crypto/impl/tongsuo.h"
#include "crypto/secret.h"
#include "crypto/sm2.h"
#include "crypto/sm2_delegate.h"
#include "sm2/sign.h"

// What stands behind the keys of sm2.h, for the files of this module.
namespace chengxin::crypto {

struct Sm2PublicKey::Impl {
  tongsuo::Point point;
  tongsuo::Key key;  // for Tongsuo's encoders, CMS and X.509

  EVP_PKEY* pkey() const { return key.get(); }
};

struct Sm2PrivateKey::Impl {
  tongsuo::Key key;
  Secret scalar;  // 32 bytes, big-endian
  std::optional<sm2::Signer> signer;
  std::optional<Sm2Delegate> delegate;  // then the others are empty

  EVP_PKEY* pkey() const { return key.get(); }
  static Sm2PrivateKey make(const Sm2PublicKey& public_key, std::shared_ptr<const Impl> impl);
};

// GB/T 32918.2 5.5. The id is at most 8191 bytes, for its length in bits is written in two.
Result<Digest> sm2_z(const Sm2Point& point, std::string_view id);

// The key of a parsed structure when it is a valid SM2 public key, else crypto.public_key.
Result<Sm2PublicKey> sm2_public_key(const EVP_PKEY* key);

}  // namespace chengxin::crypto
