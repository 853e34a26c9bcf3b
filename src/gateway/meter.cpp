#include "gateway/meter.h"

#include "base/json.h"
#include "sql/query.h"

namespace chengxin::gateway {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr size_t kMostHeld = 100'000;  // rows while the database does not answer

Result<Traffic> traffic_of(const sql::Row& row) {
  Traffic out{row.integer(0), row.text(1), row.text(2), {}};
  out.counts = {row.integer(3), row.integer(4), row.integer(5), row.integer(6), row.integer(7), {}};
  ASSIGN(const Json latency, parse_json(row.text(8)));
  for (size_t i = 0; i < out.counts.latency.size() && i < latency.size(); ++i)
    out.counts.latency[i] = latency[i].get<int64_t>();
  return out;
}

constexpr const char* kColumns =
    "select minute_ms, application, route, requests, refused, failed, bytes_in, bytes_out, latency from "
    "gateway_traffic";

}  // namespace

void Counts::add(const Counts& other) {
  requests += other.requests;
  refused += other.refused;
  failed += other.failed;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  for (size_t i = 0; i < latency.size(); ++i) latency[i] += other.latency[i];
}

void Meter::count(const std::string& application, const std::string& route, int64_t now_ms,
                  const Counts& counts) {
  std::lock_guard lock(mutex_);
  if (counts_.size() >= kMostHeld) return;
  counts_[{now_ms / kMinuteMs * kMinuteMs, application, route}].add(counts);
}

Status Meter::flush(sql::Database& database) {
  std::map<Key, Counts> taken;
  {
    std::lock_guard lock(mutex_);
    taken.swap(counts_);
  }
  if (taken.empty()) return {};
  auto write = [&](sql::Session& session) -> Status {
    for (const auto& [key, fresh] : taken) {
      const auto& [minute, application, route] = key;
      Counts sum = fresh;
      ASSIGN(const auto row,
             session.row(std::string(kColumns) + " where minute_ms = ? and application = ? and route = ?",
                         minute, application, route));
      if (row) {
        ASSIGN(const Traffic before, traffic_of(*row));
        sum.add(before.counts);
        ASSIGN(
            [[maybe_unused]] const auto gone,
            session.run("delete from gateway_traffic where minute_ms = ? and application = ? and route = ?",
                        minute, application, route));
      }
      ASSIGN([[maybe_unused]] const auto added,
             session.run("insert into gateway_traffic (minute_ms, application, route, requests, refused, "
                         "failed, bytes_in, "
                         "bytes_out, latency) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         minute, application, route, sum.requests, sum.refused, sum.failed, sum.bytes_in,
                         sum.bytes_out, Json(sum.latency).dump()));
    }
    return {};
  };
  Status written = database.transaction(write);
  if (!written) {
    std::lock_guard lock(mutex_);
    for (const auto& [key, counts] : taken) counts_[key].add(counts);
  }
  return written;
}

Result<std::vector<Traffic>> Meter::read(sql::Session& session, const TrafficFilter& filter) {
  sql::Query query(kColumns);
  query.where("minute_ms >= ?", filter.from_ms).where("minute_ms < ?", filter.to_ms);
  if (!filter.application.empty()) query.where("application = ?", filter.application);
  if (!filter.route.empty()) query.where("route = ?", filter.route);
  query.keys({"minute_ms", "application", "route"}, sql::Order::descending);
  std::vector<Traffic> out;
  std::map<std::pair<std::string, std::string>, size_t> places;
  std::string cursor;
  do {
    ASSIGN(auto page, session.page(query, cursor, 500));
    for (const sql::Row& row : page.rows) {
      ASSIGN(Traffic one, traffic_of(row));
      if (!filter.by_minute) {
        one.minute_ms = 0;
        const auto [at, fresh] = places.try_emplace({one.application, one.route}, out.size());
        if (!fresh) {
          out[at->second].counts.add(one.counts);
          continue;
        }
      }
      out.push_back(std::move(one));
    }
    cursor = page.next;
  } while (!cursor.empty() && int64_t(out.size()) < filter.limit);
  if (int64_t(out.size()) > filter.limit) out.resize(size_t(filter.limit));
  return out;
}

}  // namespace chengxin::gateway
