#include "record/anchoring.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "record/commitment.h"

namespace chengxin::record {
namespace {

constexpr int64_t kBatch = 1000;
constexpr size_t kMostInFlight = 4;  // batches of a chain; evidence's own queue is never filled by records

int64_t state_number(AnchorState state) { return int64_t(state); }

}  // namespace

std::string platform_chain(const evidence::Service& service, const std::string& of_pack,
                           const std::string& fallback) {
  return service.anchor(of_pack) ? of_pack : fallback;
}

Result<Found> whereabouts(evidence::Service& service, const Digest& root) {
  evidence::Query query;
  query.digest = root;
  ASSIGN(const auto all, service.find(query));
  Found best;
  for (const evidence::Evidence& each : all) {
    Found found{Whereabouts::waiting, each.id, each.refusal};
    if (each.state == evidence::State::refused) found.where = Whereabouts::refused;
    if (each.state == evidence::State::anchored) {
      ASSIGN(const bool stands, service.stands(each));
      found.where = stands ? Whereabouts::standing : Whereabouts::nowhere;
    }
    if (found.where > best.where) best = std::move(found);
  }
  return best;
}

Result<std::unique_ptr<Anchoring>> Anchoring::open(sql::Database& database, evidence::Service& service,
                                                   Options options) {
  std::unique_ptr<Anchoring> out(new Anchoring(database, service, std::move(options)));
  TRY(database.read([&](sql::Session& session) -> Status {
    ASSIGN(const auto row, session.row("select coalesce(max(number), 0) from record_anchor"));
    out->fresh_after_ = row->integer(0);
    return {};
  }));
  out->thread_ = std::thread([raw = out.get()] { raw->loop(); });
  return out;
}

void Anchoring::wake() {
  const std::lock_guard lock(shared_->mutex);
  shared_->awake = true;
  shared_->woken.notify_all();
}

void Anchoring::stop() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    shared_->woken.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

Anchoring::Counters Anchoring::counters() const {
  return {handed_in_, anchored_, refused_, found_, held_back_};
}

void Anchoring::loop() {
  for (;;) {
    const auto more = round();
    if (!more) log::warn("record.anchoring_failed", {{"reason", more.error().reason}});
    std::unique_lock lock(shared_->mutex);
    if (!more.value_or(false))
      shared_->woken.wait_for(lock, std::chrono::milliseconds(options_.retry_ms),
                              [&] { return shared_->stopping || shared_->awake; });
    shared_->awake = false;
    if (shared_->stopping) return;
  }
}

Result<bool> Anchoring::round() {
  std::vector<Outcome> outcomes;
  {
    const std::lock_guard lock(shared_->mutex);
    outcomes.swap(shared_->outcomes);
  }
  TRY(write(outcomes));  // should it fail, review() finds them
  if (steady_ns() >= review_ns_) {
    review_ns_ = steady_ns() + options_.retry_ms * 1'000'000;
    TRY(review());
  }
  bool more = false;
  ASSIGN(const auto open, chains());
  for (const std::string& chain : open) {
    if (steady_ns() < hold_back_ns_[chain]) continue;
    {
      const std::lock_guard lock(shared_->mutex);
      if (shared_->in_flight[chain] >= kMostInFlight) continue;
    }
    const auto taken = batch(chain);
    if (!taken) {
      ++held_back_;
      hold_back_ns_[chain] = steady_ns() + options_.retry_ms * 1'000'000;
      log::warn("record.anchoring_waits", {{"chain", chain}, {"reason", taken.error().reason}});
    }
    more |= taken.value_or(false);
  }
  return more;
}

Status Anchoring::write(std::span<const Outcome> outcomes) {
  if (outcomes.empty()) return {};
  for (const Outcome& each : outcomes) in_flight_.erase(each.number);
  sql::Batch rows;
  for (const Outcome& each : outcomes) rows.add(each.state, each.evidence, each.refusal, each.number);
  TRY(database_.transaction([&](sql::Session& session) {
    return session.run_each("update record_anchor set state = ?, evidence = ?, refusal = ? where number = ?",
                            rows);
  }));
  for (const Outcome& each : outcomes) {
    anchored_ += each.state == state_number(AnchorState::anchored);
    refused_ += each.state == state_number(AnchorState::refused);
  }
  return {};
}

// Versions that were handed in and of which nothing was heard: by an earlier run, or because the service
// could not learn the outcome at once.
Status Anchoring::review() {
  for (int64_t after = 0;;) {
    std::vector<std::pair<int64_t, std::string>> waiting;
    TRY(database_.read([&](sql::Session& session) -> Status {
      waiting.clear();
      ASSIGN(const auto rows, session.rows("select number, evidence from record_anchor where state = 1 "
                                           "and number > ? order by number limit ?",
                                           after, kBatch));
      for (const sql::Row& row : rows) waiting.emplace_back(row.integer(0), row.text(1));
      return {};
    }));
    if (waiting.empty()) return {};
    std::vector<Outcome> outcomes;
    for (const auto& [number, id] : waiting) {
      if (in_flight_.contains(number)) continue;
      const auto evidence = service_.get(id);
      if (evidence && evidence->state == evidence::State::pending) continue;
      if (!evidence && evidence.error().code != Code::not_found) return tl::unexpected(evidence.error());
      if (!evidence)  // its evidence is gone: it is pending again, and looked up as such
        outcomes.push_back({number, state_number(AnchorState::pending), "", ""});
      else if (evidence->state == evidence::State::anchored)
        outcomes.push_back({number, state_number(AnchorState::anchored), id, ""});
      else
        outcomes.push_back({number, state_number(AnchorState::refused), id, evidence->refusal});
    }
    TRY(write(outcomes));
    after = waiting.back().first;
  }
}

// Those of packs that something is pending for; one step in the index for each.
Result<std::vector<std::string>> Anchoring::chains() {
  std::vector<std::string> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    out.clear();
    for (std::string last;;) {
      ASSIGN(const auto row, session.row("select chain from record_anchor where state = 0 and chain > ? "
                                         "order by chain limit 1",
                                         last));
      if (!row) return {};
      out.push_back(last = row->text(0));
    }
  }));
  return out;
}

Result<bool> Anchoring::batch(const std::string& chain) {
  std::vector<Row> rows;
  TRY(database_.read([&](sql::Session& session) -> Status {
    rows.clear();
    ASSIGN(const auto found, session.rows("select number, root from record_anchor where state = 0 "
                                          "and chain = ? order by number limit ?",
                                          chain, kBatch));
    for (const sql::Row& row : found) {
      ASSIGN(const Digest root, row.digest(1));
      rows.push_back({row.integer(0), root});
    }
    return {};
  }));
  const bool full = rows.size() == size_t(kBatch);
  TRY(look_up(rows));
  if (!rows.empty()) TRY(hand_in(chain, rows));
  return full;
}

// Leaves those that have to be handed in.
Status Anchoring::look_up(std::vector<Row>& rows) {
  std::vector<Outcome> outcomes;
  std::vector<Row> missing;
  for (const Row& row : rows) {
    Found found;
    if (row.number <= fresh_after_) {
      ASSIGN(found, whereabouts(service_, row.root));
    }
    if (found.where == Whereabouts::standing)
      outcomes.push_back({row.number, state_number(AnchorState::anchored), found.evidence, ""});
    else if (found.where == Whereabouts::waiting)
      outcomes.push_back({row.number, state_number(AnchorState::handed_in), found.evidence, ""});
    else
      missing.push_back(row);
  }
  TRY(write(outcomes));
  found_ += outcomes.size();
  rows = std::move(missing);
  return {};
}

Status Anchoring::hand_in(const std::string& chain, const std::vector<Row>& rows) {
  std::vector<evidence::NewEvidence> items(rows.size());
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < rows.size(); ++i) {
    items[i].digest = rows[i].root;
    items[i].commitment = rows[i].root;
    items[i].type = kEvidenceType;
    numbers.push_back(rows[i].number);
    fresh_after_ = std::max(fresh_after_, rows[i].number);
  }
  struct Answer {
    std::optional<Result<std::vector<evidence::Evidence>>> accepted;
  };
  const auto answer = std::make_shared<Answer>();
  const auto on_accepted = [shared = shared_, answer, chain](Result<std::vector<evidence::Evidence>> added) {
    const std::lock_guard lock(shared->mutex);
    if (added) ++shared->in_flight[chain];
    answer->accepted = std::move(added);
    shared->woken.notify_all();
  };
  const auto on_anchored = [shared = shared_, answer, chain,
                            numbers](Result<std::vector<evidence::Evidence>> added) {
    const std::lock_guard lock(shared->mutex);
    if (!answer->accepted || !*answer->accepted) return;  // it was never taken
    --shared->in_flight[chain];
    for (size_t i = 0; i < numbers.size(); ++i) {
      const evidence::Evidence& each = (added ? *added : **answer->accepted)[i];
      const bool stands = each.state == evidence::State::anchored;
      const AnchorState state = !added   ? AnchorState::handed_in  // not known yet: review() asks
                                : stands ? AnchorState::anchored
                                         : AnchorState::refused;
      shared->outcomes.push_back({numbers[i], state_number(state), each.id, each.refusal});
    }
    shared->awake = true;
    shared->woken.notify_all();
  };
  service_.add(platform_chain(service_, chain, options_.default_chain), std::move(items), on_accepted,
               on_anchored);
  std::vector<Outcome> taken;
  {
    std::unique_lock lock(shared_->mutex);
    shared_->woken.wait(lock, [&] { return answer->accepted || shared_->stopping; });
    if (!answer->accepted) return fail(Code::unavailable, "order.stopping");
    if (!*answer->accepted) return tl::unexpected(answer->accepted->error());
    const auto& added = **answer->accepted;
    for (size_t i = 0; i < rows.size(); ++i)
      taken.push_back({rows[i].number, state_number(AnchorState::handed_in), added[i].id, ""});
  }
  handed_in_ += taken.size();
  TRY(write(taken));
  in_flight_.insert(numbers.begin(), numbers.end());
  return {};
}

}  // namespace chengxin::record
