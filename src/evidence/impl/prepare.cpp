#include "evidence/impl/prepare.h"

#include <algorithm>

#include "crypto/random.h"
#include "crypto/uuid.h"

namespace chengxin::evidence {
namespace {

constexpr size_t kMaxTitle = 4096, kMaxWord = 256, kMaxTags = 32, kMaxLinks = 32, kMaxFurther = 8;
constexpr size_t kMaxCaptureFields = 32, kMaxCaptureBytes = 8192;
constexpr std::string_view kFurther = "digest.", kCapture = "capture.";

tl::unexpected<Error> bad(std::string_view reason, std::string_view detail) {
  return fail(Code::invalid_argument, reason, "{}", detail);
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return uint8_t(c) < 0x20 || c == 0x7f; });
}

bool is_key(std::string_view name, size_t max) {
  return !name.empty() && name.size() <= max && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool is_further_digest(const std::string& name, std::string_view value) {
  bool known_length = name == "sha256" ? value.size() == 64 : name == "sha512" ? value.size() == 128 : true;
  return is_key(name, 16) && known_length && value.size() >= 32 && value.size() <= 128 &&
         value.size() % 2 == 0 && std::all_of(value.begin(), value.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Status check(NewEvidence& content) {
  if (content.title.size() > kMaxTitle)
    return bad("evidence.title_length", fmt::format("above {} bytes", kMaxTitle));
  for (const std::string* word : {&content.type, &content.holder})
    if (word->size() > kMaxWord)
      return bad("evidence.text", fmt::format("a type or holder above {} bytes", kMaxWord));
  for (const std::string* text : {&content.title, &content.type, &content.holder})
    if (has_control(*text)) return bad("evidence.text", "control characters in title, type or holder");
  std::sort(content.tags.begin(), content.tags.end());
  content.tags.erase(std::unique(content.tags.begin(), content.tags.end()), content.tags.end());
  if (content.tags.size() > kMaxTags) return bad("evidence.tag", fmt::format("above {} tags", kMaxTags));
  for (const std::string& tag : content.tags)
    if (tag.empty() || tag.size() > kMaxWord || has_control(tag))
      return bad("evidence.tag", "empty, long or odd");
  std::sort(content.links.begin(), content.links.end());
  content.links.erase(std::unique(content.links.begin(), content.links.end()), content.links.end());
  if (content.links.size() > kMaxLinks)
    return bad("evidence.link_unknown", fmt::format("above {} links", kMaxLinks));
  for (const std::string& link : content.links)
    if (!crypto::parse_id(link)) return bad("evidence.link_unknown", "a link is no id of evidence");
  if (content.further_digests.size() > kMaxFurther) return bad("evidence.further_digest", "too many");
  for (const auto& [name, value] : content.further_digests)
    if (!is_further_digest(name, value))
      return bad("evidence.further_digest", "not a name and lower-case hexadecimal");
  if (content.capture.is_null()) content.capture = Json::object();
  if (!content.capture.is_object() || content.capture.size() > kMaxCaptureFields)
    return bad("evidence.capture", fmt::format("not an object of at most {} members", kMaxCaptureFields));
  for (auto it = content.capture.begin(); it != content.capture.end(); ++it)
    if (!is_key(it.key(), 48))
      return bad("evidence.capture", "a member's name is not 1 to 48 of A-Z a-z 0-9 - _");
  if (content.size >= uint64_t(1) << 53) return bad("evidence.size", "2^53 or more");
  return {};
}

// Fields that are empty are left out. The names are part of the format: docs/evidence.md.
Result<std::map<std::string, std::string>> values_of(const NewEvidence& content) {
  std::map<std::string, std::string> out;
  auto put = [&](const std::string& name, const Json& value, std::string_view reason) -> Status {
    auto canonical = canonical_json(value);
    if (!canonical) return bad(reason, canonical.error().to_string());
    out.emplace(name, std::move(*canonical));
    return {};
  };
  TRY(put("size", content.size, "evidence.size"));
  if (!content.title.empty()) TRY(put("title", content.title, "evidence.text"));
  if (!content.type.empty()) TRY(put("type", content.type, "evidence.text"));
  if (!content.holder.empty()) TRY(put("holder", content.holder, "evidence.text"));
  if (!content.tags.empty()) TRY(put("tags", content.tags, "evidence.tag"));
  if (!content.links.empty()) TRY(put("links", content.links, "evidence.link_unknown"));
  for (const auto& [name, value] : content.further_digests)
    TRY(put(std::string(kFurther) + name, value, "evidence.further_digest"));
  size_t capture_bytes = 0;
  for (auto it = content.capture.begin(); it != content.capture.end(); ++it) {
    std::string name = std::string(kCapture) + it.key();
    TRY(put(name, it.value(), "evidence.capture"));
    capture_bytes += out[name].size();
  }
  if (capture_bytes > kMaxCaptureBytes)
    return bad("evidence.capture", fmt::format("{} bytes, the limit is {}", capture_bytes, kMaxCaptureBytes));
  return out;
}

Status take(const std::string& name, const Json& value, NewEvidence& content) {
  if (name == "size") content.size = value.get<uint64_t>();
  if (name == "title") content.title = value.get<std::string>();
  if (name == "type") content.type = value.get<std::string>();
  if (name == "holder") content.holder = value.get<std::string>();
  if (name == "tags") content.tags = value.get<std::vector<std::string>>();
  if (name == "links") content.links = value.get<std::vector<std::string>>();
  if (name.starts_with(kFurther))
    content.further_digests[name.substr(kFurther.size())] = value.get<std::string>();
  if (name.starts_with(kCapture)) content.capture[name.substr(kCapture.size())] = value;
  return {};
}

}  // namespace

// A tree of one withheld leaf has that leaf for its root.
Result<Prepared> prepare_commitment(NewEvidence content) {
  const bool alone = content.size == 0 && content.title.empty() && content.holder.empty() &&
                     content.tags.empty() && content.links.empty() && content.further_digests.empty() &&
                     content.capture.empty() && content.blob.empty();
  if (!alone) return bad("evidence.commitment", "fields beside a ready commitment");
  const Digest commitment = *content.commitment;
  const std::vector entries{format::RecordEntry{{}, commitment}};
  return Prepared{std::move(content), format::encode_record(entries), commitment};
}

Result<Prepared> prepare(NewEvidence content) {
  TRY(check(content));
  if (content.commitment) return prepare_commitment(std::move(content));
  ASSIGN(auto values, values_of(content));
  Bytes salts(values.size() * sizeof(format::Salt));
  crypto::random_fill(salts);
  format::Record record;
  Reader salt_reader(salts);
  for (auto& [name, value] : values)
    record.emplace(name, format::RecordField{salt_reader.array<16>(), std::move(value)});
  auto entries = format::disclose(record, std::nullopt);
  return Prepared{std::move(content), format::encode_record(entries), format::record_root(entries)};
}

Status restore(ByteView record, NewEvidence& content) {
  ASSIGN(auto entries, format::decode_record(record));
  if (entries.size() == 1 && !entries.front().disclosed) {
    content.commitment = entries.front().hash;
    return {};
  }
  for (const auto& entry : entries) {
    if (!entry.disclosed) return fail(Code::data_loss, "evidence.damaged", "a stored field is withheld");
    ASSIGN(Json value, parse_json(entry.disclosed->second.value));
    try {
      TRY(take(entry.disclosed->first, value, content));
    } catch (const Json::exception&) {
      return fail(Code::data_loss, "evidence.damaged", "a stored field has another type");
    }
  }
  return {};
}

Bytes item_of(const Digest& digest, const Digest& commitment) {
  Bytes item = to_bytes(digest);
  append(item, commitment);
  return item;
}

}  // namespace chengxin::evidence
