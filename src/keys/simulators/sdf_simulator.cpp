// A cryptographic card that exists in files only, behind the functions of GM/T 0018: for tests. Keys 1 and 2
// are there, as if a vendor's tool had made them; four sessions at most.
#include <cstring>

#include "crypto/random.h"
#include "keys/impl/coordinates.h"
#include "keys/impl/sdf.h"
#include "keys/simulators/state.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

using namespace chengxin;
using namespace chengxin::keys;
using simulator::State;

namespace {

constexpr int kPasswordTries = 5, kMostSessions = 4;
std::atomic<int> open_sessions = 0;

struct Session {
  State state = State::current();
  std::map<uint32_t, bool> rights;
};

int alive(Session* session) {
  session->state.wait();
  if (session->state.pulled()) session->rights.clear();
  return session->state.pulled() ? sdf::kCommunication : sdf::kOk;
}

#define ALIVE(session) \
  if (int code = alive(session)) return code

int export_key(Session* session, const std::string& name, sdf::PublicKey* out) {
  ALIVE(session);
  auto key = session->state.key(name);
  if (!key) return sdf::kNoKey;
  out->bits = 256;
  put_right(out->x, ByteView(key->public_key().point()).subspan(1, 32));
  put_right(out->y, ByteView(key->public_key().point()).subspan(33, 32));
  return sdf::kOk;
}

Bytes element(uint8_t tag, ByteView content) {
  Bytes out = {tag};
  if (content.size() >= 0x80) out.push_back(content.size() < 0x100 ? 0x81 : 0x82);
  if (content.size() >= 0x100) out.push_back(uint8_t(content.size() >> 8));
  out.push_back(uint8_t(content.size()));
  append(out, content);
  return out;
}

Bytes integer(ByteView number) {
  while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
  Bytes content(number[0] >> 7, 0);
  append(content, number);
  return element(0x02, content);
}

// GB/T 35276 7.2.
Bytes to_der(const sdf::Cipher& cipher) {
  Bytes content;
  for (ByteView part : {ByteView(cipher.x + 32, 32), ByteView(cipher.y + 32, 32)})
    append(content, integer(part));
  append(content, element(0x04, ByteView(cipher.hash, 32)));
  append(content, element(0x04, ByteView(cipher.c, cipher.length)));
  return element(0x30, content);
}

}  // namespace

EXPORT int SDF_OpenDevice(void** device) {
  const State state = State::current();
  state.wait();
  if (state.pulled()) return sdf::kOpenDevice;
  for (const char* name : {"1", "1e", "2", "2e"})
    if (!state.has(std::string(name) + ".key") && !state.make(name)) return sdf::kHardware;
  *device = new int;
  return sdf::kOk;
}
EXPORT int SDF_CloseDevice(void* device) {
  delete static_cast<int*>(device);
  return sdf::kOk;
}
EXPORT int SDF_OpenSession(void*, void** session) {
  if (open_sessions.fetch_add(1) >= kMostSessions) {
    --open_sessions;
    return sdf::kOpenSession;
  }
  *session = new Session;
  return sdf::kOk;
}
EXPORT int SDF_CloseSession(void* session) {
  delete static_cast<Session*>(session);
  --open_sessions;
  return sdf::kOk;
}
EXPORT int SDF_GetDeviceInfo(void* session, sdf::DeviceInfo* out) {
  ALIVE(static_cast<Session*>(session));
  *out = {};
  std::strcpy(reinterpret_cast<char*>(out->issuer), "Chengxin (simulator)");
  std::strcpy(reinterpret_cast<char*>(out->name), "SIMULATED CARD");
  std::strcpy(reinterpret_cast<char*>(out->serial), "SIM-0018");
  out->version = 1;
  return sdf::kOk;
}
EXPORT int SDF_GenerateRandom(void* session, uint32_t length, uint8_t* out) {
  ALIVE(static_cast<Session*>(session));
  crypto::random_fill({out, length});
  return sdf::kOk;
}
EXPORT int SDF_GetPrivateKeyAccessRight(void* session, uint32_t index, uint8_t* password, uint32_t length) {
  auto* own = static_cast<Session*>(session);
  ALIVE(own);
  if (!own->state.has(std::to_string(index) + ".key")) return sdf::kNoKey;
  int left = 0;
  const auto verdict = own->state.verify(text(ByteView(password, length)), kPasswordTries, left);
  if (verdict != State::Pin::right) return sdf::kPassword;
  own->rights[index] = true;
  return sdf::kOk;
}
EXPORT int SDF_ReleasePrivateKeyAccessRight(void* session, uint32_t index) {
  static_cast<Session*>(session)->rights.erase(index);
  return sdf::kOk;
}
EXPORT int SDF_ExportSignPublicKey_ECC(void* session, uint32_t index, sdf::PublicKey* out) {
  return export_key(static_cast<Session*>(session), std::to_string(index), out);
}
EXPORT int SDF_ExportEncPublicKey_ECC(void* session, uint32_t index, sdf::PublicKey* out) {
  return export_key(static_cast<Session*>(session), std::to_string(index) + "e", out);
}
EXPORT int SDF_InternalSign_ECC(void* session, uint32_t index, uint8_t* e, uint32_t length,
                                sdf::Signature* out) {
  auto* own = static_cast<Session*>(session);
  ALIVE(own);
  auto key = own->state.key(std::to_string(index));
  if (!key) return sdf::kNoKey;
  if (!own->rights.contains(index)) return sdf::kNoRight;
  auto digest = to_digest({e, length});
  if (!digest) return sdf::kBase + 29;
  auto made = key->sign_many(std::span(&*digest, 1));
  if (!made) return sdf::kSign;
  put_right(out->r, ByteView(made->at(0)).first(32));
  put_right(out->s, ByteView(made->at(0)).last(32));
  return sdf::kOk;
}
EXPORT int SDF_InternalDecrypt_ECC(void* session, uint32_t index, sdf::Cipher* cipher, uint8_t* out,
                                   uint32_t* length) {
  auto* own = static_cast<Session*>(session);
  ALIVE(own);
  auto key = own->state.key(std::to_string(index) + "e");
  if (!key) return sdf::kNoKey;
  if (!own->rights.contains(index)) return sdf::kNoRight;
  const Bytes encoded = to_der(*cipher);
  auto plain = key->decrypt(encoded);
  if (!plain) return sdf::kCipherData;
  if (plain->size() > *length) return sdf::kBase + 28;
  std::memcpy(out, plain->data(), plain->size());
  *length = uint32_t(plain->size());
  return sdf::kOk;
}
