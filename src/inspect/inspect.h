#pragma once
#include <string>
#include <vector>

#include "base/bytes.h"

// What an attachment is, by its content, and whether it may come in (ADR 0053). Nothing is unpacked but the
// table of contents of an Office document.
namespace chengxin::inspect {

enum class Type { jpeg, png, gif, webp, tiff, pdf, ofd, docx, xlsx, zip, mp4, text };
inline constexpr Type kAllTypes[] = {Type::jpeg, Type::png,  Type::gif,  Type::webp, Type::tiff, Type::pdf,
                                     Type::ofd,  Type::docx, Type::xlsx, Type::zip,  Type::mp4,  Type::text};
std::string_view media_type(Type type);  // image/jpeg …

struct Limits {
  std::vector<Type> allowed = {std::begin(kAllTypes), std::end(kAllTypes)};
  uint64_t max_bytes = 100 << 20;
  // Of archives, which DOCX, XLSX and OFD are too: what they say that they hold.
  uint64_t max_unpacked_bytes = uint64_t(1) << 30;
  uint64_t max_ratio = 100;  // unpacked to packed, from 16 MiB unpacked on
  size_t max_entries = 10'000;
};

// Takes a file as it comes and keeps 1 MiB of its beginning and 1 to 2 MiB of its end. Errors, of finish() or
// as soon as they are known:
//   inspect.empty        no byte
//   inspect.too_large    above max_bytes
//   inspect.program      an executable or a script by its head, or an archive with one by its name
//   inspect.unknown      none of the types
//   inspect.not_allowed  one that is not among those allowed
//   inspect.name         the name's ending is not one of the type's, or the name has slashes, controls or
//   marks that
//                        turn the direction of writing
//   inspect.archive      a table of contents that is broken, encrypted, in ZIP64, or can be read in two ways
//   inspect.bomb         one that declares more than the limits, or entries that overlap
//   inspect.macros       an Office document with macros
class Inspector {
 public:
  Inspector(std::string_view name, Limits limits);
  Status update(ByteView bytes);
  Result<Type> finish();

 private:
  // Whether what has come can be text in UTF-8, or in GB 18030.
  struct TextScan {
    bool utf8 = true, gb18030 = true;
    int utf8_left = 0, gb_place = 0;
    uint8_t utf8_least = 0x80, utf8_most = 0xbf;
    void take(uint8_t byte);
    void take_utf8(uint8_t byte);
    void take_gb18030(uint8_t byte);
    bool is_text() const { return (utf8 && utf8_left == 0) || (gb18030 && gb_place == 0); }
  };
  Result<Type> type() const;

  const std::string name_;
  const Limits limits_;
  uint64_t size_ = 0;
  Bytes head_, tail_;
  TextScan text_;
};

Result<Type> inspect(ByteView whole, std::string_view name, const Limits& limits = {});

}  // namespace chengxin::inspect
