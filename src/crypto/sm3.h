#pragma once
#include <initializer_list>

#include "base/bytes.h"

// SM3 (GB/T 32905-2016). Digest is 32 bytes.
namespace chengxin::crypto {

// Hash of the concatenation of the parts.
Digest sm3(std::initializer_list<ByteView> parts);
inline Digest sm3(ByteView bytes) { return sm3({bytes}); }

class Sm3 {
 public:
  Sm3();
  Sm3& update(ByteView bytes);
  Digest finish();  // leaves the object ready for a new message

 private:
  struct State {  // GB/T 32905 section 5: eight chaining words, bytes not yet compressed, message length
    uint32_t words[8];
    uint64_t length;
    uint8_t block[64];
    uint32_t buffered;
  } state_;
};

}  // namespace chengxin::crypto
