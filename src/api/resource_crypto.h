#pragma once
#include "api/route.h"
#include "sm2/sm2.h"

namespace chengxin::api {

// One SM2 signature to be checked, as the API and `chengxin crypto verify --batch` write it:
//   key         the point, 65 bytes in hexadecimal or base64, or PEM
//   signature   DER, or r || s in 64 bytes, in hexadecimal or base64. 64 bytes that are DER to the last are
//               DER: of honest r || s, one in 2^47 looks so, as many as honest DER is 64 bytes long
//   message     base64; or message_hex; or digest: e = SM3(Z_A || M) in hexadecimal
//   id          the signer's, up to 8191 bytes; 1234567812345678 when left out
// A key that is no point of the curve, or numbers out of range, are no error: the signature does not hold.
struct SignatureItem {
  sm2::Point key{};
  sm2::Signature signature{};
  Bytes message;
  std::optional<Digest> digest;
  std::string id{sm2::kDefaultId};
};
// crypto.signature_item, with what is wrong in the detail. `further` is a member that the caller deals with
// in place of a message.
Result<SignatureItem> signature_item(const Json& json, std::string_view further = {});

// verdicts[i] for items[i], in one batch for messages and one for digests.
std::vector<uint8_t> verdicts_on(const sm2::Verifier& verifier, std::span<const SignatureItem> items);

Resource crypto_resource();  // checks many signatures at once
}  // namespace chengxin::api
