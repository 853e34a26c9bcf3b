#include "access/labels.h"

namespace chengxin::access {

Result<std::map<std::string, Label>> Labels::find(std::span<const std::string> records) const {
  std::map<std::string, Label> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    out.clear();
    for (const auto& record : records) {
      ASSIGN(auto row, session.row("select organisation, level from access_label where object = ?", record));
      if (row) out[record] = {row->text(0), int(row->integer(1))};
    }
    return {};
  }));
  return out;
}

Status Labels::add(std::span<const std::string> records, const Label& label) {
  return database_.transaction([&](sql::Session& session) -> Status {
    for (const auto& record : records)
      TRY(session.run(
          "insert into access_label (object, organisation, level) values (?, ?, ?) on conflict do nothing",
          record, label.organisation, label.level));
    return {};
  });
}

Status Labels::set(const std::string& record, const Label& label) {
  return database_.transaction([&](sql::Session& session) -> Status {
    TRY(session.run("delete from access_label where object = ?", record));
    TRY(session.run("insert into access_label (object, organisation, level) values (?, ?, ?)", record,
                    label.organisation, label.level));
    return {};
  });
}

}  // namespace chengxin::access
