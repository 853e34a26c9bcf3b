#pragma once
#include "crypto/secret.h"
#include "record/value.h"
#include "sql/database.h"
#include "sql/query.h"

// Records in the tables of their entity.
namespace chengxin::record {

// Seals values of sensitive fields, each to the place where it stands.
class Vault {
 public:
  explicit Vault(ByteView key);  // at least 16 bytes; others are derived from it

  Bytes seal(std::string_view place, const Json& value) const;
  Result<Json> open(std::string_view place, ByteView sealed) const;  // record.damaged
  // By which equal texts are found: HMAC-SM3 under a key of its own.
  Digest digest(std::string_view field, std::string_view text) const;

 private:
  const crypto::Secret seal_key_, digest_key_;
};

struct Stored {
  std::string id, number, state;  // number and state: empty where the entity has none
  int64_t version = 1;
  int64_t created_ms = 0, changed_ms = 0;
  std::string created_by, changed_by;
  bool deleted = false;
  Json fields = Json::object();  // each, in the form of Form; null: nothing is there
};

// The rows of one entity, in a transaction.
class Rows {
 public:
  Rows(const pack::Layout& layout, const Vault& vault, sql::Session& session)
      : layout_(layout), vault_(vault), session_(session) {}

  // The columns of a record, of a table that is called t; take() reads them from `at` on.
  std::string columns() const;
  Result<Stored> take(const sql::Row& row, size_t at) const;
  Status fill_lists(std::vector<Stored>& records) const;  // what stands in tables of their own

  // Those that are there, deleted ones too, in the order of their ids.
  Result<std::vector<Stored>> load(std::span<const std::string> ids) const;
  Result<std::optional<Stored>> load(const std::string& id) const;
  // Ids after this one, ascending.
  Result<std::vector<std::string>> ids_after(const std::string& id, size_t limit) const;

  Status insert(const Stored& record) const { return insert(std::span(&record, 1)); }
  Status insert(std::span<const Stored> records) const;
  // Replaces `before`. record.stale when somebody else changed it meanwhile.
  Status replace(const Stored& before, const Stored& after) const;
  // One field of a record, of whatever version: for migrations. With `keep`, the rows of its table stay and
  // get what is given of their columns.
  Status put(const std::string& id, const pack::Field& field, const Json& value, bool keep) const;
  // Anew, of records that are there.
  Status put_words(std::span<const Stored> records) const;
  Status erase(const std::string& id) const;

  // Whether another record that is not deleted has the same in these fields. A list is never the same.
  Result<bool> has_twin(const Stored& record, std::span<const std::string> fields) const;

 private:
  std::string words_place() const;
  sql::Value held(const pack::Column& column, const std::string& id, const Json& value) const;
  Result<Json> value_of(const pack::Column& column, const std::string& id, const sql::Value& value) const;
  std::string place(const pack::Column& column, const std::string& id) const;
  void add_list(const pack::ListTable& list, const std::string& id, const Json& values,
                sql::Batch& batch) const;
  Status put_lists(const pack::ListTable& list, const sql::Batch& batch) const;
  Status put_list(const pack::ListTable& list, const std::string& id, const Json& values) const;
  void add_values(const pack::Column& column, const std::string& id, const Json& value,
                  std::vector<sql::Value>& out) const;

  const pack::Layout& layout_;
  const Vault& vault_;
  sql::Session& session_;
};

// What a list is sorted by, and indexed: never null, so that its pages join. `of`: "t." or nothing.
std::string sort_key(const pack::Column& column, std::string_view of);

// Values as parameters; they refer to `values`.
std::vector<sql::Param> params_of(std::span<const sql::Value> values);

}  // namespace chengxin::record
