#include "document/impl/cff.h"

#include <optional>

namespace chengxin::document {
namespace {

constexpr int kCharset = 15, kRos = 12 << 8 | 30;

// The first item of an INDEX (section 5), which is left behind.
ByteView first_of_index(Reader& in) {
  const auto count = in.be<uint16_t>();
  if (count == 0) return {};
  const auto size = in.be<uint8_t>();
  const auto offset = [&] {
    uint32_t value = 0;
    for (ByteView bytes = in.take(size); uint8_t each : bytes) value = value << 8 | each;
    return value;
  };
  std::vector<uint32_t> ends;
  for (int i = 0; i <= count && in.ok(); ++i) ends.push_back(offset());
  if (!in.ok() || ends.front() != 1 || ends[1] < 1 || ends.back() < ends[1]) return {};
  ByteView data = in.take(ends.back() - 1);
  return data.first(std::min<size_t>(data.size(), ends[1] - 1));
}

// An operand of a DICT (section 4); reals and what is damaged are 0.
int64_t operand(Reader& in, uint8_t first) {
  if (first == 28) return int16_t(in.be<uint16_t>());
  if (first == 29) return int32_t(in.be<uint32_t>());
  if (first >= 32 && first <= 246) return first - 139;
  if (first >= 247 && first <= 250) return (first - 247) * 256 + in.be<uint8_t>() + 108;
  if (first >= 251 && first <= 254) return -(first - 251) * 256 - in.be<uint8_t>() - 108;
  while (first == 30 && in.ok() && (in.be<uint8_t>() & 15) != 15) {
  }
  return 0;
}

// Where the charset is; nullopt when the font is not keyed by CID.
std::optional<size_t> charset_of(ByteView top) {
  std::optional<size_t> charset;
  bool keyed = false;
  int64_t last = 0;
  for (Reader in(top); in.ok() && in.remaining() > 0;) {
    const auto first = in.be<uint8_t>();
    if (first > 21) {
      last = operand(in, first);
      continue;
    }
    const int op = first == 12 ? 12 << 8 | in.be<uint8_t>() : first;
    keyed = keyed || op == kRos;
    if (op == kCharset && last > 2) charset = size_t(last);
  }
  return keyed ? charset : std::nullopt;
}

}  // namespace

bool has_identity_cids(ByteView cff, unsigned glyphs) {
  if (cff.size() < 4 || cff[2] > cff.size()) return false;
  Reader in(cff.subspan(cff[2]));
  first_of_index(in);  // names
  const auto charset = charset_of(first_of_index(in));
  if (!charset || *charset >= cff.size()) return false;
  Reader ranges(cff.subspan(*charset));
  const auto format = ranges.be<uint8_t>();
  unsigned next = 1;  // glyph 0 is not listed
  while (ranges.ok() && next < glyphs) {
    if (ranges.be<uint16_t>() != next) return false;
    next += 1 + (format == 2 ? ranges.be<uint16_t>() : format == 1 ? ranges.be<uint8_t>() : 0);
  }
  return ranges.ok() && format <= 2;
}

}  // namespace chengxin::document
