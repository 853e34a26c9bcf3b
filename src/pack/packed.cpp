#include "crypto/sm3.h"
#include "pack/files.h"

namespace chengxin::pack {
namespace {

constexpr std::string_view kMagic = "CXPACK";
constexpr uint16_t kForm = 1;
// What is signed begins with this, so that no signature over anything else is one of a pack.
constexpr std::string_view kContext = "chengxin pack archive 1\n";

Bytes signed_bytes(const Digest& digest) {
  Bytes out = to_bytes(view(kContext));
  append(out, digest);
  return out;
}

}  // namespace

Result<Bytes> write_packed(const project::Files& content, const crypto::Sm2PrivateKey* key) {
  ASSIGN(const Bytes archive, project::pack(content));
  Bytes out = to_bytes(view(kMagic));
  put_be(out, kForm);
  put_sized(out, archive);
  out.push_back(key ? 1 : 0);
  if (!key) return out;
  append(out, key->public_key().point());
  ASSIGN(const auto signature, key->sign(signed_bytes(crypto::sm3(archive))));
  append(out, signature);
  return out;
}

Result<Packed> open_packed(ByteView bytes) {
  Reader in(bytes);
  if (text(in.take(kMagic.size())) != kMagic) return fail(Code::invalid_argument, "pack.packed");
  if (in.be<uint16_t>() != kForm) return fail(Code::unsupported, "pack.packed", "another form than 1");
  const ByteView archive = in.take_sized();
  const uint8_t signatures = in.be<uint8_t>();
  Packed out;
  out.digest = crypto::sm3(archive);
  if (signatures == 1) {
    const ByteView point = in.take(sizeof(crypto::Sm2Point));
    const ByteView signature = in.take(sizeof(crypto::Sm2Signature));
    if (!in.done()) return fail(Code::invalid_argument, "pack.packed", "its length");
    ASSIGN(const auto key, crypto::Sm2PublicKey::from_point(point));
    if (!key.verify(signed_bytes(out.digest), signature)) return fail(Code::data_loss, "pack.signature");
    out.signer = key;
  }
  if (signatures > 1 || !in.done()) return fail(Code::invalid_argument, "pack.packed", "its length");
  ASSIGN(out.content, project::unpack(archive));
  return out;
}

Status demand_signer(const Packed& packed, std::span<const crypto::Sm2PublicKey> signers) {
  if (!packed.signer) return fail(Code::forbidden, "pack.unsigned");
  for (const crypto::Sm2PublicKey& each : signers)
    if (each.point() == packed.signer->point()) return {};
  return fail(Code::forbidden, "pack.signer", "{}", hex(packed.signer->point()));
}

Status demand_version(Version offered, Version installed) {
  if (offered >= installed) return {};
  return fail(Code::conflict, "pack.downgrade", "{} < {}", fmt::join(offered, "."),
              fmt::join(installed, "."));
}

}  // namespace chengxin::pack
