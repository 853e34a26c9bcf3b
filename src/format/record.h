#pragma once
#include <map>
#include <optional>

#include "base/json.h"
#include "merkle/log_tree.h"

// Salted field commitments: docs/formats/chain.md, "Record commitment".
namespace chengxin::format {

using Salt = std::array<uint8_t, 16>;

struct RecordField {
  Salt salt{};
  std::string value;  // RFC 8785
};
using Record = std::map<std::string, RecordField>;  // by field name, in byte order

Digest record_field_hash(const std::string& name, const RecordField& field);
Digest record_root(const Record& record);

// One entry of a bundle's record section: disclosed or withheld.
struct RecordEntry {
  std::optional<std::pair<std::string, RecordField>> disclosed;
  Digest hash{};
};
// The record with only the named fields disclosed; nullopt discloses all.
std::vector<RecordEntry> disclose(const Record& record, const std::optional<std::vector<std::string>>& names);
Digest record_root(const std::vector<RecordEntry>& entries);
Bytes encode_record(const std::vector<RecordEntry>& entries);
Result<std::vector<RecordEntry>> decode_record(ByteView bytes);  // format.record

}  // namespace chengxin::format
