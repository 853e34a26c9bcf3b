#pragma once
#include "base/bytes.h"

namespace chengxin::document {

// Whether the outlines are keyed by CID and each CID is the glyph's own index (Adobe Technical Note 5176,
// sections 9, 13 and 18), so that a subset that keeps CIDs is addressed by the ids of the whole font.
bool has_identity_cids(ByteView cff, unsigned glyphs);

}  // namespace chengxin::document
