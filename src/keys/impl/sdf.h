#pragma once
#include <cstdint>

// The part of GM/T 0018 that is used here: structures (5.4), functions (6) and error codes (annex A). Numbers
// stand to the right in fields of 64 bytes.
namespace chengxin::keys::sdf {

inline constexpr uint32_t kFieldBytes = 64;

struct DeviceInfo {
  uint8_t issuer[40], name[16], serial[16];
  uint32_t version, standard;
  uint32_t asymmetric[2];
  uint32_t symmetric, hash, buffer;
};
struct PublicKey {
  uint32_t bits;
  uint8_t x[kFieldBytes], y[kFieldBytes];
};
struct Signature {
  uint8_t r[kFieldBytes], s[kFieldBytes];
};
struct Cipher {
  uint8_t x[kFieldBytes], y[kFieldBytes];
  uint8_t hash[32];
  uint32_t length;
  uint8_t c[1];  // `length` of them
};

struct Functions {
  int (*open_device)(void** device);
  int (*close_device)(void* device);
  int (*open_session)(void* device, void** session);
  int (*close_session)(void* session);
  int (*get_info)(void* session, DeviceInfo* out);
  int (*random)(void* session, uint32_t length, uint8_t* out);
  int (*get_right)(void* session, uint32_t index, uint8_t* password, uint32_t length);
  int (*release_right)(void* session, uint32_t index);
  int (*export_sign_key)(void* session, uint32_t index, PublicKey* out);
  int (*export_encrypt_key)(void* session, uint32_t index, PublicKey* out);
  int (*sign)(void* session, uint32_t index, uint8_t* e, uint32_t length, Signature* out);
  int (*decrypt)(void* session, uint32_t index, Cipher* cipher, uint8_t* out,
                 uint32_t* length);  // may be null
};

enum Error : int {
  kOk = 0,
  kBase = 0x01000000,
  kNotSupported = kBase + 2,
  kCommunication = kBase + 3,
  kHardware = kBase + 4,
  kOpenDevice = kBase + 5,
  kOpenSession = kBase + 6,
  kNoRight = kBase + 7,
  kNoKey = kBase + 8,
  kAlgorithm = kBase + 9,
  kPrivateKeyOperation = kBase + 12,
  kSign = kBase + 13,
  kCipherData = kBase + 22,
  kPassword = kBase + 24,  // SDR_PRKRERR: no right to the private key
};

}  // namespace chengxin::keys::sdf
