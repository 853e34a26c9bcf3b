#pragma once
#include <cstdint>

// The part of GM/T 0016 that is used here: types (6.3, 6.4; ULONG has 32 bits), functions (7) and error codes
// (annex A). Numbers stand to the right in fields of 64 bytes.
namespace chengxin::keys::skf {

inline constexpr uint32_t kFieldBytes = 64, kSm2Sign = 0x00020100, kUser = 1;

struct Version {
  uint8_t major, minor;
};
struct DeviceInfo {
  Version version;
  char maker[64], issuer[64], label[32], serial[32];
  Version hardware, firmware;
  uint32_t symmetric, asymmetric, hash, device_authentication, total, free, most_ecc, most;
  uint8_t reserved[64];
};
struct PublicKeyBlob {
  uint32_t bits;
  uint8_t x[kFieldBytes], y[kFieldBytes];
};
struct SignatureBlob {
  uint8_t r[kFieldBytes], s[kFieldBytes];
};

struct Functions {
  uint32_t (*enumerate_devices)(int present, char* names, uint32_t* size);
  uint32_t (*connect)(const char* name, void** device);
  uint32_t (*disconnect)(void* device);
  uint32_t (*get_info)(void* device, DeviceInfo* out);
  uint32_t (*enumerate_applications)(void* device, char* names, uint32_t* size);
  uint32_t (*open_application)(void* device, const char* name, void** application);
  uint32_t (*close_application)(void* application);
  uint32_t (*verify_pin)(void* application, uint32_t type, const char* pin, uint32_t* tries_left);
  uint32_t (*clear_secure_state)(void* application);
  uint32_t (*enumerate_containers)(void* application, char* names, uint32_t* size);
  uint32_t (*create_container)(void* application, const char* name, void** container);
  uint32_t (*delete_container)(void* application, const char* name);
  uint32_t (*open_container)(void* application, const char* name, void** container);
  uint32_t (*close_container)(void* container);
  uint32_t (*generate)(void* container, uint32_t algorithm, PublicKeyBlob* out);
  uint32_t (*export_key)(void* container, int sign, uint8_t* blob, uint32_t* size);
  uint32_t (*sign)(void* container, uint8_t* e, uint32_t size, SignatureBlob* out);
  uint32_t (*random)(void* device, uint8_t* out, uint32_t size);
};

enum Error : uint32_t {
  kOk = 0,
  kBase = 0x0a000000,
  kNotSupported = kBase + 0x03,
  kInvalidHandle = kBase + 0x05,
  kTimeout = kBase + 0x0f,
  kKeyNotFound = kBase + 0x1b,
  kDeviceRemoved = kBase + 0x23,
  kPinIncorrect = kBase + 0x24,
  kPinLocked = kBase + 0x25,
  kPinInvalid = kBase + 0x26,
  kPinLength = kBase + 0x27,
  kNotLoggedIn = kBase + 0x2d,
  kNoApplication = kBase + 0x2e,
  kFileExists = kBase + 0x2f,
  kNoRoom = kBase + 0x30,
  kFileNotFound = kBase + 0x31,
  kMostContainers = kBase + 0x32,
};

}  // namespace chengxin::keys::skf
