#pragma once
#include "flow/case.h"

namespace chengxin::flow {

// Who does something, and when.
struct Act {
  std::string who;  // empty: the engine itself
  int64_t at_ms = 0;
  std::string comment;  // at most kMostComment bytes
};
constexpr size_t kMostComment = 4000, kMostPeople = 50;

enum class Verb { complete, add_before, add_after, hand_over, delegate, back, copy, urge };
std::string_view name_of(Verb verb);
std::optional<Verb> verb_named(std::string_view name);

// Something that is done to a task.
struct Action {
  Verb verb = Verb::complete;
  std::string task;  // CASE.NUMBER
  Act act;
  std::vector<std::string> people;  // of add_before, add_after, copy: one or more; hand_over, delegate: one
  std::string step;                 // of back
};

}  // namespace chengxin::flow
