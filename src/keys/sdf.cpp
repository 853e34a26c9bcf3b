#include <cstring>

#include "base/check.h"
#include "keys/devices.h"
#include "keys/impl/coordinates.h"
#include "keys/impl/library.h"
#include "keys/impl/sdf.h"

namespace chengxin::keys {
namespace {

tl::unexpected<Error> told(std::string_view what, int code) {
  const std::string detail = fmt::format("{}: 0x{:08x}", what, unsigned(code));
  switch (code) {
    case sdf::kNotSupported:
    case sdf::kAlgorithm:
      return fail(Code::unsupported, "keys.unsupported", "{}", detail);
    case sdf::kCommunication:
    case sdf::kHardware:
      return fail(Code::unavailable, "keys.token_gone", "{}", detail);
    case sdf::kOpenDevice:
      return fail(Code::unavailable, "keys.no_device", "{}", detail);
    case sdf::kOpenSession:
      return tl::unexpected(Error{Code::busy, "keys.busy", detail, 1000});
    case sdf::kNoRight:
      return fail(Code::forbidden, "keys.locked", "{}", detail);
    case sdf::kNoKey:
      return fail(Code::not_found, "keys.not_found", "{}", detail);
    case sdf::kPassword:
      return fail(Code::forbidden, "keys.pin", "{}", detail);
    case sdf::kCipherData:
      return fail(Code::invalid_argument, "crypto.decrypt", "{}", detail);
    default:
      return fail(Code::unavailable, "keys.device", "{}", detail);
  }
}

Result<sdf::Functions> functions_of(const Library& library) {
  sdf::Functions out{};
  const auto all = [&](auto&&... each) {
    const char* missing = nullptr;
    ((library.find(each.first, *each.second) || (missing = each.first)), ...);
    return missing;
  };
  const char* missing =
      all(std::pair("SDF_OpenDevice", &out.open_device), std::pair("SDF_CloseDevice", &out.close_device),
          std::pair("SDF_OpenSession", &out.open_session), std::pair("SDF_CloseSession", &out.close_session),
          std::pair("SDF_GetDeviceInfo", &out.get_info), std::pair("SDF_GenerateRandom", &out.random),
          std::pair("SDF_GetPrivateKeyAccessRight", &out.get_right),
          std::pair("SDF_ReleasePrivateKeyAccessRight", &out.release_right),
          std::pair("SDF_ExportSignPublicKey_ECC", &out.export_sign_key),
          std::pair("SDF_ExportEncPublicKey_ECC", &out.export_encrypt_key),
          std::pair("SDF_InternalSign_ECC", &out.sign));
  if (missing) return library.lacks(missing);
  library.find("SDF_InternalDecrypt_ECC", out.decrypt);
  return out;
}

// An index has two key pairs: ids are "1" for the one that signs and "1e" for the one that decrypts.
struct Place {
  uint32_t index = 0;
  bool encrypts = false;
};
std::optional<Place> place_of(const std::string& id) {
  Place out;
  size_t digits = 0;
  while (digits < id.size() && id[digits] >= '0' && id[digits] <= '9' && digits < 6)
    out.index = out.index * 10 + uint32_t(id[digits++] - '0');
  out.encrypts = digits + 1 == id.size() && id[digits] == 'e';
  if (digits == 0 || (digits != id.size() && !out.encrypts)) return std::nullopt;
  return out;
}

class Sdf final : public Provider {
 public:
  Sdf(Library library, sdf::Functions functions, std::vector<uint32_t> indices)
      : library_(std::move(library)), call_(functions), indices_(std::move(indices)) {}
  ~Sdf() override {
    lock();
    if (session_) call_.close_session(session_);
    if (device_) call_.close_device(device_);
  }
  Status open() {
    if (int code = call_.open_device(&device_)) return told("SDF_OpenDevice", code);
    if (int code = call_.open_session(device_, &session_)) {
      session_ = nullptr;
      return told("SDF_OpenSession", code);
    }
    return {};
  }

  Result<Info> info() override {
    sdf::DeviceInfo raw{};
    if (int code = call_.get_info(session_, &raw)) return told("SDF_GetDeviceInfo", code);
    const auto text_of = [](const uint8_t* at, size_t size) {
      return std::string(reinterpret_cast<const char*>(at),
                         ::strnlen(reinterpret_cast<const char*>(at), size));
    };
    Info out{.kind = "sdf",
             .name = text_of(raw.name, sizeof raw.name),
             .maker = text_of(raw.issuer, sizeof raw.issuer)};
    out.serial = text_of(raw.serial, sizeof raw.serial);
    out.version = fmt::format("{:x}", raw.version);
    out.algorithms = {Algorithm::sm2};
    out.decrypts = call_.decrypt != nullptr;
    return out;
  }
  Status unlock(ByteView pin) override {
    crypto::Secret own = crypto::to_secret(pin);
    bool any = false;
    for (uint32_t index : indices_) {
      const int code = call_.get_right(session_, index, own.data(), uint32_t(own.size()));
      if (code == sdf::kNoKey) continue;
      if (code) return told("SDF_GetPrivateKeyAccessRight", code);  // at the first refusal: tries are counted
      unlocked_.push_back(index);
      any = true;
    }
    return any ? Status() : Status(no_key("none at the configured indices"));
  }
  void lock() override {
    for (uint32_t index : unlocked_) call_.release_right(session_, index);
    unlocked_.clear();
  }
  Result<std::vector<Key>> list() override {
    std::vector<Key> out;
    for (uint32_t index : indices_)
      for (bool encrypts : {false, true}) {
        sdf::PublicKey raw{};
        const int code = (encrypts ? call_.export_encrypt_key : call_.export_sign_key)(session_, index, &raw);
        if (code == sdf::kNoKey) continue;
        if (code) return told("SDF_ExportPublicKey_ECC", code);
        Key key{.id = std::to_string(index) + (encrypts ? "e" : "")};
        ASSIGN(key.public_key, point_of(raw.x, raw.y));
        out.push_back(std::move(key));
      }
    return out;
  }
  Result<std::vector<crypto::Sm2Signature>> sign(const std::string& id,
                                                 std::span<const Digest> digests) override {
    const auto place = place_of(id);
    if (!place || place->encrypts) return no_key(id);
    std::vector<crypto::Sm2Signature> out;
    for (Digest e : digests) {
      sdf::Signature raw{};
      if (int code = call_.sign(session_, place->index, e.data(), uint32_t(e.size()), &raw))
        return told("SDF_InternalSign_ECC", code);
      ASSIGN(auto pair, signature_of(raw.r, raw.s));
      out.push_back(pair);
    }
    return out;
  }
  Result<Bytes> random(size_t count) override {
    Bytes out(count);
    if (int code = call_.random(session_, uint32_t(count), out.data()))
      return told("SDF_GenerateRandom", code);
    return out;
  }
  Result<crypto::Secret> decrypt(const std::string& id, ByteView cipher) override {
    const auto place = place_of(id);
    if (!place) return no_key(id);
    if (!call_.decrypt || !place->encrypts) return unsupported("this key, or this library, does not decrypt");
    ASSIGN(auto parts, cipher_parts(cipher));
    Bytes memory(sizeof(sdf::Cipher) + parts.c2.size());
    auto* raw = reinterpret_cast<sdf::Cipher*>(memory.data());
    put_right(raw->x, parts.x);
    put_right(raw->y, parts.y);
    std::memcpy(raw->hash, parts.c3.data(), parts.c3.size());
    raw->length = uint32_t(parts.c2.size());
    std::memcpy(raw->c, parts.c2.data(), parts.c2.size());
    crypto::Secret out(parts.c2.size());
    uint32_t length = uint32_t(out.size());
    if (int code = call_.decrypt(session_, place->index, raw, out.data(), &length))
      return told("SDF_InternalDecrypt_ECC", code);
    if (length > out.size()) return told("SDF_InternalDecrypt_ECC", -1);
    out.resize(length);
    return out;
  }

 private:
  Library library_;
  const sdf::Functions call_;
  const std::vector<uint32_t> indices_;
  std::vector<uint32_t> unlocked_;
  void *device_ = nullptr, *session_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<Provider>> open_sdf(const SdfOptions& options) {
  ASSIGN(Library library, Library::load(options.library));
  ASSIGN(const sdf::Functions functions, functions_of(library));
  std::vector<uint32_t> indices = options.indices;
  for (uint32_t index = 1; options.indices.empty() && index <= 16; ++index) indices.push_back(index);
  auto out = std::make_unique<Sdf>(std::move(library), functions, std::move(indices));
  TRY(out->open());
  return out;
}

}  // namespace chengxin::keys
