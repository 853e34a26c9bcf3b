#include "api/resource_access.h"

#include "access/service.h"
#include "api/app.h"
#include "api/describe.h"
#include "base/clock.h"

namespace chengxin::api {
namespace {

using access::Policy;
using access::PolicyStore;
using access::Proposal;

constexpr size_t kNewest = 200;

access::Service& service_of(const Call& call) { return *call.app.services.access; }
PolicyStore& policies_of(const Call& call) { return service_of(call).policies(); }

Json describe(const Call& call, const Proposal& one) {
  auto policy = policies_of(call).current();
  const auto name = [&](const std::string& id) {
    const auto* user = policy->user(id);
    return user ? user->name : id;
  };
  Json out = {{"id", one.id},
              {"version", one.version},
              {"digest", hex(one.digest)},
              {"state", one.state},
              {"proposer", {{"id", one.proposed.by}, {"name", name(one.proposed.by)}}},
              {"why", one.why},
              {"created_ms", one.created_ms},
              {"message", access::policy_message("approve", one.version, one.digest)}};
  if (one.state == "open") out["changes"] = Json::diff(policy->document(), one.document);  // RFC 6902
  if (!one.decided_by.empty()) {
    out["decided_by"] = {{"id", one.decided_by}, {"name", name(one.decided_by)}};
    out["decided_ms"] = one.decided_ms;
  }
  return out;
}

Json describe(const std::string& id, const access::Role& role, bool built_in) {
  return {{"id", id},
          {"title", role.title},
          {"built_in", built_in},
          {"inherits", role.inherits},
          {"permissions", role.permissions},
          {"masks", role.masks},
          {"all_rows", role.all_rows},
          {"read_only", role.read_only},
          {"clearance", role.clearance}};
}

Status need_person(const Call& call) {
  if (call.principal.kind == Principal::Kind::session) return {};
  return fail(Code::forbidden, "access.session_required");
}

Task<Result<Response>> get_policy(Call& call) {
  auto policy = policies_of(call).current();
  Json body = {{"version", policy->version()},
               {"digest", hex(policy->digest())},
               {"complete", policies_of(call).complete()},
               {"document", policy->document()},
               {"installation", service_of(call).installation()}};
  if (auto bent = policies_of(call).bent()) body["bent"] = bent->detail;
  co_return json_response(body);
}

Task<Result<Response>> list_versions(Call& call) {
  auto versions = co_await blocking(call.app, [&] { return policies_of(call).versions(kNewest); });
  if (!versions) co_return tl::unexpected(versions.error());
  Json items = Json::array();
  for (const auto& one : *versions)
    items.push_back({{"version", one.version},
                     {"applied_ms", one.applied_ms},
                     {"document", one.document},
                     {"signatures", one.signatures}});
  co_return json_response({{"items", std::move(items)}});
}

Task<Result<Response>> list_roles(Call& call) {
  Json items = Json::array();
  for (const auto& [id, role] : access::built_in_roles()) items.push_back(describe(id, role, true));
  auto policy = policies_of(call).current();
  for (const auto& [id, role] : policy->document()["roles"].items())
    items.push_back(describe(id, *policy->role(id), false));
  co_return json_response({{"items", std::move(items)}});
}

Task<Result<Response>> list_proposals(Call& call) {
  auto proposals = co_await blocking(call.app, [&] { return policies_of(call).proposals(kNewest); });
  if (!proposals) co_return tl::unexpected(proposals.error());
  Json items = Json::array();
  for (const auto& one : *proposals) items.push_back(describe(call, one));
  co_return json_response({{"items", std::move(items)}});
}

Task<Result<Response>> get_proposal(Call& call) {
  auto proposal =
      co_await blocking(call.app, [&] { return policies_of(call).proposal(call.path.text("proposal")); });
  if (!proposal) co_return tl::unexpected(proposal.error());
  Json body = describe(call, *proposal);
  body["document"] = proposal->document;
  co_return json_response(body);
}

Task<Result<Response>> propose(Call& call) {
  CO_TRY(need_person(call));
  CO_ASSIGN(Bytes signature, unhex(call.json["signature"].get<std::string>()));
  auto done = co_await blocking(call.app, [&] {
    return policies_of(call).propose(call.principal.user, call.json["document"], signature,
                                     call.json.value("why", ""), service_of(call).usable_check(), now_ms());
  });
  if (!done) co_return tl::unexpected(done.error());
  co_return json_response(describe(call, *done), 201);
}

Task<Result<Response>> approve(Call& call) {
  CO_TRY(need_person(call));
  CO_ASSIGN(Bytes signature, unhex(call.json["signature"].get<std::string>()));
  auto done = co_await blocking(call.app, [&] {
    return policies_of(call).approve(call.principal.user, call.path.text("proposal"), signature,
                                     service_of(call).usable_check(), now_ms());
  });
  if (!done) co_return tl::unexpected(done.error());
  co_return json_response(describe(call, *done));
}

Task<Result<Response>> reject(Call& call) {
  CO_TRY(need_person(call));
  auto done = co_await blocking(call.app, [&] {
    return policies_of(call).reject(call.principal.user, call.path.text("proposal"),
                                    call.json.value("why", ""), now_ms());
  });
  if (!done) co_return tl::unexpected(done.error());
  co_return json_response(describe(call, *done));
}

Task<Result<Response>> recover(Call& call) {
  CO_ASSIGN(Bytes signature, unhex(call.json["signature"].get<std::string>()));
  auto done = co_await blocking(call.app, [&] {
    return policies_of(call).recover(call.json["document"], signature, service_of(call).usable_check(),
                                     now_ms());
  });
  CO_TRY(done);
  co_return co_await get_policy(call);
}

Task<Result<Response>> set_label(Call& call) {
  const access::Label label{call.json["organisation"], call.json["level"].get<int>()};
  auto policy = policies_of(call).current();
  if (!policy->within(label.organisation, label.organisation))
    co_return fail(Code::invalid_argument, "access.organisation_unknown", "{}", label.organisation);
  auto done = co_await blocking(
      call.app, [&] { return service_of(call).labels().set(call.path.text("record"), label); });
  CO_TRY(done);
  co_return Response{204, "", "", {}, {}};
}

Task<Result<Response>> get_label(Call& call) {
  const std::string record = call.path.text("record");
  auto labels =
      co_await blocking(call.app, [&] { return service_of(call).labels().find(std::array{record}); });
  if (!labels) co_return tl::unexpected(labels.error());
  auto label = labels->find(record);
  if (label == labels->end()) co_return fail(Code::not_found, "access.no_record", "{}", record);
  co_return json_response({{"organisation", label->second.organisation}, {"level", label->second.level}});
}

Schemas schemas() {
  const auto text = [](size_t most) { return Json{{"type", "string"}, {"maxLength", most}}; };
  const Json open = {{"type", "object"}};
  Schemas out;
  out["AccessPolicy"] = open;
  out["AccessList"] = object_schema({{"items", list_schema(open)}}, {"items"});
  out["AccessProposal"] = open;
  out["NewAccessProposal"] = object_schema(
      {{"document", open}, {"signature", hex_schema()}, {"why", text(1000)}}, {"document", "signature"});
  out["AccessApproval"] = object_schema({{"signature", hex_schema()}}, {"signature"});
  out["AccessRejection"] = object_schema({{"why", text(1000)}});
  out["AccessRecovery"] =
      object_schema({{"document", open}, {"signature", hex_schema()}}, {"document", "signature"});
  Json level = integer_schema();
  level["maximum"] = 9;
  out["RecordLabel"] =
      object_schema({{"organisation", text(64)}, {"level", level}}, {"organisation", "level"});
  return out;
}

Route row(Method method, const std::string& path, std::string id, Words summary, std::string_view body,
          int status, std::string_view answer, Handler handler) {
  Route out;
  out.method = method;
  out.path = "/api/v1/access/" + path;
  out.id = std::move(id);
  out.summary = std::move(summary);
  out.tag = "access";
  out.access = Access::owner;
  if (!body.empty()) out.body = {{"application/json", reference(body)}};
  if (answer.empty())
    out.answers = {{204, "", {}, {}}};
  else
    out.answers = {{status, "application/json", reference(answer), {}}};
  out.handler = std::move(handler);
  out.max_body_bytes = access::kMaxPolicyBytes;
  return out;
}

const std::vector<std::string> kProposalReasons = {
    "access.session_required",     "access.policy_form",        "access.policy_stale",
    "access.policy_time",          "access.policy_signature",   "access.duties_overlap",
    "access.read_only_writes",     "access.everyone_out",       "access.key_missing",
    "access.key_shared",           "access.role_unknown",       "access.role_loop",
    "access.role_built_in",        "access.permission_unknown", "access.organisation_loop",
    "access.organisation_unknown", "access.user_unknown",       "access.delegation",
    "access.recovery_holders",     "access.policy_bent",        "access.chains_duty",
    "access.outside_rule",         "access.outside_duty"};

}  // namespace

Resource access_resource() {
  Resource resource;
  resource.schemas = schemas();
  Route proposing =
      row(Method::post, "proposals", "proposeAccessPolicy", {"提出新的权限策略", "Propose the next policy"},
          "NewAccessProposal", 201, "AccessProposal", propose);
  proposing.reasons = kProposalReasons;
  Route approving = row(Method::post, "proposals/{proposal}/approve", "approveAccessProposal",
                        {"批准提案", "Approve a proposal"}, "AccessApproval", 200, "AccessProposal", approve);
  approving.reasons = {"access.no_proposal",      "access.proposal_decided", "access.four_eyes",
                       "access.policy_signature", "access.policy_stale",     "access.everyone_out",
                       "access.session_required"};
  Route rejecting = row(Method::post, "proposals/{proposal}/reject", "rejectAccessProposal",
                        {"驳回提案", "Reject a proposal"}, "AccessRejection", 200, "AccessProposal", reject);
  rejecting.reasons = {"access.no_proposal", "access.proposal_decided", "access.session_required"};
  approving.tag = rejecting.tag = "access-approval";
  Route recovering =
      row(Method::post, "recover", "recoverAccess", {"恢复管理员", "Replace a lost administrator"},
          "AccessRecovery", 200, "AccessPolicy", recover);
  recovering.reasons = kProposalReasons;
  for (const char* reason : {"access.no_recovery_key", "access.recovery_signature", "access.recovery_scope"})
    recovering.reasons.emplace_back(reason);
  recovering.tag = "recovery";
  resource.routes = {
      row(Method::get, "policy", "getAccessPolicy", {"现行权限策略", "The policy in force"}, "", 200,
          "AccessPolicy", get_policy),
      row(Method::get, "policy/versions", "listAccessVersions", {"策略的历史版本", "Former versions"}, "",
          200, "AccessList", list_versions),
      row(Method::get, "roles", "listAccessRoles", {"角色", "Roles"}, "", 200, "AccessList", list_roles),
      row(Method::get, "proposals", "listAccessProposals", {"提案", "Proposals"}, "", 200, "AccessList",
          list_proposals),
      row(Method::get, "proposals/{proposal}", "getAccessProposal", {"一项提案", "One proposal"}, "", 200,
          "AccessProposal", get_proposal),
      proposing,
      approving,
      rejecting,
      recovering,
      row(Method::get, "labels/{record}", "getLabel", {"记录的安全标记", "Label of a record"}, "", 200,
          "RecordLabel", get_label),
      row(Method::put, "labels/{record}", "setLabel", {"设置安全标记", "Label a record"}, "RecordLabel", 204,
          "", set_label),
  };
  return resource;
}

}  // namespace chengxin::api
