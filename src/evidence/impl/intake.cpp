#include "evidence/impl/intake.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/random.h"
#include "evidence/impl/anchoring.h"

namespace chengxin::evidence {
namespace {

constexpr size_t kMaxRoundItems = 20'000;
constexpr int64_t kSettleSoonNs = 1'000'000'000, kSettleLaterNs = 10'000'000'000;

void answer(const Service::OnAdded& callback, Result<std::vector<Evidence>> result) {
  if (callback) callback(std::move(result));
}

}  // namespace

void Intake::start() {
  settle_at_ns_ = steady_ns();
  thread_ = std::thread([this] { loop(); });
}

void Intake::add(host::ChainPtr chain, std::vector<Prepared> items, Service::OnAdded on_accepted,
                 Service::OnAdded on_anchored) {
  auto request = std::make_shared<Request>();
  request->chain = std::move(chain);
  request->on_accepted = std::move(on_accepted);
  request->on_anchored = std::move(on_anchored);
  for (Prepared& item : items) request->rows.push_back({{}, std::move(item)});
  std::optional<Error> refusal;
  {
    std::lock_guard lock(mutex_);
    if (stopping_)
      refusal = Error{Code::unavailable, "order.stopping", {}};
    else if (waiting_ + request->rows.size() > options_.max_queue_items)
      refusal =
          Error{Code::busy, "order.queue_full", fmt::format("{} items are waiting", waiting_.load()), 200};
    if (!refusal) {
      waiting_ += request->rows.size();
      queue_.push_back(request);
    }
  }
  if (!refusal) return woken_.notify_one();
  answer(request->on_accepted, tl::unexpected(*refusal));
  answer(request->on_anchored, tl::unexpected(*refusal));
}

void Intake::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Counters Intake::counters() const {
  Counters out;
  out.accepted = accepted_;
  out.anchored = anchored_;
  out.refused = refused_;
  out.transactions = transactions_;
  out.sql_failures = sql_failures_;
  out.waiting = waiting_;
  return out;
}

void Intake::loop() {
  for (;;) {
    std::vector<RequestPtr> requests;
    std::vector<Outcome> outcomes;
    bool settle_now = false;
    {
      std::unique_lock lock(mutex_);
      auto ready = [&] { return !queue_.empty() || !outcomes_.empty() || (stopping_ && flights_ == 0); };
      if (settle_at_ns_)
        woken_.wait_for(lock, std::chrono::nanoseconds(std::max<int64_t>(0, *settle_at_ns_ - steady_ns())),
                        ready);
      else
        woken_.wait(lock, ready);
      outcomes.swap(outcomes_);
      for (size_t items = 0; !queue_.empty() && items < kMaxRoundItems; queue_.pop_front()) {
        items += queue_.front()->rows.size();
        requests.push_back(std::move(queue_.front()));
      }
      if (stopping_ && flights_ == 0 && requests.empty() && outcomes.empty()) return;
      settle_now = !stopping_ && settle_at_ns_ && steady_ns() >= *settle_at_ns_;
    }
    if (!requests.empty() || !outcomes.empty()) round(std::move(requests), std::move(outcomes));
    if (settle_now) settle();
  }
}

void Intake::round(std::vector<RequestPtr> requests, std::vector<Outcome> outcomes) {
  flights_ -= outcomes.size();
  for (Outcome& outcome : outcomes) judge(*outcome.flight, outcome.result);
  auto planned = plan(requests);
  std::vector<FlightPtr> flights = planned.value_or(std::vector<FlightPtr>());
  std::map<Id, Id> same;
  Status written = database_.transaction([&](sql::Session& session) -> Status {
    for (const Outcome& outcome : outcomes)
      if (!outcome.flight->unknown) TRY(tables::update_outcome(session, outcome.flight->row));
    same.clear();
    for (const FlightPtr& flight : flights) {
      TRY(tables::insert(session, flight->row, flight->items));
      ASSIGN(auto found, tables::same_as_before(session, flight->row));
      same.merge(found);
    }
    return {};
  });
  if (!written) {
    // What was added is refused; what came back is durable on the chain all the same, and is marked by
    // settle().
    ++sql_failures_;
    settle_at_ns_ = steady_ns() + kSettleSoonNs;
    log::error("evidence.sql_failed",
               {{"reason", written.error().reason}, {"detail", written.error().detail}});
  }
  for (Outcome& outcome : outcomes) {
    in_flight_.erase(outcome.flight->row.number);
    finish(*outcome.flight);
  }
  if (!planned) written = tl::unexpected(planned.error());
  for (const RequestPtr& request : requests) {
    if (!written) {
      waiting_ -= request->rows.size();
      answer(request->on_accepted, tl::unexpected(written.error()));
      answer(request->on_anchored, tl::unexpected(written.error()));
      continue;
    }
    for (size_t i = 0; i < request->rows.size(); ++i) {
      Evidence& evidence = request->evidence[i];
      auto before = same.find(request->rows[i].id);
      if (before != same.end()) evidence.same_digest.push_back(to_text(before->second));
    }
    accepted_ += request->rows.size();
    request->rows = {};
    answer(request->on_accepted, request->evidence);
  }
  if (!written) return;
  for (const FlightPtr& flight : flights) {
    in_flight_.insert(flight->row.number);
    flight->items = {};
    submit(flight);
  }
}

// Packs what was added into batches for each chain, in the order it came in.
Result<std::vector<Intake::FlightPtr>> Intake::plan(const std::vector<RequestPtr>& requests) {
  std::map<host::Chain*, FlightPtr> open;
  std::vector<FlightPtr> flights;
  int64_t now_ms = options_.now_ms();
  for (const RequestPtr& request : requests) {
    for (size_t i = 0; i < request->rows.size(); ++i) {
      tables::ItemRow& row = request->rows[i];
      row.id = ids_.next(now_ms);
      FlightPtr& flight = open[request->chain.get()];
      if (!flight || flight->items.size() == tables::kMaxBatchItems) {
        flight = std::make_shared<Flight>();
        flight->chain = request->chain;
        flight->row.chain = request->chain->name;
        flight->row.first = row.id;
        flights.push_back(flight);
      }
      if (flight->slices.empty() || flight->slices.back().request != request) {
        flight->slices.push_back({request, i, 0});
        ++request->batches_open;
      }
      ++flight->slices.back().count;
      flight->row.last = row.id;
      append(flight->attachment, item_of(row.prepared.content.digest, row.prepared.commitment));
      Evidence evidence;
      evidence.id = to_text(row.id);
      evidence.chain = request->chain->name;
      evidence.content = row.prepared.content;
      evidence.added_ms = id_time_ms(row.id);
      evidence.index = flight->items.size();
      flight->items.push_back(&row);
      request->evidence.push_back(std::move(evidence));
    }
  }
  for (const FlightPtr& flight : flights)
    TRY(sign_batch(*flight->chain, options_, flight->attachment, flight->row));
  return flights;
}

void Intake::put_outcome(FlightPtr flight, Result<order::Committed> result) {
  std::lock_guard lock(mutex_);
  outcomes_.push_back({std::move(flight), std::move(result)});
  woken_.notify_one();
}

void Intake::submit(const FlightPtr& flight) {
  ++flights_;
  std::vector<Bytes> attachments{std::exchange(flight->attachment, {})};
  Bytes envelope = format::encode_transaction(flight->row.body, flight->row.signature, attachments);
  auto admitted = flight->chain->ledger->admit(envelope, options_.now_ms());
  if (!admitted) return put_outcome(flight, tl::unexpected(admitted.error()));
  ++transactions_;
  for (;;) {
    // Gives the flight away with the outcome: a chain must not end on its sequencer's own thread.
    Status taken = flight->chain->sequencer->submit(
        *admitted, [this, held = flight](Result<order::Committed> result) mutable {
          put_outcome(std::move(held), std::move(result));
        });
    if (taken) return;
    if (taken.error().code != Code::busy) return put_outcome(flight, tl::unexpected(taken.error()));
    // Already durable as pending, so it waits for room; meanwhile the bounded queue before us fills and
    // callers hear of it.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void Intake::judge(Flight& flight, const Result<order::Committed>& result) {
  Status known = outcome_of(*flight.chain, result, flight.row);
  flight.unknown = known ? std::nullopt : std::optional(known.error());
  if (flight.unknown) settle_at_ns_ = steady_ns() + kSettleSoonNs;
}

void Intake::finish(Flight& flight) {
  for (const Slice& slice : flight.slices) {
    Request& request = *slice.request;
    for (size_t i = slice.first; i < slice.first + slice.count; ++i) fill_in(flight.row, request.evidence[i]);
    waiting_ -= slice.count;
    if (flight.unknown) request.failure = flight.unknown;
    if (!flight.unknown) (flight.row.state == State::anchored ? anchored_ : refused_) += slice.count;
    if (--request.batches_open > 0) continue;
    if (request.failure)
      answer(request.on_anchored, tl::unexpected(*request.failure));
    else
      answer(request.on_anchored, std::move(request.evidence));
  }
  flight.slices.clear();
}

// Batches that are pending in SQL and not in flight: left by a crash, or by an outcome that could not be
// learnt.
void Intake::settle() {
  settle_at_ns_.reset();
  for (int64_t after = 0;;) {
    std::vector<tables::BatchRow> rows;
    Status read = database_.read([&](sql::Session& session) -> Status {
      ASSIGN(rows, tables::pending(session, 100, after));
      return {};
    });
    if (read && rows.empty()) return;
    for (tables::BatchRow& row : rows) {
      after = row.number;
      if (in_flight_.contains(row.number)) continue;
      int64_t number = row.number;
      Status settled = settle_one(std::move(row));
      if (settled) continue;
      log::warn("evidence.unsettled", {{"batch", number}, {"reason", settled.error().reason}});
      settle_at_ns_ = steady_ns() + kSettleLaterNs;
    }
    if (!read) {
      settle_at_ns_ = steady_ns() + kSettleLaterNs;
      return;
    }
  }
}

Status Intake::settle_one(tables::BatchRow row) {
  auto flight = std::make_shared<Flight>();
  ASSIGN(flight->chain, host_.find(row.chain));
  flight->row = std::move(row);
  ASSIGN(uint64_t count, item_count(flight->row.body));
  ASSIGN(bool on_chain, look_up(*flight->chain, flight->row));
  if (!on_chain) {
    TRY(database_.read([&](sql::Session& session) -> Status {
      ASSIGN(flight->attachment, tables::attachment(session, flight->row, count));
      return {};
    }));
    if (can_no_longer_be_executed(*flight->chain, flight->row, options_.now_ms())) {
      TRY(sign_batch(*flight->chain, options_, flight->attachment, flight->row));
      TRY(database_.transaction(
          [&](sql::Session& session) { return tables::update_transaction(session, flight->row); }));
    }
    in_flight_.insert(flight->row.number);
    submit(flight);
    return {};
  }
  return database_.transaction(
      [&](sql::Session& session) { return tables::update_outcome(session, flight->row); });
}

}  // namespace chengxin::evidence
