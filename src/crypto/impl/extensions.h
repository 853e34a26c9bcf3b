#pragma once
#include <algorithm>

#include "crypto/impl/der.h"

namespace chengxin::crypto::der {

// Reads one or more Extensions (RFC 5280 4.1) and calls `on_extension(oid, critical, value)` for each; false
// when malformed or one is there twice.
template <typename F>
bool read_extensions(Reader& list, F on_extension) {
  std::vector<ByteView> seen;
  if (list.at_end()) return false;
  while (list.ok() && !list.at_end()) {
    Reader extension = list.enter(der::kSequence);
    ByteView id = extension.oid();
    bool critical = extension.next_is(der::kBoolean) && extension.boolean();
    ByteView value = extension.octets();
    list.finish(extension);
    if (!list.ok() || std::any_of(seen.begin(), seen.end(), [&](ByteView other) { return equal(other, id); }))
      return false;
    seen.push_back(id);
    if (!on_extension(id, critical, value)) return false;
  }
  return list.ok();
}

}  // namespace chengxin::crypto::der
