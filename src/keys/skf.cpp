#include <cstring>

#include "keys/devices.h"
#include "keys/impl/coordinates.h"
#include "keys/impl/library.h"
#include "keys/impl/skf.h"

namespace chengxin::keys {
namespace {

tl::unexpected<Error> told(std::string_view what, uint32_t code) {
  const std::string detail = fmt::format("{}: 0x{:08X}", what, code);
  switch (code) {
    case skf::kNotSupported:
      return fail(Code::unsupported, "keys.unsupported", "{}", detail);
    case skf::kDeviceRemoved:
    case skf::kInvalidHandle:
      return fail(Code::unavailable, "keys.token_gone", "{}", detail);
    case skf::kTimeout:
      return fail(Code::unavailable, "keys.timeout", "{}", detail);
    case skf::kPinIncorrect:
    case skf::kPinInvalid:
    case skf::kPinLength:
      return fail(Code::forbidden, "keys.pin", "{}", detail);
    case skf::kPinLocked:
      return fail(Code::forbidden, "keys.pin_locked", "{}", detail);
    case skf::kNotLoggedIn:
      return fail(Code::forbidden, "keys.locked", "{}", detail);
    case skf::kNoApplication:
      return fail(Code::not_found, "keys.no_application", "{}", detail);
    case skf::kKeyNotFound:
    case skf::kFileNotFound:
      return fail(Code::not_found, "keys.not_found", "{}", detail);
    case skf::kFileExists:
      return fail(Code::conflict, "keys.exists", "{}", detail);
    case skf::kNoRoom:
    case skf::kMostContainers:
      return fail(Code::unavailable, "keys.full", "{}", detail);
    default:
      return fail(Code::unavailable, "keys.device", "{}", detail);
  }
}

Result<skf::Functions> functions_of(const Library& library) {
  skf::Functions out{};
  const auto all = [&](auto&&... each) {
    const char* missing = nullptr;
    ((library.find(each.first, *each.second) || (missing = each.first)), ...);
    return missing;
  };
  const char* missing = all(
      std::pair("SKF_EnumDev", &out.enumerate_devices), std::pair("SKF_ConnectDev", &out.connect),
      std::pair("SKF_DisConnectDev", &out.disconnect), std::pair("SKF_GetDevInfo", &out.get_info),
      std::pair("SKF_EnumApplication", &out.enumerate_applications),
      std::pair("SKF_OpenApplication", &out.open_application),
      std::pair("SKF_CloseApplication", &out.close_application), std::pair("SKF_VerifyPIN", &out.verify_pin),
      std::pair("SKF_ClearSecureState", &out.clear_secure_state),
      std::pair("SKF_EnumContainer", &out.enumerate_containers),
      std::pair("SKF_CreateContainer", &out.create_container),
      std::pair("SKF_DeleteContainer", &out.delete_container),
      std::pair("SKF_OpenContainer", &out.open_container),
      std::pair("SKF_CloseContainer", &out.close_container), std::pair("SKF_GenECCKeyPair", &out.generate),
      std::pair("SKF_ExportPublicKey", &out.export_key), std::pair("SKF_ECCSignData", &out.sign),
      std::pair("SKF_GenRandom", &out.random));
  if (missing) return library.lacks(missing);
  return out;
}

// Names, each ended by a zero, and one zero more (7.1.3).
template <typename Enumerate>
Result<std::vector<std::string>> names_of(std::string_view what, Enumerate enumerate) {
  uint32_t size = 0;
  if (uint32_t code = enumerate(nullptr, &size)) return told(what, code);
  if (size > (1 << 20)) return told(what, 1);
  std::vector<char> raw(size + 2, 0);
  if (uint32_t code = enumerate(raw.data(), &size)) return told(what, code);
  std::vector<std::string> out;
  for (const char* at = raw.data(); *at && at < raw.data() + raw.size() - 1; at += std::strlen(at) + 1)
    out.emplace_back(at);
  return out;
}

class Skf final : public Provider {
 public:
  Skf(Library library, skf::Functions functions) : library_(std::move(library)), call_(functions) {}
  ~Skf() override {
    if (application_) call_.close_application(application_);
    if (device_) call_.disconnect(device_);
  }
  Status open(SkfOptions options) {
    if (options.device.empty()) {
      ASSIGN(auto devices, names_of("SKF_EnumDev", [&](char* out, uint32_t* size) {
               return call_.enumerate_devices(1, out, size);
             }));
      if (devices.empty()) return fail(Code::unavailable, "keys.no_device", "no UKey is plugged in");
      options.device = devices[0];
    }
    if (uint32_t code = call_.connect(options.device.c_str(), &device_)) {
      device_ = nullptr;
      return code == skf::kDeviceRemoved ? fail(Code::unavailable, "keys.no_device", "{}", options.device)
                                         : told("SKF_ConnectDev", code);
    }
    if (options.application.empty()) {
      ASSIGN(auto applications, names_of("SKF_EnumApplication", [&](char* out, uint32_t* size) {
               return call_.enumerate_applications(device_, out, size);
             }));
      if (applications.empty()) return fail(Code::not_found, "keys.no_application", "the UKey has none");
      options.application = applications[0];
    }
    if (uint32_t code = call_.open_application(device_, options.application.c_str(), &application_)) {
      application_ = nullptr;
      return told("SKF_OpenApplication", code);
    }
    return {};
  }

  Result<Info> info() override {
    skf::DeviceInfo raw{};
    if (uint32_t code = call_.get_info(device_, &raw)) return told("SKF_GetDevInfo", code);
    const auto text_of = [](const char* at, size_t size) { return std::string(at, ::strnlen(at, size)); };
    Info out{.kind = "skf",
             .name = text_of(raw.label, sizeof raw.label),
             .maker = text_of(raw.maker, sizeof raw.maker)};
    out.serial = text_of(raw.serial, sizeof raw.serial);
    out.version = fmt::format("{}.{}", raw.firmware.major, raw.firmware.minor);
    out.algorithms = {Algorithm::sm2};
    out.generates = out.destroys = true;
    return out;
  }
  Status unlock(ByteView pin) override {
    crypto::Secret own = crypto::to_secret(pin);
    own.push_back(0);
    if (std::memchr(own.data(), 0, own.size() - 1))
      return fail(Code::invalid_argument, "keys.pin", "a PIN holds no zero byte");
    uint32_t left = 0;
    const uint32_t code =
        call_.verify_pin(application_, skf::kUser, reinterpret_cast<const char*>(own.data()), &left);
    if (code == skf::kPinIncorrect)
      return fail(Code::forbidden, "keys.pin", "{} tries are left, then the UKey locks itself", left);
    return code ? Status(told("SKF_VerifyPIN", code)) : Status();
  }
  void lock() override { call_.clear_secure_state(application_); }

  Result<std::vector<Key>> list() override {
    ASSIGN(auto names, names_of("SKF_EnumContainer", [&](char* out, uint32_t* size) {
             return call_.enumerate_containers(application_, out, size);
           }));
    std::vector<Key> out;
    for (std::string& name : names) {
      ASSIGN(const Container container, open_container(name));
      skf::PublicKeyBlob raw{};
      uint32_t size = sizeof raw;
      const uint32_t code = call_.export_key(container.handle, 1, reinterpret_cast<uint8_t*>(&raw), &size);
      if (code == skf::kKeyNotFound) continue;  // a container without a signing key
      if (code) return told("SKF_ExportPublicKey", code);
      Key key{.id = std::move(name)};
      ASSIGN(key.public_key, point_of(raw.x, raw.y));
      out.push_back(std::move(key));
    }
    return out;
  }
  Result<std::vector<crypto::Sm2Signature>> sign(const std::string& id,
                                                 std::span<const Digest> digests) override {
    ASSIGN(const Container container, open_container(id));
    std::vector<crypto::Sm2Signature> out;
    for (Digest e : digests) {
      skf::SignatureBlob raw{};
      if (uint32_t code = call_.sign(container.handle, e.data(), uint32_t(e.size()), &raw))
        return told("SKF_ECCSignData", code);
      ASSIGN(auto pair, signature_of(raw.r, raw.s));
      out.push_back(pair);
    }
    return out;
  }
  Result<Bytes> random(size_t count) override {
    Bytes out(count);
    if (uint32_t code = call_.random(device_, out.data(), uint32_t(count)))
      return told("SKF_GenRandom", code);
    return out;
  }
  Result<Key> generate(const std::string& id, Algorithm algorithm) override {
    TRY(check_id(id));
    if (algorithm != Algorithm::sm2) return unsupported("a UKey by SKF makes SM2 keys");
    Container container(call_);
    if (uint32_t code = call_.create_container(application_, id.c_str(), &container.handle))
      return told("SKF_CreateContainer", code);
    skf::PublicKeyBlob raw{};
    if (uint32_t code = call_.generate(container.handle, skf::kSm2Sign, &raw)) {
      auto error = told("SKF_GenECCKeyPair", code);
      call_.delete_container(application_, id.c_str());  // nothing half made stays
      return error;
    }
    Key out{.id = id};
    ASSIGN(out.public_key, point_of(raw.x, raw.y));
    return out;
  }
  Status destroy(const std::string& id) override {
    const uint32_t code = call_.delete_container(application_, id.c_str());
    return code ? Status(told("SKF_DeleteContainer", code)) : Status();
  }

 private:
  struct Container {
    const skf::Functions& call;
    void* handle = nullptr;
    explicit Container(const skf::Functions& functions) : call(functions) {}
    Container(Container&& other) noexcept : call(other.call), handle(std::exchange(other.handle, nullptr)) {}
    ~Container() {
      if (handle) call.close_container(handle);
    }
  };
  Result<Container> open_container(const std::string& id) {
    Container out(call_);
    if (uint32_t code = call_.open_container(application_, id.c_str(), &out.handle)) {
      out.handle = nullptr;
      return told("SKF_OpenContainer", code);
    }
    return out;
  }

  Library library_;
  const skf::Functions call_;
  void *device_ = nullptr, *application_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<Provider>> open_skf(const SkfOptions& options) {
  ASSIGN(Library library, Library::load(options.library));
  ASSIGN(const skf::Functions functions, functions_of(library));
  auto out = std::make_unique<Skf>(std::move(library), functions);
  TRY(out->open(options));
  return out;
}

}  // namespace chengxin::keys
