#pragma once
#include "document/layout.h"

namespace chengxin::document {

// OFD (GB/T 33190-2016): a ZIP of XML with the fonts' subsets and the pictures beside it. Equal layouts give
// equal bytes. A seal (GB/T 38540, chapter 18 of the standard) adds files of its own and one element to
// OFD.xml; where it goes is in Layout::seals. Error: document.font.
Result<Bytes> to_ofd(const Layout& layout, const Fonts& fonts);

}  // namespace chengxin::document
