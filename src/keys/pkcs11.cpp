#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "keys/devices.h"
#include "keys/impl/coordinates.h"
#include "keys/impl/library.h"

namespace chengxin::keys {
namespace {

// DER of the object identifiers of P-256 (RFC 5480) and sm2p256v1 (GB/T 33560).
constexpr uint8_t kP256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr uint8_t kSm2[] = {0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d};

tl::unexpected<Error> told(std::string_view what, CK_RV code) {
  const std::string detail = fmt::format("{}: 0x{:08X}", what, code);
  switch (code) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
      return fail(Code::forbidden, "keys.pin", "{}", detail);
    case CKR_PIN_LOCKED:
      return fail(Code::forbidden, "keys.pin_locked", "{}", detail);
    case CKR_USER_NOT_LOGGED_IN:
      return fail(Code::forbidden, "keys.locked", "{}", detail);
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_DEVICE_REMOVED:
    case CKR_SESSION_HANDLE_INVALID:
      return fail(Code::unavailable, "keys.token_gone", "{}", detail);
    case CKR_SESSION_COUNT:
      return tl::unexpected(Error{Code::busy, "keys.busy", detail, 1000});
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_FUNCTION_NOT_SUPPORTED:
      return fail(Code::unsupported, "keys.unsupported", "{}", detail);
    case CKR_DEVICE_MEMORY:
      return fail(Code::unavailable, "keys.full", "{}", detail);
    default:
      return fail(Code::unavailable, "keys.device", "{}", detail);
  }
}

// A module is initialised once in a process, however many providers stand on it.
class Module {
 public:
  static Result<std::shared_ptr<Module>> of(const fs::path& path) {
    static std::mutex mutex;
    static std::map<fs::path, std::weak_ptr<Module>> open;
    std::lock_guard lock(mutex);
    if (auto there = open[path].lock()) return there;
    ASSIGN(Library library, Library::load(path));
    CK_RV (*list)(CK_FUNCTION_LIST_PTR_PTR) = nullptr;
    if (!library.find("C_GetFunctionList", list)) return library.lacks("C_GetFunctionList");
    auto out = std::make_shared<Module>(std::move(library));
    if (CK_RV code = list(&out->call)) return told("C_GetFunctionList", code);
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    const CK_RV code = out->call->C_Initialize(&arguments);
    if (code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED) return told("C_Initialize", code);
    out->ours_ = code == CKR_OK;
    open[path] = out;
    return out;
  }
  explicit Module(Library library) : library_(std::move(library)) {}
  ~Module() {
    if (ours_) call->C_Finalize(nullptr);
  }
  CK_FUNCTION_LIST_PTR call = nullptr;

 private:
  Library library_;
  bool ours_ = false;
};

std::string trimmed(const unsigned char* at, size_t size) {
  while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == 0)) --size;
  return {reinterpret_cast<const char*>(at), size};
}

CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, const void* at, size_t size) {
  return {type, const_cast<void*>(at), CK_ULONG(size)};
}

class Pkcs11 final : public Provider {
 public:
  Pkcs11(std::shared_ptr<Module> module, Pkcs11Options options)
      : module_(std::move(module)), call_(*module_->call), options_(std::move(options)) {}
  ~Pkcs11() override {
    if (session_) call_.C_CloseSession(session_);
  }
  Status open() {
    CK_ULONG count = 0;
    if (CK_RV code = call_.C_GetSlotList(CK_TRUE, nullptr, &count)) return told("C_GetSlotList", code);
    std::vector<CK_SLOT_ID> slots(count);
    if (CK_RV code = call_.C_GetSlotList(CK_TRUE, slots.data(), &count)) return told("C_GetSlotList", code);
    slots.resize(count);
    for (CK_SLOT_ID slot : slots) {
      CK_TOKEN_INFO info{};
      if (call_.C_GetTokenInfo(slot, &info) != CKR_OK || !(info.flags & CKF_TOKEN_INITIALIZED)) continue;
      if (!options_.token.empty() && trimmed(info.label, sizeof info.label) != options_.token) continue;
      slot_ = slot;
      const CK_RV code =
          call_.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session_);
      return code ? Status(told("C_OpenSession", code)) : Status();
    }
    return fail(Code::unavailable, "keys.no_device", "no token {}", options_.token);
  }

  Result<Info> info() override {
    CK_TOKEN_INFO raw{};
    if (CK_RV code = call_.C_GetTokenInfo(slot_, &raw)) return told("C_GetTokenInfo", code);
    Info out{.kind = "pkcs11", .name = trimmed(raw.label, sizeof raw.label)};
    out.maker = trimmed(raw.manufacturerID, sizeof raw.manufacturerID);
    out.serial = trimmed(raw.serialNumber, sizeof raw.serialNumber);
    out.version = fmt::format("{}.{}", raw.firmwareVersion.major, raw.firmwareVersion.minor);
    out.algorithms = {Algorithm::es256};
    if (options_.sm2_sign) out.algorithms.push_back(Algorithm::sm2);
    out.generates = out.destroys = true;
    return out;
  }
  Status unlock(ByteView pin) override {
    crypto::Secret own = crypto::to_secret(pin);
    const CK_RV code = call_.C_Login(session_, CKU_USER, own.data(), own.size());
    if (code == CKR_PIN_INCORRECT || code == CKR_PIN_LOCKED) {
      CK_TOKEN_INFO raw{};
      const bool last = call_.C_GetTokenInfo(slot_, &raw) == CKR_OK && (raw.flags & CKF_USER_PIN_FINAL_TRY);
      if (last) return fail(Code::forbidden, "keys.pin", "one try is left, then the token locks itself");
    }
    if (code == CKR_USER_ALREADY_LOGGED_IN) return {};
    return code ? Status(told("C_Login", code)) : Status();
  }
  void lock() override { call_.C_Logout(session_); }

  Result<std::vector<Key>> list() override {
    ASSIGN(auto handles, objects(CKO_PUBLIC_KEY, nullptr));
    std::vector<Key> out;
    for (CK_OBJECT_HANDLE handle : handles) {
      auto key = describe(handle);
      if (key) out.push_back(std::move(*key));  // others' keys, of other curves, are not ours to list
      if (!key && key.error().reason != "keys.unsupported") return tl::unexpected(key.error());
    }
    std::sort(out.begin(), out.end(), [](const Key& a, const Key& b) { return a.id < b.id; });
    return out;
  }
  Result<std::vector<crypto::Sm2Signature>> sign(const std::string& id,
                                                 std::span<const Digest> digests) override {
    ASSIGN(const Key key, find(id));
    ASSIGN(auto handles, objects(CKO_PRIVATE_KEY, &id));
    if (handles.empty())
      return fail(Code::forbidden, "keys.locked", "the private key of {} is not to be seen", id);
    CK_MECHANISM mechanism{key.algorithm == Algorithm::es256 ? CKM_ECDSA : options_.sm2_sign, nullptr, 0};
    std::vector<crypto::Sm2Signature> out;
    for (Digest e : digests) {
      crypto::Sm2Signature pair{};
      CK_ULONG size = pair.size();
      if (CK_RV code = call_.C_SignInit(session_, &mechanism, handles[0])) return told("C_SignInit", code);
      if (CK_RV code = call_.C_Sign(session_, e.data(), e.size(), pair.data(), &size))
        return told("C_Sign", code);
      if (size != pair.size()) return told("C_Sign", CKR_SIGNATURE_LEN_RANGE);
      out.push_back(pair);
    }
    return out;
  }
  Result<Bytes> random(size_t count) override {
    Bytes out(count);
    if (CK_RV code = call_.C_GenerateRandom(session_, out.data(), out.size()))
      return told("C_GenerateRandom", code);
    return out;
  }
  Result<Key> generate(const std::string& id, Algorithm algorithm) override {
    TRY(check_id(id));
    if (algorithm == Algorithm::sm2 && !options_.sm2_generate)
      return unsupported("no vendor's SM2 is configured");
    ASSIGN(auto there, objects(CKO_PUBLIC_KEY, &id));
    if (!there.empty()) return fail(Code::conflict, "keys.exists", "{}", id);
    const bool sm2 = algorithm == Algorithm::sm2;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_KEY_TYPE type = sm2 ? options_.sm2_key_type : CKK_EC;
    const ByteView curve = sm2 ? ByteView(kSm2) : ByteView(kP256);
    std::vector<CK_ATTRIBUTE> of_public = {attribute(CKA_TOKEN, &yes, 1),
                                           attribute(CKA_PRIVATE, &no, 1),
                                           attribute(CKA_VERIFY, &yes, 1),
                                           attribute(CKA_KEY_TYPE, &type, sizeof type),
                                           attribute(CKA_EC_PARAMS, curve.data(), curve.size()),
                                           attribute(CKA_LABEL, id.data(), id.size()),
                                           attribute(CKA_ID, id.data(), id.size())};
    std::vector<CK_ATTRIBUTE> of_private = {attribute(CKA_TOKEN, &yes, 1),
                                            attribute(CKA_PRIVATE, &yes, 1),
                                            attribute(CKA_SENSITIVE, &yes, 1),
                                            attribute(CKA_EXTRACTABLE, &no, 1),
                                            attribute(CKA_SIGN, &yes, 1),
                                            attribute(CKA_KEY_TYPE, &type, sizeof type),
                                            attribute(CKA_LABEL, id.data(), id.size()),
                                            attribute(CKA_ID, id.data(), id.size())};
    CK_MECHANISM mechanism{sm2 ? options_.sm2_generate : CKM_EC_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE public_handle = 0, private_handle = 0;
    if (CK_RV code =
            call_.C_GenerateKeyPair(session_, &mechanism, of_public.data(), of_public.size(),
                                    of_private.data(), of_private.size(), &public_handle, &private_handle))
      return told("C_GenerateKeyPair", code);
    return describe(public_handle);
  }
  Status destroy(const std::string& id) override {
    ASSIGN(auto privates, objects(CKO_PRIVATE_KEY, &id));
    ASSIGN(auto publics, objects(CKO_PUBLIC_KEY, &id));
    if (publics.empty()) return no_key(id);
    if (privates.empty())
      return fail(Code::forbidden, "keys.locked", "the private key of {} is not to be seen", id);
    privates.insert(privates.end(), publics.begin(), publics.end());
    for (CK_OBJECT_HANDLE handle : privates)
      if (CK_RV code = call_.C_DestroyObject(session_, handle)) return told("C_DestroyObject", code);
    return {};
  }

 private:
  Result<std::vector<CK_OBJECT_HANDLE>> objects(CK_OBJECT_CLASS kind, const std::string* label) {
    std::vector<CK_ATTRIBUTE> search = {attribute(CKA_CLASS, &kind, sizeof kind)};
    if (label) search.push_back(attribute(CKA_LABEL, label->data(), label->size()));
    if (CK_RV code = call_.C_FindObjectsInit(session_, search.data(), search.size()))
      return told("C_FindObjectsInit", code);
    std::vector<CK_OBJECT_HANDLE> out(256);
    CK_ULONG count = 0;
    const CK_RV code = call_.C_FindObjects(session_, out.data(), out.size(), &count);
    call_.C_FindObjectsFinal(session_);
    if (code) return told("C_FindObjects", code);
    out.resize(count);
    return out;
  }
  Result<Bytes> value_of(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    Bytes out(512);
    CK_ATTRIBUTE asked = attribute(type, out.data(), out.size());
    if (CK_RV code = call_.C_GetAttributeValue(session_, object, &asked, 1)) {
      if (code == CKR_ATTRIBUTE_TYPE_INVALID) return unsupported("an object of another kind");
      return told("C_GetAttributeValue", code);
    }
    out.resize(asked.ulValueLen);
    return out;
  }
  Result<Key> describe(CK_OBJECT_HANDLE object) {
    ASSIGN(const Bytes label, value_of(object, CKA_LABEL));
    ASSIGN(const Bytes curve, value_of(object, CKA_EC_PARAMS));
    ASSIGN(const Bytes point, value_of(object, CKA_EC_POINT));
    Key out{.id = to_string(label)};
    const bool sm2 = equal(curve, kSm2);
    if (!sm2 && !equal(curve, kP256)) return unsupported("another curve");
    out.algorithm = sm2 ? Algorithm::sm2 : Algorithm::es256;
    // An OCTET STRING around the point; some modules leave it out.
    const ByteView raw =
        point.size() == 67 && point[0] == 4 && point[1] == 65 ? ByteView(point).subspan(2) : point;
    if (raw.size() != out.public_key.size() || raw[0] != 4) return unsupported("another form of points");
    std::copy(raw.begin(), raw.end(), out.public_key.begin());
    return out;
  }

  std::shared_ptr<Module> module_;
  CK_FUNCTION_LIST& call_;
  const Pkcs11Options options_;
  CK_SLOT_ID slot_ = 0;
  CK_SESSION_HANDLE session_ = 0;
};

}  // namespace

Result<std::unique_ptr<Provider>> open_pkcs11(const Pkcs11Options& options) {
  ASSIGN(auto module, Module::of(options.library));
  auto out = std::make_unique<Pkcs11>(std::move(module), options);
  TRY(out->open());
  return out;
}

}  // namespace chengxin::keys
