#pragma once
#include "crypto/sm2.h"

// A key pair on its way to its holder: SM2EnvelopedKey of GB/T 35276-2017 section 7.4 (GM/T 0009), which
// tokens import too (GM/T 0016, ENVELOPEDKEYBLOB). The private key is hidden by a fresh SM4 key, that one by
// the holder's SM2 key. It is not signed: that the key is the right one is seen by the public key, which the
// authority's certificate names.
namespace chengxin::crypto {

Result<Bytes> envelop_key(const Sm2PrivateKey& key, const Sm2PublicKey& holder);

// crypto.enveloped_key (not of this form, or private and public key do not belong together), crypto.decrypt
// (not for this holder, or damaged).
Result<Sm2PrivateKey> open_enveloped_key(ByteView der, const Sm2PrivateKey& holder);

}  // namespace chengxin::crypto
