#include "inspect/impl/archive.h"

#include <zlib.h>

#include <algorithm>
#include <optional>
#include <set>

namespace chengxin::inspect {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kMostComment = 0xffff;
constexpr uint64_t kRatioCountsFrom = 16 << 20;
constexpr size_t kMostContentTypes = 1 << 20;

struct Entry {
  std::string name;
  uint16_t method = 0;
  uint64_t packed = 0, unpacked = 0, offset = 0;
};

uint32_t little(ByteView bytes, size_t at, size_t count) {
  uint32_t out = 0;
  for (size_t i = 0; i < count; ++i) out |= uint32_t(bytes[at + i]) << 8 * i;
  return out;
}

tl::unexpected<Error> broken(std::string_view what) {
  return fail(Code::invalid_argument, "inspect.archive", "{}", what);
}
tl::unexpected<Error> bomb(std::string_view what) {
  return fail(Code::invalid_argument, "inspect.bomb", "{}", what);
}

// Where the record at the end begins: the one whose comment ends with the file.
std::optional<size_t> find_end(ByteView tail) {
  if (tail.size() < kEndBytes) return {};
  for (size_t comment = 0; comment <= kMostComment && comment + kEndBytes <= tail.size(); ++comment) {
    const size_t at = tail.size() - kEndBytes - comment;
    if (little(tail, at, 4) == kEnd && little(tail, at + 20, 2) == comment) return at;
  }
  return {};
}

bool safe_name(std::string_view name) {
  if (name.empty() || name[0] == '/' || name.find('\\') != name.npos || name.find('\0') != name.npos)
    return false;
  return ("/" + std::string(name) + "/").find("/../") == std::string::npos;
}

bool is_program(std::string_view name) {
  static constexpr std::string_view kEndings[] = {".exe", ".dll", ".com", ".scr", ".msi", ".bat",
                                                  ".cmd", ".ps1", ".vbs", ".js",  ".jse", ".wsf",
                                                  ".hta", ".lnk", ".jar", ".sh",  ".apk"};
  std::string small(name);
  for (char& c : small) c = char(std::tolower(static_cast<unsigned char>(c)));
  return std::any_of(std::begin(kEndings), std::end(kEndings),
                     [&](auto ending) { return small.ends_with(ending); });
}

// The central directory's bytes and how many entries it says it has.
struct Directory {
  ByteView bytes;
  size_t entries = 0;
  uint64_t offset = 0;
};

Result<Directory> directory_of(const Windows& file) {
  const auto end = find_end(file.tail);
  if (!end) return broken("no table of contents at the end");
  const ByteView record = file.tail.subspan(*end);
  const uint32_t entries = little(record, 10, 2), size = little(record, 12, 4),
                 offset = little(record, 16, 4);
  if (entries == 0xffff || offset == 0xffffffff) return broken("ZIP64");
  if (little(record, 4, 4) != 0 || little(record, 8, 2) != entries) return broken("in several volumes");
  if (uint64_t(offset) + size != file.size - (file.tail.size() - *end))
    return broken("bytes beside its entries");
  const ByteView bytes = file.at(offset, size);
  if (bytes.size() != size) return bomb("too long a table of contents");
  return Directory{bytes, entries, offset};
}

Result<Entry> next_entry(ByteView& rest) {
  if (rest.size() < kCentralBytes || little(rest, 0, 4) != kCentral)
    return broken("a broken table of contents");
  const size_t name = little(rest, 28, 2), more = little(rest, 30, 2) + little(rest, 32, 2);
  if (rest.size() < kCentralBytes + name + more) return broken("a broken table of contents");
  Entry out{to_string(rest.subspan(kCentralBytes, name)), uint16_t(little(rest, 10, 2)), little(rest, 20, 4),
            little(rest, 24, 4), little(rest, 42, 4)};
  const uint32_t flags = little(rest, 8, 2);
  rest = rest.subspan(kCentralBytes + name + more);
  if (flags & 0x2041) return broken("encrypted");
  if (!safe_name(out.name)) return broken("an entry that leads elsewhere");
  if (out.packed == 0xffffffff || out.unpacked == 0xffffffff || out.offset == 0xffffffff)
    return broken("ZIP64");
  if (out.method == 0 && out.packed != out.unpacked) return broken("a stored entry of two sizes");
  return out;
}

Result<std::vector<Entry>> entries_of(const Windows& file, const Directory& directory, const Limits& limits) {
  if (directory.entries > limits.max_entries) return bomb(fmt::format("{} entries", directory.entries));
  std::vector<Entry> out;
  std::set<std::string> names;
  uint64_t unpacked = 0;
  for (ByteView rest = directory.bytes; !rest.empty();) {
    ASSIGN(Entry entry, next_entry(rest));
    unpacked += entry.unpacked;
    if (!names.insert(entry.name).second) return broken("two entries of one name");
    if (is_program(entry.name))
      return fail(Code::invalid_argument, "inspect.program", "an entry by its name");
    out.push_back(std::move(entry));
  }
  if (out.size() != directory.entries) return broken("another number of entries");
  if (unpacked > limits.max_unpacked_bytes ||
      (unpacked > kRatioCountsFrom && unpacked / limits.max_ratio > file.size))
    return bomb(fmt::format("{} bytes in {}", unpacked, file.size));
  return out;
}

// One entry after another, none sharing bytes with the next.
Status check_places(const std::vector<Entry>& entries, uint64_t end) {
  std::vector<const Entry*> in_order;
  for (const Entry& entry : entries) in_order.push_back(&entry);
  std::sort(in_order.begin(), in_order.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
  for (size_t i = 0; i < in_order.size(); ++i) {
    const Entry& entry = *in_order[i];
    const uint64_t next = i + 1 < in_order.size() ? in_order[i + 1]->offset : end;
    if (entry.offset + kLocalBytes + entry.name.size() + entry.packed > next)
      return bomb("entries that overlap");
  }
  return {};
}

// The plain bytes of a small entry.
Result<std::string> unpack(const Windows& file, const Entry& entry) {
  const ByteView local = file.at(entry.offset, kLocalBytes);
  if (local.empty() || little(local, 0, 4) != kLocal)
    return broken("an entry that is not where it should be");
  const size_t name = little(local, 26, 2);
  const ByteView named = file.at(entry.offset + kLocalBytes, name);
  const ByteView packed = file.at(entry.offset + kLocalBytes + name + little(local, 28, 2), entry.packed);
  if (text(named) != entry.name || packed.size() != entry.packed || entry.unpacked > kMostContentTypes)
    return broken("content types that cannot be read");
  if (entry.method == 0) return to_string(packed);
  std::string out(entry.unpacked + 1, '\0');  // one more: a longer one shows
  z_stream stream{};
  if (entry.method != 8 || inflateInit2(&stream, -MAX_WBITS) != Z_OK) return broken("a method nobody uses");
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = uInt(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = uInt(out.size());
  const int done = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  if (done != Z_STREAM_END || stream.total_out != entry.unpacked)
    return broken("content types that cannot be read");
  out.resize(entry.unpacked);
  return out;
}

// ECMA-376 part 2, 10.1.2.2: the types of a package's parts.
Result<Type> office_type(const Windows& file, const Entry& content_types) {
  ASSIGN(const std::string types, unpack(file, content_types));
  const auto has = [&](std::string_view what) { return types.find(what) != types.npos; };
  if (has("macroEnabled") || has("vbaProject")) return fail(Code::invalid_argument, "inspect.macros");
  const bool document =
      has("application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml");
  const bool sheet = has("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml");
  if (document == sheet) return fail(Code::invalid_argument, "inspect.unknown", "a package of another kind");
  return document ? Type::docx : Type::xlsx;
}

}  // namespace

ByteView Windows::at(uint64_t offset, uint64_t count) const {
  if (offset > size || count > size - offset) return {};
  if (offset + count <= head.size()) return head.subspan(offset, count);
  const uint64_t begin = size - tail.size();
  return offset >= begin ? tail.subspan(offset - begin, count) : ByteView();
}

Result<Type> archive_type(const Windows& file, const Limits& limits) {
  ASSIGN(const Directory directory, directory_of(file));
  ASSIGN(const auto entries, entries_of(file, directory, limits));
  TRY(check_places(entries, directory.offset));
  const auto find = [&](std::string_view name) {
    return std::find_if(entries.begin(), entries.end(),
                        [&](const Entry& entry) { return entry.name == name; });
  };
  const bool macros = std::any_of(entries.begin(), entries.end(),
                                  [](const Entry& entry) { return entry.name.ends_with("vbaProject.bin"); });
  if (macros) return fail(Code::invalid_argument, "inspect.macros");
  if (const auto types = find("[Content_Types].xml"); types != entries.end())
    return office_type(file, *types);
  return find("OFD.xml") != entries.end() ? Type::ofd : Type::zip;  // GB/T 33190 7.4
}

}  // namespace chengxin::inspect
