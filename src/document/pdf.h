#pragma once
#include "document/layout.h"

namespace chengxin::document {

// PDF 1.7 (ISO 32000-1) that is PDF/A-2b (ISO 19005-2): fonts embedded as subsets, sRGB as the output intent,
// title and time in XMP. Equal layouts give equal bytes. Ready for a signature by an incremental update (ISO
// 32000-1, 7.5.6 and 12.8): one cross-reference table, no object streams, an empty signature field for each
// place of a seal. Error: document.font.
Result<Bytes> to_pdf(const Layout& layout, const Fonts& fonts);

}  // namespace chengxin::document
