#pragma once
#include "base/bytes.h"

namespace chengxin::document {

// An ICC profile of version 2.1 (ICC.1:1998-09) with the primaries of sRGB (IEC 61966-2-1), adapted to D50,
// and a gamma of 2.2 for its curve: what PDF/A needs to say what its colours mean.
Bytes srgb_profile();

}  // namespace chengxin::document
