#include "sql/dump.h"

#include <algorithm>
#include <fstream>

#include "base/json.h"
#include "sql/impl/durable.h"

namespace chengxin::sql {
namespace {

constexpr std::string_view kFormat = "chengxin/sql-dump/v1";
constexpr JsonLimits kLineLimits = {.max_bytes = 1 << 30, .max_depth = 4};

bool is_name(const std::string& name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
}

// In the order in which they were made, so that what is referred to comes first.
Result<std::vector<std::string>> tables(Session& session) {
  ASSIGN(auto rows,
         session.rows(session.dialect() == Dialect::sqlite
                          ? "select name from sqlite_master where type = 'table' order by rowid"
                          : "select relname from pg_class where relkind = 'r' and"
                            " relnamespace = cast(current_schema() as regnamespace) order by oid"));
  std::vector<std::string> names;
  for (const Row& row : rows)
    if (is_name(row.text(0)) && !row.text(0).starts_with("sqlite_") && row.text(0) != "schema_version")
      names.push_back(row.text(0));
  return names;
}

Json to_json(const Value& value) {
  switch (value.type()) {
    case Type::integer:
      return value.integer();
    case Type::text:
      return value.text();
    case Type::blob:
      return {{"b", base64(value.blob())}};
    default:
      return nullptr;
  }
}

Result<Value> from_json(const Json& json) {
  if (json.is_null()) return Value();
  if (json.is_number_integer() && (!json.is_number_unsigned() || json.get<uint64_t>() <= INT64_MAX))
    return Value(json.get<int64_t>());
  if (json.is_string()) return Value(json.get<std::string>());
  if (json.is_object() && json.size() == 1 && json.contains("b") && json["b"].is_string()) {
    ASSIGN(Bytes bytes, unbase64(json["b"].get_ref<const std::string&>()));
    return Value(std::move(bytes));
  }
  return fail(Code::data_loss, "sql.dump_malformed", "not a value");
}

class Writer {
 public:
  explicit Writer(const fs::path& file) : path_(file), out_(file, std::ios::binary | std::ios::trunc) {}
  Status line(const Json& json) {
    errno = 0;
    out_ << json.dump() << '\n';
    if (!out_) return tl::unexpected(file_error(path_, errno ? errno : EIO));
    return {};
  }
  Status close() {
    errno = 0;
    out_.close();
    if (!out_) return tl::unexpected(file_error(path_, errno ? errno : EIO));
    return {};
  }

 private:
  fs::path path_;
  std::ofstream out_;
};

using LeftOut = std::vector<std::pair<std::string, std::string>>;  // beginning of a table's name, column

// All of its columns, but those that are left out.
Result<std::string> columns_of(Session& session, const std::string& table, const LeftOut& left_out) {
  const auto rows =
      session.dialect() == Dialect::sqlite
          ? session.rows("select name from pragma_table_info(?) order by cid", table)
          : session.rows(
                "select attname from pg_attribute where attrelid = to_regclass(?) and attnum > 0 and not "
                "attisdropped order by attnum",
                table);
  if (!rows) return tl::unexpected(rows.error());
  std::string out;
  for (const Row& row : *rows) {
    const auto is_left_out = [&](const auto& each) {
      return table.starts_with(each.first) && row.text(0) == each.second;
    };
    if (std::none_of(left_out.begin(), left_out.end(), is_left_out))
      out += (out.empty() ? "" : ", ") + row.text(0);
  }
  return out;
}

Status dump_table(Session& session, const std::string& table, const LeftOut& left_out, Writer& writer,
                  uint64_t& rows) {
  bool first = true;
  const bool whole = std::none_of(left_out.begin(), left_out.end(),
                                  [&](const auto& each) { return table.starts_with(each.first); });
  ASSIGN(const std::string columns, whole ? Result<std::string>("*") : columns_of(session, table, left_out));
  return session.each("select " + columns + " from " + table, [&](const Row& row) -> Status {
    if (std::exchange(first, false)) TRY(writer.line({{"table", table}, {"columns", row.names()}}));
    Json values = Json::array();
    for (size_t i = 0; i < row.size(); ++i) values.push_back(to_json(row[i]));
    ++rows;
    return writer.line(values);
  });
}

Status write_dump(Session& session, const Versions& versions, const std::vector<std::string>& skip,
                  const LeftOut& left_out, const fs::path& file) {
  Writer writer(file);
  Json schema = Json::object();
  for (const auto& [component, version] : versions)
    if (std::find(skip.begin(), skip.end(), component + "_") == skip.end()) schema[component] = version;
  TRY(writer.line({{"format", kFormat}, {"schema", schema}}));
  ASSIGN(auto names, tables(session));
  uint64_t rows = 0;
  for (const std::string& table : names) {
    bool skipped = std::any_of(skip.begin(), skip.end(),
                               [&](const std::string& prefix) { return table.starts_with(prefix); });
    if (!skipped) TRY(dump_table(session, table, left_out, writer, rows));
  }
  TRY(writer.line({{"rows", rows}}));
  return writer.close();
}

// A dump line by line.
class Source {
 public:
  static Result<Source> open(const fs::path& file) {
    Source source(file);
    errno = 0;
    if (!source.in_) return tl::unexpected(file_error(file, errno ? errno : ENOENT));
    ASSIGN(Json head, source.next());
    if (!head.is_object() || head.value("format", Json()) != kFormat) {
      bool later =
          head.is_object() && head.value("format", Json("")).dump().starts_with("\"chengxin/sql-dump/");
      if (later)
        return fail(Code::unsupported, "sql.newer_version", "{} has a format of a later program",
                    file.string());
      return source.malformed("not a dump of ours");
    }
    if (!head.contains("schema") || !head["schema"].is_object()) return source.malformed("no schema");
    for (const auto& [component, version] : head["schema"].items()) {
      if (!version.is_number_integer()) return source.malformed("no version");
      source.versions.emplace_back(component, version.get<int>());
    }
    return source;
  }

  Result<Json> next() {
    std::string text;
    ++line_;
    if (!std::getline(in_, text) || in_.eof())
      return fail(Code::data_loss, "sql.dump_truncated", "{} ends at line {}", path_.string(), line_);
    auto json = parse_json(text, kLineLimits);
    if (!json) return malformed(json.error().to_string());
    return json;
  }
  bool at_end() { return in_.peek() == std::ifstream::traits_type::eof(); }
  tl::unexpected<Error> malformed(std::string_view what) const {
    return fail(Code::data_loss, "sql.dump_malformed", "{} line {}: {}", path_.string(), line_, what);
  }

  Versions versions;

 private:
  explicit Source(const fs::path& file) : path_(file), in_(file, std::ios::binary) {}
  fs::path path_;
  std::ifstream in_;
  uint64_t line_ = 0;
};

class Loader {
 public:
  Loader(Session& session, Source& source, const std::function<Status(Session&)>& make_tables)
      : session_(session), source_(source), make_tables_(make_tables) {}

  Status load() {
    ASSIGN(known_, tables(session_));
    for (;;) {
      ASSIGN(Json json, source_.next());
      if (json.is_array()) {
        TRY(add(json));
      } else if (json.is_object() && json.contains("table")) {
        TRY(flush());
        TRY(start(json));
      } else if (json.is_object() && json.contains("rows")) {
        TRY(flush());
        if (json["rows"] != rows_ || !source_.at_end()) return source_.malformed("another number of rows");
        return {};
      } else {
        return source_.malformed("neither a table nor a row");
      }
    }
  }

 private:
  // Names become part of a statement: only those of tables that are here, and nothing but letters.
  Status start(const Json& json) {
    std::string table = json["table"].is_string() ? json["table"].get<std::string>() : "";
    const auto is_known = [&] { return std::find(known_.begin(), known_.end(), table) != known_.end(); };
    if (!is_known() && make_tables_ && !std::exchange(asked_, true)) {
      TRY(make_tables_(session_));
      ASSIGN(known_, tables(session_));
    }
    if (!is_known()) return source_.malformed("no table is called so here");
    std::string columns, places;
    for (const Json& column : json.value("columns", Json::array())) {
      if (!column.is_string() || !is_name(column.get<std::string>()))
        return source_.malformed("not a column's name");
      columns += (columns.empty() ? "" : ", ") + column.get<std::string>();
      places += places.empty() ? "?" : ", ?";
    }
    if (columns.empty()) return source_.malformed("no columns");
    width_ = size_t(std::count(places.begin(), places.end(), '?'));
    insert_ = "insert into " + table + " (" + columns + ") values (" + places + ")";
    ASSIGN(auto rows, session_.rows("select 1 from " + table + " limit 1"));
    if (!rows.empty()) return fail(Code::conflict, "sql.not_empty", "table {} has rows already", table);
    return {};
  }

  Status add(const Json& json) {
    if (insert_.empty() || json.size() != width_) return source_.malformed("a row of another width");
    std::vector<Value> values;
    for (const Json& item : json) {
      auto value = from_json(item);
      if (!value) return source_.malformed(value.error().to_string());
      values.push_back(std::move(*value));
    }
    batch_.add_row(std::vector<Param>(values.begin(), values.end()));
    ++rows_;
    return batch_.size() >= 2000 || batch_.bytes() > (4 << 20) ? flush() : Status();
  }

  Status flush() {
    if (!batch_.empty()) TRY(session_.run_each(insert_, batch_));
    batch_.clear();
    return {};
  }

  Session& session_;
  Source& source_;
  const std::function<Status(Session&)>& make_tables_;
  bool asked_ = false;
  std::vector<std::string> known_;
  std::string insert_;
  size_t width_ = 0;
  Batch batch_;
  uint64_t rows_ = 0;
};

// PostgreSQL's identity columns do not notice values that are given to them.
Status advance_identities(Session& session) {
  if (session.dialect() != Dialect::postgresql) return {};
  ASSIGN(auto rows,
         session.rows(
             "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid where"
             " a.attidentity <> cast('' as \"char\") and c.relnamespace ="
             " cast(current_schema() as regnamespace)"));
  for (const Row& row : rows) {
    std::string table = row.text(0), column = row.text(1);
    if (!is_name(table) || !is_name(column)) continue;
    TRY(session.rows("select setval(pg_get_serial_sequence(?, ?), max(" + column + ")) from " + table +
                         " having max(" + column + ") is not null",
                     table, column));
  }
  return {};
}

}  // namespace

Status dump(Database& database, const fs::path& file, const std::vector<std::string>& skip,
            const std::vector<std::pair<std::string, std::string>>& columns) {
  fs::path partial = file;
  partial += ".partial";
  TRY(write_durable(partial, {}, 0600));
  ASSIGN(Versions versions, database.versions());
  Status status =
      database.read([&](Session& session) { return write_dump(session, versions, skip, columns, partial); });
  if (status) status = finish_durable(partial, file);
  std::error_code ignored;
  if (!status) fs::remove(partial, ignored);
  return status;
}

Result<Versions> dump_versions(const fs::path& file) {
  ASSIGN(Source source, Source::open(file));
  return source.versions;
}

Status restore(Database& database, const fs::path& file, const std::function<Status(Session&)>& make_tables) {
  ASSIGN(Versions here, database.versions());
  return database.transaction([&](Session& session) -> Status {
    ASSIGN(Source source, Source::open(file));
    for (const auto& wanted : source.versions)
      if (std::find(here.begin(), here.end(), wanted) == here.end())
        return fail(Code::conflict, "sql.schema_mismatch", "the dump needs version {} of {}", wanted.second,
                    wanted.first);
    TRY(Loader(session, source, make_tables).load());
    return advance_identities(session);
  });
}

}  // namespace chengxin::sql
