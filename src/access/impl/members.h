#pragma once
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace chengxin::access {

// Members of an object, each of the kind asked for; nothing else stands in it.
class Members {
 public:
  static constexpr size_t kMaxTexts = 500;  // in a list
  // `reason`: of the error when something does not fit; `where` is for people.
  Members(const Json& json, std::string where, std::string_view reason = "access.policy_form")
      : json_(json), where_(std::move(where)), reason_(reason) {
    if (!json.is_object()) fault("must be an object");
  }
  std::string text(const char* name, bool required = true) {
    const Json* value = find(name, required);
    if (value && !value->is_string()) fault(fmt::format("{} must be a string", name));
    return value && value->is_string() ? value->get<std::string>() : "";
  }
  int64_t number(const char* name, bool required = true) {
    const Json* value = find(name, required);
    if (value && !value->is_number_integer()) fault(fmt::format("{} must be an integer", name));
    return value && value->is_number_integer() ? value->get<int64_t>() : 0;
  }
  bool flag(const char* name) {
    const Json* value = find(name, false);
    if (value && !value->is_boolean()) fault(fmt::format("{} must be true or false", name));
    return value && value->is_boolean() && value->get<bool>();
  }
  std::vector<std::string> texts(const char* name) {
    std::vector<std::string> out;
    const Json* value = find(name, false);
    if (!value) return out;
    if (!value->is_array() || value->size() > kMaxTexts)
      fault(fmt::format("{} must be a list of at most {}", name, kMaxTexts));
    for (const Json& each : *value) {
      if (!each.is_string()) fault(fmt::format("{} holds what is no string", name));
      out.push_back(each.is_string() ? each.get<std::string>() : "");
    }
    return out;
  }
  const Json& object(const char* name, bool required = true) {
    static const Json none = Json::object();
    const Json* value = find(name, required);
    if (value && !value->is_object()) fault(fmt::format("{} must be an object", name));
    return value && value->is_object() ? *value : none;
  }
  const Json& list(const char* name, bool required = true) {
    static const Json none = Json::array();
    const Json* value = find(name, required);
    if (value && !value->is_array()) fault(fmt::format("{} must be a list", name));
    return value && value->is_array() ? *value : none;
  }
  Status done() {
    if (fault_.empty() && json_.is_object())
      for (const auto& [name, value] : json_.items())
        if (!known_.contains(name)) fault("unknown member " + name);
    if (!fault_.empty()) return fail(Code::invalid_argument, reason_, "{}: {}", where_, fault_);
    return {};
  }

 private:
  const Json* find(const char* name, bool required) {
    known_.insert(name);
    if (!json_.is_object()) return nullptr;
    auto found = json_.find(name);
    if (found != json_.end()) return &*found;
    if (required) fault(fmt::format("{} is missing", name));
    return nullptr;
  }
  void fault(std::string what) {
    if (fault_.empty()) fault_ = std::move(what);
  }
  const Json& json_;
  const std::string where_;
  const std::string_view reason_;
  std::set<std::string> known_;
  std::string fault_;
};

}  // namespace chengxin::access
