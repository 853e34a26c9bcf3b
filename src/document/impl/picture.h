#pragma once
#include "document/layout.h"

namespace chengxin::document {

// Error: document.image, also for more than `most` pixels, before they are read.
Result<Pixels> read_png(ByteView png, size_t most);

// The dark modules of a QR code in a square whose corner is at (x, y), runs of them as one rectangle. Error:
// document.qr.
Result<std::vector<Rectangle>> qr_modules(std::string_view text, double x, double y, double side);

}  // namespace chengxin::document
