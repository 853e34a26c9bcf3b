#pragma once
#include "format/record.h"
#include "record/catalogue.h"
#include "record/rows.h"

// What the chain is given of a version of a record: the root of a tree of salted fields
// (docs/formats/chain.md, "Record commitment"; ADR 0054).
namespace chengxin::record {

// A version as its history has it, in the clear.
struct Facts {
  std::string entity, id, number, state, action;
  int64_t version = 0;
  Json fields = Json::object();  // what is null may be missing
};

// Names of what each commitment holds of every record; fields of an entity are called f.NAME beside them.
inline constexpr std::array<std::string_view, 6> kBuiltInFacts{"action", "entity", "id",
                                                               "number", "state",  "version"};
std::string committed_name(const std::string& field);
// The field of an entity, or the built-in fact, that a name stands for.
std::string field_named(std::string_view committed);
// RFC 8785; of values that it has no form for (coordinates) the text of their JSON.
std::string committed_value(const Facts& facts, std::string_view name);

// What a version holds as SQL keeps it (record_version.content): sensitive fields sealed, nulls left out; and
// back. `fault` names the field when record.damaged is the error.
Json kept_content(const pack::Entity& entity, const Vault& vault, const Stored& record);
Status open_content(const Vault& vault, std::string_view content, Facts& facts, std::string& fault);
bool is_sensitive(const pack::Entity& entity, const pack::Field& field);

// Salts and hashes by name, and so the root. SQL keeps them sealed: who changes a field there cannot make
// the hash that belongs to it, nor learn from the salts what a withheld field holds.
class Commitment {
 public:
  struct Leaf {
    format::Salt salt{};
    Digest hash{};
  };

  static Commitment make(const Facts& facts, std::span<const pack::Field* const> fields);
  static Result<Commitment> open(const Vault& vault, const Facts& of, ByteView sealed);  // record.damaged
  Bytes seal(const Vault& vault, const Facts& of) const;

  Digest root() const;
  const std::map<std::string, Leaf>& leaves() const { return leaves_; }
  // Names whose value is not the one that was committed to.
  std::vector<std::string> changed(const Facts& facts) const;
  // For a bundle: those named disclosed, the others withheld.
  std::vector<format::RecordEntry> disclose(const Facts& facts, const std::set<std::string>& names) const;

 private:
  std::map<std::string, Leaf> leaves_;
};

// A row of record_anchor: where the anchoring of one version is.
enum class AnchorState { pending = 0, handed_in = 1, anchored = 2, refused = 3 };

}  // namespace chengxin::record
