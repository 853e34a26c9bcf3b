#include "directory/pseudonyms.h"

#include "crypto/hmac.h"

namespace chengxin::directory {
namespace {

template <size_t N>
Digest derived(ByteView key, const char (&domain)[N], std::string_view scene, std::string_view person) {
  Bytes sized;
  put_sized<uint8_t>(sized, view(scene));
  const ByteView tag(reinterpret_cast<const uint8_t*>(domain), N);  // with its terminating zero
  return crypto::hmac_sm3(key, {tag, ByteView(sized), view(person)});
}

}  // namespace

identity::NewPseudonym PseudonymManager::derive(std::string_view scene, std::string_view person) const {
  return {derived(key_, "chengxin/cid/pseudonym/v1", scene, person),
          derived(key_, "chengxin/cid/nullifier/v1", scene, person)};
}

bool PseudonymManager::is_of(std::string_view scene, const Digest& pseudonym, std::string_view person) const {
  return crypto::constant_time_equal(derive(scene, person).pseudonym, pseudonym);
}

}  // namespace chengxin::directory
