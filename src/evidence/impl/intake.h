#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <set>
#include <thread>

#include "evidence/impl/tables.h"

// The one thread that writes evidence to SQL. Each round is one SQL transaction that holds the outcomes of
// the transactions that came back since the last round and everything that callers added meanwhile, so under
// load an addition costs a fraction of two fsyncs (one here, one on the chain), and alone it waits for no
// timer.
namespace chengxin::evidence {

class Intake {
 public:
  Intake(host::Host& host, sql::Database& database, const Options& options)
      : host_(host), database_(database), options_(options) {}
  ~Intake() { stop(); }

  void start();
  void add(host::ChainPtr chain, std::vector<Prepared> items, Service::OnAdded on_accepted,
           Service::OnAdded on_anchored);
  void stop();
  Counters counters() const;

 private:
  struct Request {
    host::ChainPtr chain;
    std::vector<tables::ItemRow> rows;
    std::vector<Evidence> evidence;  // of the rows, as it is known so far
    Service::OnAdded on_accepted, on_anchored;
    size_t batches_open = 0;
    std::optional<Error> failure;
  };
  using RequestPtr = std::shared_ptr<Request>;

  // Items of one request that stand together in a batch.
  struct Slice {
    RequestPtr request;
    size_t first = 0, count = 0;
  };

  struct Flight {
    tables::BatchRow row;
    host::ChainPtr chain;
    Bytes attachment;
    std::vector<Slice> slices;  // empty for what an earlier run left
    std::vector<const tables::ItemRow*> items;
    std::optional<Error> unknown;  // the outcome could not be learnt
  };
  using FlightPtr = std::shared_ptr<Flight>;

  struct Outcome {
    FlightPtr flight;
    Result<order::Committed> result;
  };

  void loop();
  void round(std::vector<RequestPtr> requests, std::vector<Outcome> outcomes);
  Result<std::vector<FlightPtr>> plan(const std::vector<RequestPtr>& requests);
  void submit(const FlightPtr& flight);
  void judge(Flight& flight, const Result<order::Committed>& result);
  void finish(Flight& flight);
  void settle();
  Status settle_one(tables::BatchRow row);
  void put_outcome(FlightPtr flight, Result<order::Committed> result);

  host::Host& host_;
  sql::Database& database_;
  const Options& options_;
  IdSource ids_;

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<RequestPtr> queue_;
  std::vector<Outcome> outcomes_;
  bool stopping_ = false;
  std::set<int64_t> in_flight_;          // batch numbers; of the thread only
  size_t flights_ = 0;                   // handed to a sequencer, not yet back
  std::optional<int64_t> settle_at_ns_;  // when to look again for batches that are pending but not in flight
  std::atomic<uint64_t> waiting_{0}, accepted_{0}, anchored_{0}, refused_{0}, transactions_{0},
      sql_failures_{0};
  std::thread thread_;
};

}  // namespace chengxin::evidence
