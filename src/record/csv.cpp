#include "record/csv.h"

#include <algorithm>
#include <charconv>

namespace chengxin::record {
namespace {

using pack::Field;
using pack::Type;

constexpr size_t kBatch = 500, kMostBad = 1000;
constexpr std::string_view kMark = "\xEF\xBB\xBF", kFormula = "=+-@\t\r";

bool is_formula(std::string_view text) {
  return !text.empty() && kFormula.find(text.front()) != kFormula.npos;
}

bool is_utf8(std::string_view text) {
  try {
    (void)Json(text).dump();
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

// Cells of one row after the other.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  struct Line {
    size_t number = 0;
    std::vector<std::string> cells;
  };
  // nullopt at the end; empty lines are read over.
  Result<std::optional<Line>> next() {
    while (!rest_.empty() && (rest_.front() == '\n' || rest_.front() == '\r')) take();
    if (rest_.empty()) return std::nullopt;
    Line out{number_, {}};
    for (;;) {
      out.cells.emplace_back();
      TRY(cell(out.cells.back(), out.number));
      if (rest_.empty() || rest_.front() != ',') return out;
      take();
    }
  }

 private:
  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    number_ += c == '\n' ? 1 : 0;
    return c;
  }
  Status cell(std::string& into, size_t line) {
    const auto ends = [&] {
      return rest_.empty() || std::string_view(",\r\n").find(rest_.front()) != rest_.npos;
    };
    if (rest_.empty() || rest_.front() != '"') {
      while (!ends()) {
        if (rest_.front() == '"') return fail(Code::invalid_argument, "import.quote", "line {}", line);
        into += take();
      }
      return {};
    }
    for (take(); !rest_.empty();) {
      const char c = take();
      if (c != '"') {
        into += c;
      } else if (!rest_.empty() && rest_.front() == '"') {
        into += take();
      } else if (ends()) {
        return {};
      } else {
        break;
      }
    }
    return fail(Code::invalid_argument, "import.quote", "line {}", line);
  }

  std::string_view rest_;
  size_t number_ = 1;
};

// What a column of the file is for.
struct Column {
  const Field* field = nullptr;
  bool id = false;  // neither: it is read over
};

Result<Column> column_of(const Model& model, const std::string& head) {
  if (head == "id") return Column{nullptr, true};
  if (head == "number" || head == "state") return Column{};
  const Field* found = model.entity->find(head);
  for (const Field& each : model.entity->fields) {
    if (found || each.title.zh != head) continue;
    found = &each;
  }
  if (!found) return fail(Code::invalid_argument, "import.head_unknown", "{}", head);
  if (found->computed) return Column{};
  if (found->type == Type::table || found->type == Type::attachment || found->type == Type::geometry ||
      found->type == Type::json)
    return fail(Code::invalid_argument, "import.head_kind", "{}", head);
  return Column{found, false};
}

Result<std::vector<Column>> columns_of(const Model& model, const std::vector<std::string>& heads) {
  std::vector<Column> out;
  for (const std::string& head : heads) {
    ASSIGN(const Column column, column_of(model, head));
    const bool twice = std::any_of(out.begin(), out.end(), [&](const Column& each) {
      return (each.id && column.id) || (each.field && each.field == column.field);
    });
    if (twice) return fail(Code::invalid_argument, "import.head_twice", "{}", head);
    out.push_back(column);
  }
  return out;
}

// As a program would hand it in; what cannot be read is left for Form to refuse.
Json one(const Field& field, std::string_view text) {
  if (field.type == Type::flag) {
    if (text == "true" || text == "1" || text == "是") return true;
    if (text == "false" || text == "0" || text == "否") return false;
  }
  if (field.type == Type::whole) {
    int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec == std::errc() && read.ptr == text.data() + text.size()) return value;
  }
  return text;
}

Json value_of(const Field& field, std::string_view cell) {
  if (!field.many) return one(field, cell);
  Json out = Json::array();
  while (!cell.empty()) {
    const size_t end = std::min(cell.find(';'), cell.size());
    out.push_back(one(field, cell.substr(0, end)));
    cell.remove_prefix(std::min(end + 1, cell.size()));
  }
  return out;
}

struct Row {
  size_t line = 0;
  Json given = nullptr;  // of Work::create; null: it is bad already
  Wrongs wrongs = {};
};

Row row_of(const Reader::Line& line, const std::vector<Column>& columns) {
  if (line.cells.size() != columns.size())
    return {line.number,
            nullptr,
            {{"", "import.width", fmt::format("{} / {}", line.cells.size(), columns.size())}}};
  Json given = {{"fields", Json::object()}};
  for (size_t i = 0; i < columns.size(); ++i) {
    std::string_view cell = line.cells[i];
    if (cell.size() > 1 && cell[0] == '\'' && is_formula(cell.substr(1))) cell.remove_prefix(1);
    if (cell.empty()) continue;
    if (columns[i].id) given["id"] = cell;
    if (columns[i].field) given["fields"][columns[i].field->name] = value_of(*columns[i].field, cell);
  }
  return {line.number, std::move(given), {}};
}

// Makes records of rows in one transaction. When one is refused all is undone, for it may have left something
// behind, and done again without it.
class Importer {
 public:
  Importer(Installation& installation, const Person& person, const std::string& entity)
      : installation_(installation), person_(person), entity_(entity) {}

  Status put(std::vector<Row>& rows, OnBadRow on_bad) {
    constexpr std::string_view kUndone = "import.undone";
    for (;;) {
      const Status done = installation_.work([&](sql::Session& session, const Work::Means& means) -> Status {
        TRY(attempt(rows, session, means));
        const bool none = on_bad == OnBadRow::keep_nothing && !all_good(rows);
        return refused_.empty() && !none ? Status() : fail(Code::conflict, kUndone);
      });
      if (done || done.error().reason != kUndone) {
        TRY(done);
        break;
      }
      for (auto& [at, wrongs] : refused_) rows[at].wrongs = std::move(wrongs);
      if (on_bad == OnBadRow::keep_nothing) break;
    }
    note(rows, on_bad == OnBadRow::keep_good || all_good(rows));
    return {};
  }
  ImportReport report;

 private:
  static bool all_good(const std::vector<Row>& rows) {
    return std::all_of(rows.begin(), rows.end(), [](const Row& each) { return each.wrongs.empty(); });
  }
  Status attempt(const std::vector<Row>& rows, sql::Session& session, const Work::Means& means) {
    refused_.clear();
    created_ = there_ = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].wrongs.empty()) continue;
      Work work(session, means, person_);
      const auto made = work.create(entity_, rows[i].given);
      if (session.doom()) return tl::unexpected(*session.doom());
      if (!made && made.error().reason == "record.not_allowed") return tl::unexpected(made.error());
      const bool taken = !made && made.error().reason == "record.id_taken";
      created_ += made ? 1 : 0;
      there_ += taken ? 1 : 0;
      if (!made && !taken)
        refused_[i] =
            work.wrongs().empty() ? Wrongs{{"", made.error().reason, made.error().detail}} : work.wrongs();
    }
    return {};
  }
  void note(const std::vector<Row>& rows, bool kept) {
    report.rows += rows.size();
    report.created += kept ? created_ : 0;
    report.there += there_;
    for (const Row& row : rows) {
      if (row.wrongs.empty()) continue;
      if (++report.refused > kMostBad) continue;
      for (const Wrong& each : row.wrongs) report.bad.push_back({row.line, each});
    }
  }

  Installation& installation_;
  const Person& person_;
  const std::string& entity_;
  std::map<size_t, Wrongs> refused_;
  size_t created_ = 0, there_ = 0;
};

// One cell with what stands before it.
void add_cell(std::string text, bool may_be_formula, std::string& out) {
  if (may_be_formula && is_formula(text)) text.insert(0, 1, '\'');
  const bool quoted = text.find_first_of(",\"\r\n") != text.npos;
  if (quoted) out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  if (quoted) out += '"';
}

std::string text_of(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  const bool codes = value.is_array() && std::all_of(value.begin(), value.end(),
                                                     [](const Json& each) { return each.is_string(); });
  if (!codes) return value.dump();
  std::string out;
  for (const Json& each : value) out += (out.empty() ? "" : ";") + each.get<std::string>();
  return out;
}

std::vector<const Field*> fields_shown(const Model& model, const Person& person) {
  std::vector<const Field*> out;
  for (const Field& field : model.entity->fields) {
    const bool shown = std::any_of(model.access.begin(), model.access.end(), [&](const RoleAccess& each) {
      return each.read && !each.hide.contains(field.name) &&
             std::find(person.roles.begin(), person.roles.end(), each.role) != person.roles.end();
    });
    if (shown) out.push_back(&field);
  }
  return out;
}

void add_line(const Model& model, const std::vector<const Field*>& fields, const Json& record,
              std::string& out) {
  out += record.at("id").get<std::string>();
  const auto built_in = [&](bool there, const char* name) {
    if (!there) return;
    out += ',';
    add_cell(record.value(name, ""), true, out);
  };
  built_in(!model.number.empty(), "number");
  built_in(!model.states.empty(), "state");
  for (const Field* field : fields) {
    const bool number =
        field->type == Type::whole || field->type == Type::decimal || field->type == Type::money;
    const auto value = record.at("fields").find(field->name);
    out += ',';
    add_cell(value == record.at("fields").end() ? "" : text_of(*value), !number, out);
  }
  out += "\r\n";
}

}  // namespace

Result<ImportReport> import_csv(Installation& installation, const Person& person, const std::string& entity,
                                std::string_view csv, OnBadRow on_bad) {
  if (csv.starts_with(kMark)) csv.remove_prefix(kMark.size());
  if (!is_utf8(csv)) return fail(Code::invalid_argument, "import.not_utf8");
  const auto catalogue = installation.current();
  ASSIGN(const Model* model, catalogue->model(entity));
  Reader reader(csv);
  ASSIGN(const auto head, reader.next());
  ASSIGN(const auto columns, columns_of(*model, head ? head->cells : std::vector<std::string>()));
  Importer importer(installation, person, entity);
  for (bool more = true; more;) {
    std::vector<Row> rows;
    while (on_bad == OnBadRow::keep_nothing || rows.size() < kBatch) {
      ASSIGN(const auto line, reader.next());
      more = line.has_value();
      if (!more) break;
      rows.push_back(row_of(*line, columns));
    }
    if (!rows.empty()) TRY(importer.put(rows, on_bad));
  }
  return std::move(importer.report);
}

Status export_csv(Installation& installation, const Person& person, const std::string& entity,
                  ListQuery query, const std::function<Status(std::string_view)>& write) {
  return installation.read([&](sql::Session& session, const Work::Means& means) -> Status {
    ASSIGN(const Model* model, means.catalogue.model(entity));
    const auto fields = fields_shown(*model, person);
    std::string out = std::string(kMark) + "id";
    if (!model->number.empty()) out += ",number";
    if (!model->states.empty()) out += ",state";
    for (const Field* each : fields) out += "," + each->name;
    out += "\r\n";
    query.limit = kBatch;
    query.cursor.clear();
    do {
      Work work(session, means, person);
      ASSIGN(const Listing page, work.list(entity, query));
      for (const Json& each : page.records) add_line(*model, fields, each, out);
      TRY(write(out));
      out.clear();
      query.cursor = page.next;
    } while (!query.cursor.empty());
    return {};
  });
}

}  // namespace chengxin::record
