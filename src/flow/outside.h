#pragma once
#include "flow/process.h"
#include "sql/database.h"

namespace chengxin::flow {

// What a question is about.
struct About {
  const Process& process;
  const std::string& record;
  const std::string& starter;
  const std::string& who;  // acts; empty: the engine itself
  int64_t at_ms = 0;
};

// What a case needs to know, and to have done, of records and people. Every call is within the transaction
// of the case's step, so that both commit together, and may be made again when that is retried. An error
// refuses the whole action.
class Outside {
 public:
  virtual ~Outside() = default;

  // Whether the step's `when` holds.
  virtual Result<bool> holds(sql::Session& session, const About& about, const Step& step) = 0;

  // What the step's decision table gives; `why` (version, row, inputs) goes into the history.
  struct Decision {
    std::string outcome;
    Json why;
  };
  virtual Result<Decision> decide(sql::Session& session, const About& about, const Step& step) = 0;

  // Ids of the people who are meant by a role, a field of the record, or `starter`; who has left is not
  // among them. None is no error.
  virtual Result<std::vector<std::string>> people(sql::Session& session, const About& about,
                                                  const std::string& who) = 0;
  virtual Result<bool> has_role(sql::Session& session, const std::string& person,
                                const std::string& role) = 0;
  // Whether there is somebody of this id, who has not left.
  virtual Result<bool> is_here(sql::Session& session, const std::string& person) = 0;

  virtual Status set_state(sql::Session& session, const About& about, const std::string& state) = 0;

  // By the name that the process gives it; the empty name: weekends are off.
  virtual Result<std::shared_ptr<const Calendar>> calendar(sql::Session& session,
                                                           const std::string& name) = 0;
};

}  // namespace chengxin::flow
