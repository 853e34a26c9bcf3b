#pragma once
#include "base/json.h"

// One run of a process (流程实例), as it stands between two actions. Invariants, which Walk keeps:
// - a token that rests at a step of people has tasks; one at a `wait` has a time; others have arrived at the
// join of their fork; no task is without its token;
// - a token is of the innermost fork that it came through, and every fork has a token in it or below;
// - `next` is above every number of a token, fork, task or message that there ever was: none is used twice;
// - a case that is not open has none of them.
namespace chengxin::flow {

struct Token {
  int64_t id = 0, fork = 0;  // 0: of none
  std::string step;
  bool arrived = false;            // waits at its fork's join
  std::vector<std::string> turns;  // who is still to come, of in_turn
  int64_t due_ms = 0;              // of wait
};

struct Fork {
  int64_t id = 0, parent = 0;  // the fork that it is within
  std::string step;
};

struct Task {
  int64_t id = 0, token = 0;
  std::vector<std::string> people;      // who may do it; sorted
  std::vector<std::string> delegators;  // to whom it comes back, the last first
  std::vector<std::string> after;       // who is asked when it is done (后加签)
  int64_t before = 0;                   // the task that waits for this one (前加签)
  bool waits = false;                   // for such
  int64_t due_ms = 0;                   // 0: at no time
  bool late = false;                    // and that has been said
};

// What changes while a case runs.
struct Open {
  int64_t next = 1;
  bool settled = false;  // the starter may no longer withdraw it
  std::vector<Token> tokens;
  std::vector<Fork> forks;
  std::vector<Task> tasks;
};

struct Case {
  int64_t id = 0;
  std::string process, version;  // its name, and Process::version
  std::string record, starter;
  std::string status = "open";  // ended, withdrawn
  int64_t begun_ms = 0, ended_ms = 0;
  int64_t events = 0;  // rows of its history
  Open open = {};

  bool is_open() const { return status == "open"; }
};

// Something that happened, in a case's history.
struct Event {
  int64_t seq = 0, at_ms = 0;
  std::string who;   // empty: the engine itself
  std::string what;  // docs/processes.md lists them
  std::string step;  // empty: none
  int64_t token = 0, task = 0;
  Json detail = Json::object();
};

// To one person. `id` is the same however often it is handed out.
struct Message {
  std::string id, to, kind;
  int64_t case_id = 0, task = 0;
  Json detail;  // "record", "process", "step", "zh", "en", "by", "comment"
  int64_t at_ms = 0;
};

Json to_json(const Open& open);
// Errors: flow.case_malformed.
Result<Open> open_from_json(std::string_view text);

}  // namespace chengxin::flow
