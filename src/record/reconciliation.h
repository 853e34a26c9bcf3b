#pragma once
#include "record/anchoring.h"
#include "record/installation.h"

namespace chengxin::record {

// What SQL and chain disagree on, or SQL with itself.
struct Discrepancy {
  enum class What {
    changed,           // SQL holds another value than the version was made with
    missing_in_sql,    // a version, a commitment or a record is gone
    missing_on_chain,  // SQL says that it was anchored, and no chain has it; or the chain refused it
    pending_too_long,
  };
  std::string entity, record;  // empty: of evidence that no record names any more
  int64_t version = 0;
  std::string field;  // of the entity, or number, state, action, version, deleted; empty: the whole
  What what = What::changed;
  std::string detail;  // which part of the whole: salts, root, commitment, row, current; an id of evidence
  bool mended = false;
};
std::string_view name_of(Discrepancy::What what);

// Compares each version of anchored entities with its commitment, the commitment with its chain, and the
// records as they are with their newest version. What the chain lacks is handed in again (Anchoring does it);
// what was tampered with is told and left alone. In pages, each one snapshot: work goes on meanwhile, and
// memory does not grow with the records.
class Reconciliation {
 public:
  struct Summary {
    uint64_t versions = 0;   // looked at
    uint64_t sound = 0;      // of these, and anchored
    uint64_t pending = 0;    // sound, and on their way to the chain
    uint64_t unchecked = 0;  // the chain could not be asked
    uint64_t told = 0, mended = 0;
  };
  struct Options {
    std::function<int64_t()> now_ms;
    int64_t patience_ms = 3'600'000;  // longer pending than this is told
    std::function<void(const Summary&)> progress;
  };
  Reconciliation(Installation& installation, evidence::Service& service, Options options)
      : installation_(installation), service_(service), options_(std::move(options)) {}

  // Versions noted since then; 0: all. sql.….
  Result<Summary> run(int64_t since_ms, const std::function<void(const Discrepancy&)>& report);

 private:
  // A version whose commitment holds in SQL.
  struct Held {
    Discrepancy of;  // what it is about
    int64_t number = 0, state = 0, noted_ms = 0;
    Digest root{};
    std::string evidence;
  };
  struct Page {
    std::vector<Discrepancy> told;
    std::vector<Held> held;
    uint64_t versions = 0;
    std::string next;
  };
  class Reader;  // of one snapshot

  using Pass = Status (Reader::*)(const std::string& cursor);
  Status each_page(const std::string& entity, int64_t since_ms, Pass pass);
  Status ask_chain(const Held& held);
  Status mend(const Held& held, const Found& found);
  Status evidence_of_none(int64_t since_ms);
  void tell(const Discrepancy& found);

  Installation& installation_;
  evidence::Service& service_;
  const Options options_;
  const std::function<void(const Discrepancy&)>* report_ = nullptr;  // while run() works
  Summary summary_;
};

}  // namespace chengxin::record
