#include "record/reconciliation.h"

namespace chengxin::record {
namespace {

using What = Discrepancy::What;
constexpr size_t kPage = 200;

bool is_same(const Json& a, const Json& b) {
  const auto is_nothing = [](const Json& value) {
    return value.is_null() || (value.is_array() && value.empty());
  };
  return a == b || (is_nothing(a) && is_nothing(b));
}

// Of record.damaged: entity/field/id.
std::string field_of(const Error& error) {
  const size_t first = error.detail.find('/'), second = error.detail.find('/', first + 1);
  return second == std::string::npos ? "" : error.detail.substr(first + 1, second - first - 1);
}

bool is_database(const Error& error) { return error.reason.starts_with("sql."); }

}  // namespace

std::string_view name_of(What what) {
  switch (what) {
    case What::changed:
      return "changed";
    case What::missing_in_sql:
      return "missing_in_sql";
    case What::missing_on_chain:
      return "missing_on_chain";
    case What::pending_too_long:
      return "pending_too_long";
  }
  return "";
}

class Reconciliation::Reader {
 public:
  Reader(sql::Session& session, const Work::Means& means, const Model& model, int64_t since_ms, Page& page)
      : session_(session), means_(means), model_(model), since_ms_(since_ms), page_(page) {}

  // Versions, each with its commitment, and the newest of a record with the record as it is.
  Status versions(const std::string& cursor) {
    TRY(read_migrations());
    ASSIGN(const auto first, session_.row("select coalesce(min(noted_ms), 9223372036854775807) from "
                                          "record_anchor where entity = ?",
                                          model_.name()));
    sql::Query query(
        "select v.record, v.version, v.at_ms, v.action, v.content, a.number, a.root, a.salts, a.state, "
        "a.evidence, a.noted_ms, "
        "(select max(n.version) from record_version n where n.entity = v.entity and n.record = v.record), "
        "(select count(*) from record_version p where p.entity = v.entity and p.record = v.record and "
        "p.version = v.version - 1), "
        "(select count(*) from record_anchor p where p.entity = v.entity and p.record = v.record and "
        "p.version = v.version - 1) "
        "from record_version v left join record_anchor a on a.entity = v.entity and a.record = v.record and "
        "a.version = v.version");
    query.where("v.entity = ?", model_.name()).where("v.at_ms >= ?", since_ms_);
    query.keys({"v.record", "v.version"});
    ASSIGN(const sql::Page found, session_.page(query, cursor, kPage));
    page_.next = found.next;
    page_.versions = found.rows.size();
    for (const sql::Row& row : found.rows) TRY(version(row, first->integer(0)));
    return {};
  }

  // Commitments whose version is gone; an erased record left a version that says so.
  Status lost_versions(const std::string& cursor) {
    sql::Query query("select a.record, a.version from record_anchor a");
    query.where("a.entity = ?", model_.name()).where("a.noted_ms >= ?", since_ms_);
    query.where(
        "not exists (select 1 from record_version v where v.entity = a.entity and v.record = a.record and "
        "v.version = a.version)");
    query.where(
        "(a.salts is not null or not exists (select 1 from record_version d where d.entity = a.entity and "
        "d.record = a.record and d.version > a.version and d.action = 'deleted'))");
    query.keys({"a.record", "a.version"});
    return lost(query, cursor);
  }

  // Records whose version was never noted, nor committed to.
  Status lost_histories(const std::string& cursor) {
    sql::Query query(fmt::format("select t.id, t.version from {} t", model_.layout.table));
    query.where("t.changed_ms >= ?", since_ms_);
    for (const std::string_view table : {"record_version", "record_anchor"})
      query.where(fmt::format("not exists (select 1 from {} v where v.entity = ? and v.record = t.id and "
                              "v.version = t.version)",
                              table),
                  model_.name());
    query.keys({"t.id", "t.version"});
    return lost(query, cursor);
  }

 private:
  Status lost(const sql::Query& query, const std::string& cursor) {
    ASSIGN(const sql::Page found, session_.page(query, cursor, kPage));
    page_.next = found.next;
    for (const sql::Row& row : found.rows) tell(row.text(0), row.integer(1), "", What::missing_in_sql);
    return {};
  }

  void tell(const std::string& record, int64_t version, std::string field, What what,
            std::string detail = {}) {
    page_.told.push_back({model_.name(), record, version, std::move(field), what, std::move(detail)});
  }

  // When a migration last changed a field of all records: that makes no version.
  Status read_migrations() {
    ASSIGN(const auto rows,
           session_.rows("select at_ms, plan from record_pack_change where pack = ? order by id",
                         model_.pack->name));
    for (const sql::Row& row : rows) {
      ASSIGN(const Json plan, parse_json(row.text(1)));
      for (const Json& step : plan.at("steps"))
        if (step.value("object", "") == model_.name() && step.contains("member"))
          migrated_[step.value("member", "")] = row.integer(0);
    }
    return {};
  }

  Status version(const sql::Row& row, int64_t first_noted_ms) {
    const int64_t version = row.integer(1), at_ms = row.integer(2);
    Facts facts{model_.name(), row.text(0), {}, {}, row.text(3), version, Json::object()};
    const size_t told = page_.told.size();
    std::string fault;
    const bool readable = open_content(means_.vault, row.text(4), facts, fault).has_value();
    if (!readable) tell(facts.id, version, fault, What::changed);
    const bool erased = facts.action == "deleted" && facts.fields.empty();
    if (version > 1 && row.integer(12) + row.integer(13) == 0 && !erased)
      tell(facts.id, version - 1, "", What::missing_in_sql);
    if (!row.is_null(5)) {
      TRY(commitment(row, facts, readable));
    } else if (at_ms >= first_noted_ms) {
      tell(facts.id, version, "", What::missing_in_sql, "commitment");
    }
    const bool sound = page_.told.size() == told && !row.is_null(5);
    if (row.integer(11) == version && readable) TRY(current(facts, at_ms));
    if (!sound) return {};
    Held held{{model_.name(), facts.id, version, "", What::missing_on_chain, "", false},
              row.integer(5),
              row.integer(8),
              row.integer(10),
              {},
              row.text(9)};
    ASSIGN(held.root, row.digest(6));
    page_.held.push_back(std::move(held));
    return {};
  }

  Status commitment(const sql::Row& row, const Facts& facts, bool readable) {
    const auto opened = row.is_null(7) ? Result<Commitment>(fail(Code::data_loss, "record.damaged"))
                                       : Commitment::open(means_.vault, facts, row.blob(7));
    if (!opened) {
      tell(facts.id, facts.version, "", What::changed, "salts");
      return {};
    }
    if (readable)
      for (const std::string& name : opened->changed(facts))
        tell(facts.id, facts.version, field_named(name), What::changed);
    const auto root = row.digest(6);
    if (!root || opened->root() != *root) tell(facts.id, facts.version, "", What::changed, "root");
    return {};
  }

  // The record as it is, against its newest version.
  Status current(const Facts& newest, int64_t at_ms) {
    const auto changed = [&](std::string field) {
      tell(newest.id, newest.version, std::move(field), What::changed, "current");
    };
    const Rows rows(model_.layout, means_.vault, session_);
    const auto found = rows.load(newest.id);
    if (!found && is_database(found.error())) return tl::unexpected(found.error());
    if (!found) {
      changed(field_of(found.error()));
      return {};
    }
    const bool gone = newest.action == "deleted";
    if (!*found) {
      if (!gone || !newest.fields.empty())
        tell(newest.id, newest.version, "", What::missing_in_sql, "current");
      return {};
    }
    const Stored& now = **found;
    if (now.version > newest.version) return {};  // lost_histories() tells
    if (now.version < newest.version) changed("version");
    if (now.deleted != gone) changed("deleted");
    if (now.number != newest.number) changed("number");
    if (now.state != newest.state && !is_migrated("state", at_ms)) changed("state");
    for (const pack::Field& field : model_.entity->fields)
      if (!is_migrated(field.name, at_ms) &&
          !is_same(now.fields.value(field.name, Json()), newest.fields.value(field.name, Json())))
        changed(field.name);
    return {};
  }

  bool is_migrated(const std::string& member, int64_t at_ms) const {
    const auto found = migrated_.find(member);
    return found != migrated_.end() && found->second >= at_ms;
  }

  sql::Session& session_;
  const Work::Means& means_;
  const Model& model_;
  const int64_t since_ms_;
  Page& page_;
  std::map<std::string, int64_t> migrated_;
};

void Reconciliation::tell(const Discrepancy& found) {
  ++summary_.told;
  summary_.mended += found.mended;
  (*report_)(found);
}

Result<Reconciliation::Summary> Reconciliation::run(int64_t since_ms,
                                                    const std::function<void(const Discrepancy&)>& report) {
  summary_ = {};
  report_ = &report;
  const auto catalogue = installation_.current();
  for (const auto& [name, model] : catalogue->models()) {
    if (model.chain.empty()) continue;
    for (const auto pass : {&Reader::versions, &Reader::lost_versions, &Reader::lost_histories})
      TRY(each_page(name, since_ms, pass));
  }
  TRY(evidence_of_none(since_ms));
  return summary_;
}

Status Reconciliation::each_page(const std::string& entity, int64_t since_ms, Pass pass) {
  Page page;
  do {
    const std::string cursor = std::exchange(page.next, {});
    TRY(installation_.read([&](sql::Session& session, const Work::Means& means) -> Status {
      page = {};
      const auto model = means.catalogue.model(entity);
      if (!model) return {};  // the pack was removed meanwhile
      return (Reader(session, means, **model, since_ms, page).*pass)(cursor);
    }));
    for (const Discrepancy& each : page.told) tell(each);
    for (const Held& each : page.held) TRY(ask_chain(each));
    summary_.versions += page.versions;
    if (options_.progress) options_.progress(summary_);
  } while (!page.next.empty());
  return {};
}

// Of a version that is whole in SQL.
Status Reconciliation::ask_chain(const Held& held) {
  Discrepancy found = held.of;
  if (held.state == int64_t(AnchorState::pending) || held.state == int64_t(AnchorState::handed_in)) {
    ++summary_.pending;
    found.what = Discrepancy::What::pending_too_long;
    if (options_.now_ms() - held.noted_ms > options_.patience_ms) tell(found);
    return {};
  }
  const auto there = whereabouts(service_, held.root);
  if (!there && is_database(there.error())) return tl::unexpected(there.error());
  if (!there) {
    ++summary_.unchecked;
    return {};
  }
  const bool standing = there->where == Whereabouts::standing;
  if (standing && held.state == int64_t(AnchorState::anchored) && there->evidence == held.evidence) {
    ++summary_.sound;
    return {};
  }
  // A root that stands somewhere, though SQL names other evidence or a refusal, needs nothing but its name.
  if (standing) found.what = Discrepancy::What::changed, found.detail = "evidence";
  TRY(mend(held, standing ? *there : Found{}));
  found.mended = true;
  tell(found);
  return {};
}

Status Reconciliation::mend(const Held& held, const Found& found) {
  const AnchorState state =
      found.where == Whereabouts::standing ? AnchorState::anchored : AnchorState::pending;
  return installation_.work([&](sql::Session& session, const Work::Means&) -> Status {
    TRY(
        session.run("update record_anchor set state = ?, evidence = ?, refusal = '' where number = ? and "
                    "state = ? and evidence = ?",
                    int64_t(state), found.evidence, held.number, held.state, held.evidence));
    return {};
  });
}

// Evidence of versions whose records are gone with all that told of them.
Status Reconciliation::evidence_of_none(int64_t since_ms) {
  evidence::Query query;
  query.type = kEvidenceType;
  query.limit = kPage;
  if (since_ms > 0) query.from_ms = since_ms;
  for (;;) {
    ASSIGN(const auto found, service_.find(query));
    if (found.empty()) return {};
    std::vector<std::string> lost;
    TRY(installation_.read([&](sql::Session& session, const Work::Means&) -> Status {
      lost.clear();
      for (const evidence::Evidence& each : found) {
        ASSIGN(const auto row,
               session.row("select 1 from record_anchor where root = ? limit 1", each.content.digest));
        if (!row) lost.push_back(each.id);
      }
      return {};
    }));
    for (const std::string& id : lost) tell({"", "", 0, "", What::missing_in_sql, id});
    query.after = found.back().id;
  }
}

}  // namespace chengxin::record
