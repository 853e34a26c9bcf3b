#include "inspect/inspect.h"

#include <algorithm>
#include <optional>

#include "inspect/impl/archive.h"

namespace chengxin::inspect {
namespace {

constexpr size_t kWindowBytes = 1 << 20, kScriptLooks = 512;

struct Kind {
  Type type;
  std::string_view media_type;
  std::vector<std::string_view> endings;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table = {
      {Type::jpeg, "image/jpeg", {"jpg", "jpeg"}},
      {Type::png, "image/png", {"png"}},
      {Type::gif, "image/gif", {"gif"}},
      {Type::webp, "image/webp", {"webp"}},
      {Type::tiff, "image/tiff", {"tif", "tiff"}},
      {Type::pdf, "application/pdf", {"pdf"}},
      {Type::ofd, "application/ofd", {"ofd"}},
      {Type::docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", {"docx"}},
      {Type::xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", {"xlsx"}},
      {Type::zip, "application/zip", {"zip"}},
      {Type::mp4, "video/mp4", {"mp4", "m4v"}},
      {Type::text, "text/plain", {"txt", "csv", "md", "log"}},
  };
  return table;
}

const Kind& kind_of(Type type) {
  return *std::find_if(kinds().begin(), kinds().end(), [&](const Kind& kind) { return kind.type == type; });
}

using namespace std::string_view_literals;

// Of Linux, Windows, macOS, Java, WebAssembly, Android; shortcuts; scripts of a Unix shell.
constexpr std::string_view kPrograms[] = {
    "\x7f"
    "ELF"sv,
    "MZ"sv,
    "\xfe\xed\xfa\xce"sv,
    "\xfe\xed\xfa\xcf"sv,
    "\xce\xfa\xed\xfe"sv,
    "\xcf\xfa\xed\xfe"sv,
    "\xca\xfe\xba\xbe"sv,
    "\0asm"sv,
    "dex\n"sv,
    "L\0\0\0\x01\x14\x02\0"sv,
    "#!"sv};
// What browsers and interpreters run, in small letters.
constexpr std::string_view kScripts[] = {
    "#!", "<?php", "<%", "<script", "<html", "<!doctype html", "<svg", "<?xml-stylesheet", "@echo"};
constexpr std::string_view kMp4Brands[] = {"isom", "iso2", "iso4", "iso5", "iso6", "mp41",
                                           "mp42", "avc1", "M4V ", "MSNV", "dash"};

bool is_program(std::string_view head) {
  return std::any_of(std::begin(kPrograms), std::end(kPrograms),
                     [&](auto magic) { return head.starts_with(magic); });
}

bool is_script(std::string_view head) {
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n\f"), head.size()));
  std::string small(head.substr(0, kScriptLooks));
  for (char& c : small) c = char(std::tolower(static_cast<unsigned char>(c)));
  return std::any_of(std::begin(kScripts), std::end(kScripts),
                     [&](auto begin) { return small.starts_with(begin); });
}

// By magic numbers; ZIP stands for all that are archives.
std::optional<Type> by_magic(std::string_view head) {
  const auto at = [&](size_t place, std::string_view magic) {
    return head.size() >= place && head.substr(place).starts_with(magic);
  };
  if (at(0, "\xff\xd8\xff")) return Type::jpeg;
  if (at(0, "\x89PNG\r\n\x1a\n") && at(12, "IHDR")) return Type::png;
  if (at(0, "GIF87a") || at(0, "GIF89a")) return Type::gif;
  if (at(0, "RIFF") && at(8, "WEBPVP8")) return Type::webp;
  if (at(0, "II*\0"sv) || at(0, "MM\0*"sv)) return Type::tiff;
  if (at(0, "%PDF-1.") || at(0, "%PDF-2.")) return Type::pdf;
  if (at(0, "PK\x03\x04") || at(0, "PK\x05\x06")) return Type::zip;
  const bool mp4 = at(4, "ftyp") && std::any_of(std::begin(kMp4Brands), std::end(kMp4Brands),
                                                [&](auto brand) { return at(8, brand); });
  if (mp4) return Type::mp4;
  return {};
}

bool safe_name(std::string_view name) {
  // U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069
  for (std::string_view mark :
       {"\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad",
        "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9"})
    if (name.find(mark) != name.npos) return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == 127 || c == '/' || c == '\\';
  });
}

Status check_name(std::string_view name, const Kind& kind) {
  const size_t dot = name.rfind('.');
  std::string ending(dot == name.npos ? "" : name.substr(dot + 1));
  for (char& c : ending) c = char(std::tolower(static_cast<unsigned char>(c)));
  const bool fits = std::find(kind.endings.begin(), kind.endings.end(), ending) != kind.endings.end();
  if (safe_name(name) && fits) return {};
  return fail(Code::invalid_argument, "inspect.name", "it is {}", kind.media_type);
}

}  // namespace

std::string_view media_type(Type type) { return kind_of(type).media_type; }

void Inspector::TextScan::take(uint8_t byte) {
  const bool control =
      (byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r' && byte != '\f') || byte == 127;
  if (control) utf8 = gb18030 = false;
  if (utf8) take_utf8(byte);
  if (gb18030) take_gb18030(byte);
}

// The well-formed sequences of Unicode, table 3-7.
void Inspector::TextScan::take_utf8(uint8_t byte) {
  if (utf8_left > 0) {
    utf8 = byte >= utf8_least && byte <= utf8_most;
    utf8_least = 0x80, utf8_most = 0xbf;
    --utf8_left;
    return;
  }
  if (byte < 0x80) return;
  utf8 = byte >= 0xc2 && byte <= 0xf4;
  utf8_left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
  if (byte == 0xe0) utf8_least = 0xa0;
  if (byte == 0xed) utf8_most = 0x9f;
  if (byte == 0xf0) utf8_least = 0x90;
  if (byte == 0xf4) utf8_most = 0x8f;
}

// GB 18030-2022 clause 5: one, two or four bytes.
void Inspector::TextScan::take_gb18030(uint8_t byte) {
  const bool lead = byte >= 0x81 && byte <= 0xfe, digit = byte >= '0' && byte <= '9';
  const bool second = byte >= 0x40 && byte <= 0xfe && byte != 0x7f;
  switch (gb_place) {
    case 0:
      gb18030 = byte < 0x80 || lead;
      gb_place = lead ? 1 : 0;
      break;
    case 1:
      gb18030 = second || digit;
      gb_place = digit ? 2 : 0;
      break;
    case 2:
      gb18030 = lead;
      gb_place = 3;
      break;
    default:
      gb18030 = digit;
      gb_place = 0;
  }
}

Inspector::Inspector(std::string_view name, Limits limits) : name_(name), limits_(std::move(limits)) {}

Status Inspector::update(ByteView bytes) {
  size_ += bytes.size();
  if (size_ > limits_.max_bytes)
    return fail(Code::too_large, "inspect.too_large", "above {} bytes", limits_.max_bytes);
  append(head_, bytes.first(std::min(bytes.size(), kWindowBytes - head_.size())));
  append(tail_, bytes.last(std::min(bytes.size(), 2 * kWindowBytes)));
  if (tail_.size() > 2 * kWindowBytes) tail_.erase(tail_.begin(), tail_.end() - ptrdiff_t(kWindowBytes));
  for (size_t i = 0; i < bytes.size() && (text_.utf8 || text_.gb18030); ++i) text_.take(bytes[i]);
  if (is_program(text(head_))) return fail(Code::invalid_argument, "inspect.program");
  return {};
}

Result<Type> Inspector::type() const {
  const auto type = by_magic(text(head_));
  if (type == Type::zip) return archive_type({size_, head_, tail_}, limits_);
  if (type) return *type;
  if (is_script(text(head_))) return fail(Code::invalid_argument, "inspect.program");
  if (text_.is_text()) return Type::text;
  return fail(Code::invalid_argument, "inspect.unknown");
}

Result<Type> Inspector::finish() {
  if (size_ == 0) return fail(Code::invalid_argument, "inspect.empty");
  ASSIGN(const Type found, type());
  if (std::find(limits_.allowed.begin(), limits_.allowed.end(), found) == limits_.allowed.end())
    return fail(Code::invalid_argument, "inspect.not_allowed", "it is {}", media_type(found));
  TRY(check_name(name_, kind_of(found)));
  return found;
}

Result<Type> inspect(ByteView whole, std::string_view name, const Limits& limits) {
  Inspector inspector(name, limits);
  TRY(inspector.update(whole));
  return inspector.finish();
}

}  // namespace chengxin::inspect
