#pragma once
#include "flow/case.h"
#include "sql/database.h"

// Cases as rows.
namespace chengxin::flow {

extern const std::span<const sql::Migration> kTables;

// nullopt: no such case.
Result<std::optional<Case>> read_case(sql::Session& session, int64_t id);
// Gives its id.
Result<int64_t> insert_case(sql::Session& session, const Case& at);
// The case, and the rows that follow from what is open in it; only those that differ are written.
Status write_case(sql::Session& session, const Case& before, const Case& after);
Status write_events(sql::Session& session, int64_t id, std::span<const Event> events);
Status write_messages(sql::Session& session, std::span<const Message> messages);

}  // namespace chengxin::flow
