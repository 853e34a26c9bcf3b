#include "access/service.h"
#include "api/authorise.h"

namespace chengxin::api {
namespace {

bool sees_all(const Principal& principal) {
  return principal.grant.all_rows && principal.grant.clearance >= 9;
}

bool visible(const App& app, const Principal& principal, const access::Label* label) {
  const access::Grant& grant = principal.grant;
  if (label && label->level > grant.clearance) return false;
  if (grant.all_rows) return true;
  return label && !principal.organisation.empty() &&
         app.services.access->policies().current()->within(label->organisation, principal.organisation);
}

// The ids of the records of an answer: one, or a list of them.
std::vector<std::string> ids_of(const Json& body) {
  std::vector<std::string> out;
  const auto take = [&](const Json& one) {
    if (auto id = one.find("id"); one.is_object() && id != one.end() && id->is_string()) out.push_back(*id);
    if (auto original = one.find("original");
        one.is_object() && original != one.end() && original->is_string())
      out.push_back(*original);
  };
  if (body.contains("items") && body["items"].is_array())
    for (const Json& one : body["items"]) take(one);
  else
    take(body);
  return out;
}

void blank(Json& value, const std::vector<std::string>& masks) {
  if (value.is_array())
    for (Json& one : value) blank(one, masks);
  if (!value.is_object()) return;
  for (auto& [name, member] : value.items()) {
    if (std::find(masks.begin(), masks.end(), name) != masks.end())
      member = "***";
    else
      blank(member, masks);
  }
}

void leave_out(const App& app, const Principal& principal, Json& body,
               const std::map<std::string, access::Label>& labels) {
  auto& items = body["items"].get_ref<Json::array_t&>();
  std::erase_if(items, [&](const Json& one) {
    auto label = labels.find(one.value("id", ""));
    return !visible(app, principal, label == labels.end() ? nullptr : &label->second);
  });
}

}  // namespace

Task<Status> check_record(Call& call) {
  if (!call.route.records || !call.app.services.access || sees_all(call.principal)) co_return Status();
  const std::string id = call.path.text("id", call.path.text("original"));
  if (id.empty()) co_return Status();
  auto labels =
      co_await blocking(call.app, [&] { return call.app.services.access->labels().find(std::array{id}); });
  if (!labels) co_return tl::unexpected(labels.error());
  auto label = labels->find(id);
  if (!visible(call.app, call.principal, label == labels->end() ? nullptr : &label->second))
    co_return fail(Code::not_found, "access.no_record");
  co_return Status();
}

Task<Status> filter(Call& call, Response& response) {
  App& app = call.app;
  const Principal& principal = call.principal;
  if (!app.services.access || response.status >= 300 || call.route.access == Access::open) co_return Status();
  const bool json = response.type == "application/json" && !response.stream;
  const bool masked = !principal.grant.masks.empty();
  if (!json) {  // what cannot be blanked is not given out
    if (masked && call.route.records)
      co_return fail(Code::forbidden, "access.not_allowed", "members of it are masked");
    co_return Status();
  }
  if (!call.route.records && !masked) co_return Status();
  CO_ASSIGN(Json body, parse_json(response.body, {.max_bytes = response.body.size() + 1, .max_depth = 100}));
  if (call.route.records && call.route.method != Method::get && !principal.organisation.empty()) {
    auto added = co_await blocking(app, [&] {
      return app.services.access->labels().add(ids_of(body), {principal.organisation, 0});
    });
    CO_TRY(added);
  }
  if (call.route.records && call.route.method == Method::get && body.contains("items") &&
      !sees_all(principal)) {
    auto labels = co_await blocking(app, [&] { return app.services.access->labels().find(ids_of(body)); });
    if (!labels) co_return tl::unexpected(labels.error());
    leave_out(app, principal, body, *labels);
  }
  if (masked) blank(body, principal.grant.masks);
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  co_return Status();
}

}  // namespace chengxin::api
