#include "access/service.h"
#include "api/authorise.h"
#include "evidence/service.h"

namespace chengxin::api {
namespace {

bool sees_all(const Principal& principal) { return principal.grant.sees_everything(); }

bool shows(const App& app, const Principal& principal, const access::View& view, const access::Label* label) {
  if (label && label->level > view.clearance) return false;
  if (view.all_rows) return true;
  return label && !principal.organisation.empty() &&
         app.services.access->policies().current()->within(label->organisation, principal.organisation);
}

constexpr std::array<const char*, 2> kReferences = {"same_digest", "links"};

// The ids of the records of an answer: one, or a list of them.
std::vector<std::string> ids_of(const Json& body) {
  std::vector<std::string> out;
  const auto take = [&](const Json& one) {
    for (const char* name : {"id", "original"})
      if (const std::string id = one.is_object() ? one.value(name, "") : ""; !id.empty()) out.push_back(id);
  };
  if (body.contains("items") && body["items"].is_array())
    for (const Json& one : body["items"]) take(one);
  else
    take(body);
  return out;
}

void blank(Json& value, const std::set<std::string>& masks) {
  if (value.is_array())
    for (Json& one : value) blank(one, masks);
  if (!value.is_object()) return;
  for (auto& [name, member] : value.items()) {
    if (masks.contains(name))
      member = "***";
    else
      blank(member, masks);
  }
}

template <typename Act>
void each_record(Json& body, const Act& act) {
  if (body.contains("items") && body["items"].is_array()) {
    for (Json& one : body["items"]) act(one);
  } else {
    act(body);
  }
}

std::vector<std::string> referred(Json& body) {
  std::vector<std::string> out;
  each_record(body, [&](Json& one) {
    for (const char* member : kReferences)
      if (one.is_object() && one.contains(member))
        for (const Json& id : one[member]) out.push_back(id.get<std::string>());
  });
  return out;
}

// What the caller may not see, by its labels and, when he has roles for some chains only, by its chain.
struct Sight {
  const Call* call = nullptr;
  std::map<std::string, access::Label> labels;
  std::map<std::string, std::string> chains;
  std::map<std::string, std::optional<access::Grant>> grants = {};  // by chain

  // Blocks.
  static Result<Sight> of(const Call& call, const std::vector<std::string>& records) {
    Sight out{&call, {}, {}};
    ASSIGN(out.labels, call.app.services.access->labels().find(records));
    if (!call.principal.grant.by_chain) return out;
    ASSIGN(out.chains, call.app.services.evidence->chains_of(records));
    for (const auto& [id, chain] : out.chains)
      if (!out.grants.contains(chain)) out.grants[chain] = grant_on(call, chain);
    return out;
  }
  // What of the caller's roles is for the chain that the record is on; nullptr: nothing.
  const access::Grant* grant_for(const std::string& id) const {
    if (!call->principal.grant.by_chain) return &call->principal.grant;
    const auto chain = chains.find(id);
    if (chain == chains.end()) return nullptr;
    const auto& grant = grants.at(chain->second);
    return grant ? &*grant : nullptr;
  }
  // By which roles it is seen.
  std::vector<access::View> views_of(const std::string& id) const {
    const access::Grant* grant = grant_for(id);
    if (!grant) return {};
    const auto at = labels.find(id);
    const access::Label* label = at == labels.end() ? nullptr : &at->second;
    std::vector<access::View> out = grant->views;
    std::erase_if(out,
                  [&](const access::View& view) { return !shows(call->app, call->principal, view, label); });
    return out;
  }
  bool sees(const std::string& id) const { return !views_of(id).empty(); }
  // Of what is no record that somebody sees, all that any role masks.
  std::set<std::string> masks_of(const Json& record) const {
    const auto named = ids_of(record);
    const auto views = named.empty() ? std::vector<access::View>() : views_of(named[0]);
    return views.empty() ? call->principal.grant.any_masks() : access::common_masks(views);
  }
  void blank_out(Json& body) const {
    if (!body.contains("items")) return blank(body, masks_of(body));
    Json items = std::move(body["items"]);
    body.erase("items");
    blank(body, call->principal.grant.any_masks());
    for (Json& one : items) blank(one, masks_of(one));
    body["items"] = std::move(items);
  }
  void leave_out(Json& body, bool listed) const {
    if (listed)
      std::erase_if(body["items"].get_ref<Json::array_t&>(),
                    [&](const Json& one) { return !sees(one.value("id", "")); });
    each_record(body, [&](Json& one) {
      for (const char* member : kReferences)
        if (one.is_object() && one.contains(member))
          std::erase_if(one[member].get_ref<Json::array_t&>(),
                        [&](const Json& id) { return !sees(id.get<std::string>()); });
    });
  }
};

Task<Result<Sight>> sight_of(Call& call, std::vector<std::string> records) {
  co_return co_await blocking(call.app, [&] { return Sight::of(call, records); });
}

}  // namespace

Task<Status> check_record(Call& call) {
  if (!call.route.records || !call.app.services.access || sees_all(call.principal)) co_return Status();
  const std::string id = call.path.text("id", call.path.text("original"));
  if (id.empty()) co_return Status();
  std::vector<std::string> records(1, id);
  co_return co_await check_references(call, std::move(records));
}

Task<Status> check_references(Call& call, std::vector<std::string> records) {
  if (records.empty() || !call.app.services.access || sees_all(call.principal)) co_return Status();
  auto sight = co_await sight_of(call, records);
  if (!sight) co_return tl::unexpected(sight.error());
  for (const std::string& id : records)
    if (!sight->sees(id)) co_return fail(Code::not_found, "access.no_record", "{}", id);
  co_return Status();
}

Result<std::set<std::string>> seen_among(const Call& call, const std::vector<std::string>& records) {
  if (!call.app.services.access || sees_all(call.principal)) return std::set(records.begin(), records.end());
  ASSIGN(const Sight sight, Sight::of(call, records));
  std::set<std::string> out;
  std::copy_if(records.begin(), records.end(), std::inserter(out, out.end()),
               [&](const std::string& id) { return sight.sees(id); });
  return out;
}

Status check_conditions(const Call& call) {
  const auto masks = call.principal.grant.any_masks();
  for (const Parameter& one : call.route.query)
    if (masks.contains(one.about.empty() ? one.name : one.about) && call.query.find(one.name))
      return fail(Code::forbidden, "access.not_allowed", "what {} asks about is masked", one.name);
  return {};
}

Task<Status> filter(Call& call, Response& response) {
  App& app = call.app;
  const Principal& principal = call.principal;
  if (!app.services.access || response.status >= 300 || call.route.access == Access::open) co_return Status();
  const bool json = response.type == "application/json" && !response.stream;
  const bool masked = !principal.grant.any_masks().empty();
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
  if (call.route.records && (masked || !sees_all(principal))) {
    const bool listed = call.route.method == Method::get && body.contains("items");
    std::vector<std::string> named = referred(body);
    for (std::string& id : ids_of(body)) named.push_back(std::move(id));
    auto sight = co_await sight_of(call, std::move(named));
    if (!sight) co_return tl::unexpected(sight.error());
    sight->leave_out(body, listed);
    if (masked) sight->blank_out(body);
  } else if (masked) {
    blank(body, principal.grant.by_chain ? principal.grant.any_masks()
                                         : access::common_masks(principal.grant.views));
  }
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  co_return Status();
}

}  // namespace chengxin::api
