#pragma once
#include "flow/calendar.h"

namespace chengxin::flow {

// A step of a process (docs/formats/pack.md "processes").
struct Step {
  enum class Kind { by, all_of, any_of, in_turn, decide, wait, fork };
  std::string name;
  pack::Titles title;
  Kind kind = Kind::by;
  std::vector<std::string> people;              // of the first four: roles, fields, `starter`
  std::string decision;                         // of decide: the table
  std::map<std::string, std::string> outcomes;  // and the step for each outcome
  Duration wait;                                // of wait
  std::vector<std::string> branches;            // of fork: the first step of each
  std::string join;                             // and where they meet
  std::string to;                               // of the others: the next step, or "end"
  std::string when, form, state;                // empty: none
  std::optional<Duration> within;
  bool remind = false, escalate = false;
  std::string escalate_to;
  std::vector<std::string> back, may;

  bool has_people() const { return kind <= Kind::in_turn; }
};

// A process as cases run it: of a checked pack, immutable, kept for as long as a case is on it.
class Process {
 public:
  static constexpr std::string_view kEnd = "end";

  static Process compile(const pack::Pack& pack, const pack::Part& part);
  // What to_json gave. Errors: flow.process_malformed.
  static Result<Process> from_json(const Json& document);
  // Defaults are written out where another version of this program could read them otherwise.
  const Json& to_json() const { return document_; }
  // SM3 of that: equal processes are one version.
  const std::string& version() const { return version_; }

  const std::string& name() const { return name_; }
  const std::string& entity() const { return entity_; }
  const std::vector<std::string>& start() const { return start_; }
  const std::string& calendar() const { return calendar_; }                // empty: weekends are off
  const std::string& withdraw_before() const { return withdraw_before_; }  // empty: never
  const std::vector<Step>& steps() const { return steps_; }
  const Step* find(std::string_view step) const;
  // Whether a token of this fork's branches may come to the step before they meet.
  bool is_within(const Step& fork, std::string_view step) const;

 private:
  std::string name_, entity_, calendar_, withdraw_before_, version_;
  std::vector<std::string> start_;
  std::vector<Step> steps_;
  Json document_;
};

}  // namespace chengxin::flow
