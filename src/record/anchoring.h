#pragma once
#include <condition_variable>
#include <set>
#include <thread>

#include "evidence/service.h"
#include "sql/database.h"

namespace chengxin::record {

// What evidence of record versions is listed under.
inline constexpr std::string_view kEvidenceType = "record";

// Which chain of the platform a pack's chain is: the one of the same name, else the default.
std::string platform_chain(const evidence::Service& service, const std::string& of_pack,
                           const std::string& fallback);

// What evidence knows of a root, on whatever chain: that which stands on its chain, else that which is
// waiting, else one that was refused, or nothing. chain.not_found, ledger.*, sql.*.
enum class Whereabouts { nowhere, refused, waiting, standing };
struct Found {
  Whereabouts where = Whereabouts::nowhere;
  std::string evidence, refusal;
};
Result<Found> whereabouts(evidence::Service& service, const Digest& root);

// Brings the roots of pending versions to their chains, in order and in batches, on a thread of its own.
// Invariants (ADR 0054):
// - a version is in SQL as pending before anything of it can reach a chain; it stays so until evidence took
//   it, however often the chain, the service or this process fails;
// - a root is handed in once: a row that an earlier run may have handed in is looked up first (salts make a
//   root unique), and so is each after an addition whose outcome is not known;
// - a chain that cannot take anything is tried again later, without holding up the others.
// One a database, as the evidence service itself.
class Anchoring {
 public:
  struct Options {
    std::string default_chain;
    int64_t retry_ms = 1000;  // how long a chain is left alone that could not take a batch
  };
  struct Counters {
    uint64_t handed_in = 0, anchored = 0, refused = 0;  // versions, since it was opened
    uint64_t found = 0;                                 // that turned out to be handed in already
    uint64_t held_back = 0;                             // batches that a chain could not take
  };

  static Result<std::unique_ptr<Anchoring>> open(sql::Database& database, evidence::Service& service,
                                                 Options options);
  ~Anchoring() { stop(); }

  void wake();  // there may be something pending; without it that is looked for every retry_ms
  void stop();
  Counters counters() const;

 private:
  struct Row {
    int64_t number = 0;
    Digest root{};
  };
  struct Outcome {
    int64_t number = 0;
    int64_t state = 0;  // AnchorState
    std::string evidence, refusal;
  };
  // Between this thread and the service's; outlives this object while the service holds a callback.
  struct Shared {
    std::mutex mutex;
    std::condition_variable woken;
    bool stopping = false, awake = false;
    std::vector<Outcome> outcomes;
    std::map<std::string, size_t> in_flight;  // batches of a chain between acceptance and outcome
  };

  Anchoring(sql::Database& database, evidence::Service& service, Options options)
      : database_(database), service_(service), options_(std::move(options)) {}
  void loop();
  Result<bool> round();  // true: there is more to do at once
  Status write(std::span<const Outcome> outcomes);
  Status review();
  Result<std::vector<std::string>> chains();
  Result<bool> batch(const std::string& chain);
  Status look_up(std::vector<Row>& rows);
  Status hand_in(const std::string& chain, const std::vector<Row>& rows);

  sql::Database& database_;
  evidence::Service& service_;
  const Options options_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  // Of the thread only.
  int64_t fresh_after_ = 0;                      // rows above were never handed in
  std::set<int64_t> in_flight_;                  // rows that the service will tell the outcome of
  std::map<std::string, int64_t> hold_back_ns_;  // until when a chain is left alone
  int64_t review_ns_ = 0;
  std::atomic<uint64_t> handed_in_ = 0, anchored_ = 0, refused_ = 0, found_ = 0, held_back_ = 0;
  std::thread thread_;
};

}  // namespace chengxin::record
