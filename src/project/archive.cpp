#include "project/archive.h"

#include <algorithm>

namespace chengxin::project {
namespace {

constexpr size_t kBlock = 512, kName = 100, kPrefix = 155;
constexpr size_t kMostBytes = 64 << 20;

tl::unexpected<Error> bad(std::string_view what) {
  return fail(Code::invalid_argument, "project.archive", "{}", what);
}

// No part of it leads out of a folder.
bool is_inside(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) return false;
  for (size_t from = 0; from <= path.size();) {
    const size_t end = std::min(path.find('/', from), path.size());
    const std::string_view part = path.substr(from, end - from);
    if (part.empty() || part == "." || part == "..") return false;
    from = end + 1;
  }
  return true;
}

void put_text(uint8_t* at, std::string_view text) { std::copy(text.begin(), text.end(), at); }

// POSIX.1-2017, pax, "ustar Interchange Format": a regular file of nobody, at time 0.
Result<Bytes> header(std::string_view path, size_t size) {
  Bytes out(kBlock);
  std::string_view name = path, prefix;
  if (path.size() > kName) {
    const size_t cut = path.find('/', path.size() - kName - 1);
    if (cut == std::string_view::npos || cut > kPrefix || cut + 1 == path.size())
      return bad(fmt::format("the path is too long: {}", path));
    prefix = path.substr(0, cut);
    name = path.substr(cut + 1);
  }
  put_text(&out[0], name);
  put_text(&out[100], "0000644");
  put_text(&out[108], "0000000");
  put_text(&out[116], "0000000");
  put_text(&out[124], fmt::format("{:011o}", size));
  put_text(&out[136], "00000000000");
  put_text(&out[148], "        ");
  out[156] = '0';
  put_text(&out[257], std::string_view("ustar\00000", 8));
  put_text(&out[345], prefix);
  uint32_t sum = 0;
  for (const uint8_t byte : out) sum += byte;
  put_text(&out[148], fmt::format("{:06o}", sum));
  out[154] = 0;
  return out;
}

std::string_view text_at(ByteView block, size_t at, size_t most) {
  const std::string_view all = text(block.subspan(at, most));
  return all.substr(0, all.find('\0'));
}

Result<size_t> size_of(ByteView block) {
  size_t size = 0;
  for (const char digit : text_at(block, 124, 12)) {
    if (digit < '0' || digit > '7') return bad("a size");
    size = size * 8 + size_t(digit - '0');
  }
  return size;
}

}  // namespace

Result<Bytes> pack(const Files& files) {
  Bytes out;
  for (const auto& [path, content] : files) {
    if (!is_inside(path)) return bad(fmt::format("not a path of a file: {}", path));
    ASSIGN(const Bytes head, header(path, content.size()));
    append(out, head);
    append(out, content);
    out.resize((out.size() + kBlock - 1) / kBlock * kBlock);
    if (out.size() > kMostBytes) return bad("more than 64 MiB");
  }
  out.resize(out.size() + 2 * kBlock);
  return out;
}

Result<Files> unpack(ByteView archive) {
  if (archive.size() > kMostBytes + 2 * kBlock) return bad("more than 64 MiB");
  Files out;
  Reader in(archive);
  while (in.remaining() > 2 * kBlock) {
    const ByteView head = in.take(kBlock);
    const std::string prefix(text_at(head, 345, kPrefix)), name(text_at(head, 0, kName));
    ASSIGN(const size_t size, size_of(head));
    const ByteView content = in.take(size);
    in.take((kBlock - size % kBlock) % kBlock);
    if (!in.ok()) return bad("it ends early");
    out[prefix.empty() ? name : prefix + "/" + name] = to_bytes(content);
  }
  ASSIGN(const Bytes again, pack(out));
  if (!equal(again, archive)) return bad("not in the one form that an archive of these files has");
  return out;
}

}  // namespace chengxin::project
