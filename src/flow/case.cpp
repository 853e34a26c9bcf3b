#include "flow/case.h"

namespace chengxin::flow {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Token, id, fork, step, arrived, turns, due_ms)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Fork, id, parent, step)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Task, id, token, people, delegators, after, before, waits, due_ms, late)

Json to_json(const Open& open) {
  return {{"next", open.next},
          {"settled", open.settled},
          {"tokens", open.tokens},
          {"forks", open.forks},
          {"tasks", open.tasks}};
}

Result<Open> open_from_json(std::string_view text) {
  try {
    const Json from = Json::parse(text);
    return Open{from.at("next"), from.at("settled"), from.at("tokens"), from.at("forks"), from.at("tasks")};
  } catch (const Json::exception& error) {
    return fail(Code::data_loss, "flow.case_malformed", "{}", error.what());
  }
}

}  // namespace chengxin::flow
