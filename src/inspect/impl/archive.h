#pragma once
#include "inspect/inspect.h"

// ZIP by its central directory (PKWARE APPNOTE 6.3.10, 4.3).
namespace chengxin::inspect {

// The parts of a file that are at hand.
struct Windows {
  uint64_t size = 0;
  ByteView head, tail;
  ByteView at(uint64_t offset, uint64_t count) const;  // empty: not at hand
};

// docx, xlsx, ofd or zip.
Result<Type> archive_type(const Windows& file, const Limits& limits);

}  // namespace chengxin::inspect
