#include "format/record.h"

#include <algorithm>

namespace chengxin::format {
namespace {

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::invalid_argument, "format.record", "{}", why);
}

bool valid_name(std::string_view name) {
  // Strict JSON parsing of the name as a string refuses what is not UTF-8.
  return !name.empty() && name.size() <= 64 && canonical_json(Json(std::string(name))).has_value();
}

bool canonical_value(std::string_view value) {
  auto json = parse_json(value);
  if (!json) return false;
  auto again = canonical_json(*json);
  return again && *again == value;
}

}  // namespace

Digest record_field_hash(const std::string& name, const RecordField& field) {
  Bytes data = to_bytes(field.salt);
  put_be(data, uint16_t(name.size()));
  append(data, view(name));
  append(data, view(field.value));
  return merkle::Log::leaf_hash(data);
}

std::vector<RecordEntry> disclose(const Record& record,
                                  const std::optional<std::vector<std::string>>& names) {
  std::vector<RecordEntry> out;
  for (const auto& [name, field] : record) {
    RecordEntry entry;
    entry.hash = record_field_hash(name, field);
    if (!names || std::find(names->begin(), names->end(), name) != names->end())
      entry.disclosed = {name, field};
    out.push_back(std::move(entry));
  }
  return out;
}

Digest record_root(const Record& record) { return record_root(disclose(record, std::vector<std::string>{})); }

Digest record_root(const std::vector<RecordEntry>& entries) {
  std::vector<Digest> leaves;
  for (const RecordEntry& entry : entries) leaves.push_back(entry.hash);
  return merkle::Log::root_of(leaves);
}

Bytes encode_record(const std::vector<RecordEntry>& entries) {
  Bytes out;
  put_be(out, uint16_t(entries.size()));
  for (const RecordEntry& entry : entries) {
    put_be(out, uint8_t(entry.disclosed ? 1 : 0));
    if (!entry.disclosed) {
      append(out, entry.hash);
      continue;
    }
    const auto& [name, field] = *entry.disclosed;
    append(out, field.salt);
    put_be(out, uint16_t(name.size()));
    append(out, view(name));
    put_be(out, uint32_t(field.value.size()));
    append(out, view(field.value));
  }
  return out;
}

Result<std::vector<RecordEntry>> decode_record(ByteView bytes) {
  Reader in(bytes);
  size_t count = in.be<uint16_t>();
  if (count < 1 || count > 256) return malformed("not 1 to 256 fields");
  std::vector<RecordEntry> out;
  std::string last_name;
  for (size_t i = 0; i < count; ++i) {
    RecordEntry entry;
    uint8_t kind = in.be<uint8_t>();
    if (kind == 0) {
      entry.hash = in.digest();
    } else {
      RecordField field;
      field.salt = in.array<16>();
      std::string name = to_string(in.take(in.be<uint16_t>()));
      field.value = to_string(in.take_sized());
      if (!in.ok() || kind != 1) return malformed("a field does not parse");
      if (!valid_name(name) || !canonical_value(field.value))
        return malformed("a field's name or value is not canonical");
      if (name <= last_name) return malformed("fields are not in ascending order");
      last_name = name;
      entry.hash = record_field_hash(name, field);
      entry.disclosed = {std::move(name), std::move(field)};
    }
    if (!in.ok()) return malformed("cut short");
    out.push_back(std::move(entry));
  }
  if (!in.done()) return malformed("bytes left over");
  return out;
}

}  // namespace chengxin::format
