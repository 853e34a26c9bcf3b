// A UKey that exists in files only, behind the functions of GM/T 0016: for tests.
#include <algorithm>
#include <cstring>

#include "crypto/random.h"
#include "keys/impl/coordinates.h"
#include "keys/impl/skf.h"
#include "keys/simulators/state.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

using namespace chengxin;
using namespace chengxin::keys;
using simulator::State;

namespace {

constexpr int kPinTries = 6;
constexpr size_t kMostContainers = 8;
constexpr char kDevice[] = "SIMULATED UKEY", kApplication[] = "CHENGXIN";

// Once pulled, what was open on it stays dead, as with a real one.
struct Device {
  State state = State::current();
  std::atomic<bool> dead = false, logged_in = false;
};
struct Container {
  Device* device;
  std::string name;
};

uint32_t alive(Device* device) {
  if (!device) return skf::kInvalidHandle;
  device->state.wait();
  if (device->state.pulled()) device->dead = true;
  return device->dead ? skf::kDeviceRemoved : skf::kOk;
}

uint32_t give(const std::vector<std::string>& names, char* out, uint32_t* size) {
  std::string all;
  for (const std::string& name : names) all += name + '\0';
  all += '\0';
  const bool fits = out && *size >= all.size();
  *size = uint32_t(all.size());
  if (!out) return skf::kOk;
  if (!fits) return skf::kBase + 0x20;
  std::memcpy(out, all.data(), all.size());
  return skf::kOk;
}

void put(skf::PublicKeyBlob* out, const crypto::Sm2Point& point) {
  out->bits = 256;
  put_right(out->x, ByteView(point).subspan(1, 32));
  put_right(out->y, ByteView(point).subspan(33, 32));
}

#define ALIVE(device) \
  if (uint32_t code = alive(device)) return code

}  // namespace

EXPORT uint32_t SKF_EnumDev(int, char* names, uint32_t* size) {
  return give(State::current().pulled() ? std::vector<std::string>{} : std::vector<std::string>{kDevice},
              names, size);
}
EXPORT uint32_t SKF_ConnectDev(const char* name, void** device) {
  auto made = std::make_unique<Device>();
  made->state.wait();
  if (made->state.pulled() || std::string_view(name) != kDevice) return skf::kDeviceRemoved;
  *device = made.release();
  return skf::kOk;
}
EXPORT uint32_t SKF_DisConnectDev(void* device) {
  delete static_cast<Device*>(device);
  return skf::kOk;
}
EXPORT uint32_t SKF_GetDevInfo(void* device, skf::DeviceInfo* out) {
  ALIVE(static_cast<Device*>(device));
  *out = {};
  out->version = {1, 0};
  std::strcpy(out->maker, "Chengxin (simulator)");
  std::strcpy(out->label, kDevice);
  std::strcpy(out->serial, "SIM-0016");
  out->firmware = {1, 0};
  return skf::kOk;
}
EXPORT uint32_t SKF_EnumApplication(void* device, char* names, uint32_t* size) {
  ALIVE(static_cast<Device*>(device));
  return give({kApplication}, names, size);
}
EXPORT uint32_t SKF_OpenApplication(void* device, const char* name, void** application) {
  ALIVE(static_cast<Device*>(device));
  if (std::string_view(name) != kApplication) return skf::kNoApplication;
  *application = device;
  return skf::kOk;
}
EXPORT uint32_t SKF_CloseApplication(void* application) {
  static_cast<Device*>(application)->logged_in = false;
  return skf::kOk;
}
EXPORT uint32_t SKF_VerifyPIN(void* application, uint32_t type, const char* pin, uint32_t* tries_left) {
  auto* device = static_cast<Device*>(application);
  ALIVE(device);
  if (type != skf::kUser) return skf::kBase + 0x2a;
  int left = 0;
  const auto verdict = device->state.verify(pin, kPinTries, left);
  *tries_left = uint32_t(left);
  device->logged_in = verdict == State::Pin::right;
  return verdict == State::Pin::right    ? skf::kOk
         : verdict == State::Pin::locked ? skf::kPinLocked
                                         : skf::kPinIncorrect;
}
EXPORT uint32_t SKF_ClearSecureState(void* application) {
  static_cast<Device*>(application)->logged_in = false;
  return skf::kOk;
}
EXPORT uint32_t SKF_EnumContainer(void* application, char* names, uint32_t* size) {
  auto* device = static_cast<Device*>(application);
  ALIVE(device);
  return give(device->state.names(), names, size);
}
EXPORT uint32_t SKF_CreateContainer(void* application, const char* name, void** container) {
  auto* device = static_cast<Device*>(application);
  ALIVE(device);
  if (!device->logged_in) return skf::kNotLoggedIn;
  const auto names = device->state.names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return skf::kFileExists;
  if (names.size() >= kMostContainers) return skf::kMostContainers;
  *container = new Container{device, name};
  return skf::kOk;
}
EXPORT uint32_t SKF_DeleteContainer(void* application, const char* name) {
  auto* device = static_cast<Device*>(application);
  ALIVE(device);
  if (!device->logged_in) return skf::kNotLoggedIn;
  if (!device->state.has(std::string(name) + ".key")) return skf::kFileNotFound;
  device->state.remove(name);
  return skf::kOk;
}
EXPORT uint32_t SKF_OpenContainer(void* application, const char* name, void** container) {
  auto* device = static_cast<Device*>(application);
  ALIVE(device);
  if (!device->state.has(std::string(name) + ".key")) return skf::kFileNotFound;
  *container = new Container{device, name};
  return skf::kOk;
}
EXPORT uint32_t SKF_CloseContainer(void* container) {
  delete static_cast<Container*>(container);
  return skf::kOk;
}
EXPORT uint32_t SKF_GenECCKeyPair(void* container, uint32_t algorithm, skf::PublicKeyBlob* out) {
  auto* own = static_cast<Container*>(container);
  ALIVE(own->device);
  if (!own->device->logged_in) return skf::kNotLoggedIn;
  if (algorithm != skf::kSm2Sign) return skf::kNotSupported;
  auto key = own->device->state.make(own->name);
  if (!key) return skf::kBase + 1;
  put(out, key->public_key().point());
  return skf::kOk;
}
EXPORT uint32_t SKF_ExportPublicKey(void* container, int sign, uint8_t* blob, uint32_t* size) {
  auto* own = static_cast<Container*>(container);
  ALIVE(own->device);
  auto key = own->device->state.key(own->name);
  if (!sign || !key) return skf::kKeyNotFound;
  if (*size < sizeof(skf::PublicKeyBlob)) return skf::kBase + 0x20;
  skf::PublicKeyBlob raw{};
  put(&raw, key->public_key().point());
  std::memcpy(blob, &raw, sizeof raw);
  *size = sizeof raw;
  return skf::kOk;
}
EXPORT uint32_t SKF_ECCSignData(void* container, uint8_t* e, uint32_t size, skf::SignatureBlob* out) {
  auto* own = static_cast<Container*>(container);
  ALIVE(own->device);
  if (!own->device->logged_in) return skf::kNotLoggedIn;
  auto digest = to_digest({e, size});
  auto key = own->device->state.key(own->name);
  if (!digest || !key) return skf::kKeyNotFound;
  auto made = key->sign_many(std::span(&*digest, 1));
  if (!made) return skf::kBase + 1;
  put_right(out->r, ByteView(made->at(0)).first(32));
  put_right(out->s, ByteView(made->at(0)).last(32));
  return skf::kOk;
}
EXPORT uint32_t SKF_GenRandom(void* device, uint8_t* out, uint32_t size) {
  ALIVE(static_cast<Device*>(device));
  crypto::random_fill({out, size});
  return skf::kOk;
}
