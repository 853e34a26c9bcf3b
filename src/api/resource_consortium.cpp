#include "api/resource_consortium.h"

#include <algorithm>

#include "api/describe.h"
#include "consortium/service.h"
#include "format/protocol.h"

namespace chengxin::api {
namespace {

using consortium::Service;

// What a handler does with the service, off the io threads: a call may wait for a block or for another node.
using Work = std::function<Result<Json>(Call&, Service&)>;

Handler handler(Work work, int status = 200) {
  return [work = std::move(work), status](Call& call) -> Task<Result<Response>> {
    co_return co_await blocking(call.app, [&]() -> Result<Response> {
      ASSIGN(Json answer, work(call, *call.app.services.consortium));
      return json_response(answer, status);
    });
  };
}

std::string chain_name(Call& call) { return call.query.text("chain", "home"); }

Result<Json> init(Call& call, Service& service) {
  const Json& in = call.json;
  return service.init({{in["organisation"], in["title"], in["node"], in["address"]},
                       in.value("chain", "home"),
                       in.value("protocol", format::kNewestProtocol)});
}

Result<Json> propose(Call& call, Service& service) {
  format::Propose what;
  for (const Json& each : call.json["actions"]) {
    ASSIGN(auto action, format::read_action(each));
    what.actions.push_back(std::move(action));
  }
  what.why = call.json.value("why", "");
  what.open_ms = call.json.value("open_ms", what.open_ms);
  return service.propose(chain_name(call), what);
}

Result<uint64_t> number_of(Call& call) {
  const std::string id = call.path.text("id");
  ASSIGN(Json number, parse_parameter(id, integer_schema(), "path parameter id"));
  return number.get<uint64_t>();
}

Result<Json> vote(Call& call, Service& service) {
  ASSIGN(uint64_t number, number_of(call));
  return service.vote(chain_name(call), number, call.json["yes"]);
}

Result<Json> withdraw(Call& call, Service& service) {
  ASSIGN(uint64_t number, number_of(call));
  return service.withdraw(chain_name(call), number);
}

Result<Json> invite(Call& call, Service& service) {
  consortium::Invite what;
  what.chain = call.json.value("chain", what.chain);
  what.organisation = call.json["organisation"];
  what.valid_ms = call.json.value("valid_ms", what.valid_ms);
  return service.invite(what);
}

Result<Json> join(Call& call, Service& service) {
  const Json& in = call.json;
  consortium::Join what;
  what.invitation = in["invitation"];
  what.names = {"", in.value("title", ""), in.value("node", ""), in.value("address", "")};
  what.role = *format::role_of(in.value("role", "observer"));
  what.weight = in.value("weight", what.weight);
  return service.join(what);
}

Result<Json> create_chain(Call& call, Service& service) {
  const Json& in = call.json;
  consortium::NewChain what;
  what.name = in["name"];
  what.organisations = in.value("organisations", what.organisations);
  what.from = in.value("from", what.from);
  what.approval = *format::approval_of(in.value("approval", "two_thirds"));
  return service.create_chain(what);
}

Result<Json> revoke_certificates(Call& call, Service& service) {
  std::vector<Bytes> serials;
  for (const Json& each : call.json["serials"]) {
    ASSIGN(Bytes serial, unhex(each.get<std::string>()));
    serials.push_back(std::move(serial));
  }
  return service.revoke_certificates(serials);
}

Result<Json> replace_root(Call& call, Service& service) {
  return service.replace_root(call.json.value("without", std::vector<std::string>()));
}

Json short_text(size_t most) { return {{"type", "string"}, {"minLength", 1}, {"maxLength", most}}; }

Schemas schemas() {
  Schemas out;
  const Json name = short_text(40), address = short_text(255), title = short_text(120);
  Json actions = list_schema({{"type", "object"}});  // docs/formats/consortium.md
  actions["minItems"] = 1;
  actions["maxItems"] = 16;
  Json organisations = list_schema(name);
  organisations["maxItems"] = 64;
  Json serials = list_schema(hex_schema());
  serials["minItems"] = 1;
  serials["maxItems"] = 100;
  out["ConsortiumAnswer"] = {{"type", "object"}};
  out["NewOrganisation"] = object_schema(
      {{"organisation", name},
       {"title", title},
       {"node", name},
       {"address", address},
       {"chain", name},
       {"protocol", {{"type", "integer"}, {"minimum", 1}, {"maximum", format::kNewestProtocol}}}},
      {"organisation", "title", "node", "address"});
  out["NewProposal"] = object_schema({{"actions", actions},
                                      {"why", {{"type", "string"}, {"maxLength", 500}}},
                                      {"open_ms", integer_schema()}},
                                     {"actions"});
  out["NewVote"] = object_schema({{"yes", {{"type", "boolean"}}}}, {"yes"});
  out["NewInvitation"] = object_schema(
      {{"organisation", name}, {"chain", short_text(128)}, {"valid_ms", integer_schema()}}, {"organisation"});
  out["NewJoining"] = object_schema({{"invitation", {{"type", "object"}}},
                                     {"title", title},
                                     {"node", name},
                                     {"address", address},
                                     {"role", enum_schema({"voter", "observer"})},
                                     {"weight", integer_schema()}},
                                    {"invitation"});
  out["NewOffer"] = object_schema({{"name", name},
                                   {"organisations", organisations},
                                   {"from", short_text(128)},
                                   {"approval", enum_schema({"two_thirds", "majority", "all"})}},
                                  {"name"});
  Json without = list_schema(name);
  without["maxItems"] = 64;
  out["NewRoot"] = object_schema({{"without", without}}, {});
  out["RevokedCertificates"] = object_schema({{"serials", serials}}, {"serials"});
  return out;
}

const std::vector<std::string> kCommon = {"consortium.no_identity", "consortium.not_governing",
                                          "chain.not_found", "consortium.none"};

struct Row {
  Method method;
  const char* path;  // behind /api/v1/consortium
  const char* id;
  Words summary;
  const char* body;  // a schema's name, or null
  bool of_chain;     // takes ?chain=
  std::vector<std::string> reasons;
  Work work;
  int status = 200;
};

// Of one chain: who is on it, what is proposed.
std::vector<Row> rows_of_chain() {
  return {
      {Method::get,
       "/members",
       "getConsortiumMembers",
       {"链上的机构、节点与规则", "Organisations, nodes and rule of a chain"},
       nullptr,
       true,
       {},
       [](Call& c, Service& s) { return s.show(chain_name(c)); }},
      {Method::get,
       "/nodes",
       "getConsortiumNodes",
       {"各节点的实时状态", "What each node says of itself now"},
       nullptr,
       true,
       {},
       [](Call& c, Service& s) { return s.status(chain_name(c)); }},
      {Method::get,
       "/proposals",
       "listProposals",
       {"提案（新的在前）", "Proposals, newest first"},
       nullptr,
       true,
       {},
       [](Call& c, Service& s) { return s.proposals(chain_name(c)); }},
      {Method::post,
       "/proposals",
       "propose",
       {"提出提案", "Propose"},
       "NewProposal",
       true,
       {"format.consortium", "consortium.too_many_open", "consortium.last_voter"},
       propose,
       201},
      {Method::post,
       "/proposals/{id}/votes",
       "voteOnProposal",
       {"投票", "Vote"},
       "NewVote",
       true,
       {"consortium.not_open", "consortium.already_voted"},
       vote},
      {Method::del,
       "/proposals/{id}",
       "withdrawProposal",
       {"撤回提案", "Withdraw a proposal"},
       nullptr,
       true,
       {"consortium.not_open", "consortium.not_yours"},
       withdraw},
  };
}

// Of who this node is: identity, invitations, joining, offers, keys.
std::vector<Row> rows_of_node() {
  return {
      {Method::get,
       "",
       "getConsortiumIdentity",
       {"本节点的机构身份", "This node's identity"},
       nullptr,
       false,
       {},
       [](Call&, Service& s) { return s.identity(); }},
      {Method::post,
       "",
       "initConsortium",
       {"建立机构身份与第一条链", "Make an identity and a first chain"},
       "NewOrganisation",
       false,
       {"consortium.identity_exists", "consortium.names", "chain.name", "chain.exists"},
       init,
       201},
      {Method::get,
       "/invitations",
       "listInvitations",
       {"发出的邀请", "Invitations"},
       nullptr,
       false,
       {},
       [](Call&, Service& s) { return s.invitations(); }},
      {Method::post,
       "/invitations",
       "invite",
       {"邀请机构或本机构的另一节点", "Invite an organisation, or a further node"},
       "NewInvitation",
       false,
       {"consortium.names", "consortium.invitation", "consortium.too_many_invitations"},
       invite,
       201},
      {Method::del,
       "/invitations/{id}",
       "cancelInvitation",
       {"作废邀请", "Cancel an invitation"},
       nullptr,
       false,
       {"consortium.no_invitation"},
       [](Call& c, Service& s) { return s.cancel_invitation(c.path.text("id")); }},
      {Method::get,
       "/joinings",
       "listJoinings",
       {"正在进行的加入", "What this node is joining"},
       nullptr,
       false,
       {},
       [](Call&, Service& s) { return s.joinings(); }},
      {Method::post,
       "/joinings",
       "join",
       {"凭邀请加入", "Join by invitation"},
       "NewJoining",
       false,
       {"consortium.invitation", "consortium.invitation_expired", "consortium.names", "chain.exists"},
       join,
       202},
      {Method::get,
       "/offers",
       "listOffers",
       {"共建链的提议", "Chains offered to and by this node"},
       nullptr,
       false,
       {},
       [](Call&, Service& s) { return s.offers(); }},
      {Method::post,
       "/offers",
       "offerChain",
       {"提议共建一条链", "Offer to found a chain together"},
       "NewOffer",
       false,
       {"chain.name", "chain.exists", "consortium.offer_exists", "consortium.no_organisation"},
       create_chain,
       202},
      {Method::post,
       "/offers/{id}/acceptance",
       "acceptOffer",
       {"接受共建", "Accept an offer"},
       nullptr,
       false,
       {"consortium.no_offer", "chain.exists"},
       [](Call& c, Service& s) { return s.accept(c.path.text("id")); }},
      {Method::del,
       "/offers/{id}",
       "refuseOffer",
       {"拒绝共建，或由发起者收回", "Refuse an offer, or take one back"},
       nullptr,
       false,
       {"consortium.no_offer"},
       [](Call& c, Service& s) { return s.refuse(c.path.text("id")); }},
      {Method::post,
       "/certificates",
       "renewCertificates",
       {"更新本节点的证书", "Renew this node's certificates"},
       nullptr,
       false,
       {},
       [](Call&, Service& s) { return s.renew(); }},
      {Method::post,
       "/certificates/revocations",
       "revokeNodeCertificates",
       {"吊销证书并公布", "Take certificates back, and publish"},
       "RevokedCertificates",
       false,
       {},
       revoke_certificates},
      {Method::post,
       "/keys/node",
       "rotateNodeKey",
       {"更换本节点的密钥", "Replace this node's key"},
       nullptr,
       false,
       {},
       [](Call&, Service& s) { return s.rotate_key(); }},
      {Method::post,
       "/keys/governor",
       "rotateGovernorKey",
       {"更换治理密钥", "Replace the governor key"},
       nullptr,
       false,
       {},
       [](Call&, Service& s) { return s.rotate_governor(); }},
      {Method::post,
       "/keys/root",
       "replaceRoot",
       {"更换机构的根证书", "Replace the organisation's root"},
       "NewRoot",
       false,
       {"consortium.node_away", "consortium.no_node"},
       replace_root},
      {Method::post,
       "/keys/engine",
       "rotateEngineKeys",
       {"更换本节点的引擎密钥", "Replace the keys of this node's engines"},
       nullptr,
       false,
       {},
       [](Call&, Service& s) { return s.rotate_engine_keys(); }},
  };
}

}  // namespace

Resource consortium_resource() {
  Resource resource;
  resource.schemas = schemas();
  std::vector<Row> rows = rows_of_node();
  std::ranges::move(rows_of_chain(), std::back_inserter(rows));
  for (Row& row : rows) {
    Route route;
    route.method = row.method;
    route.path = std::string("/api/v1/consortium") + row.path;
    route.id = row.id;
    route.summary = std::move(row.summary);
    route.tag = "consortium";
    route.access = Access::owner;
    if (row.of_chain)
      route.query = {
          {"chain", text_schema(), {"链名或链号，默认 home", "Name or id of a chain; home by default"}}};
    if (row.body) route.body = {{"application/json", reference(row.body)}};
    route.answers = {{row.status, "application/json", reference("ConsortiumAnswer"), {}}};
    route.reasons = kCommon;
    route.reasons.insert(route.reasons.end(), row.reasons.begin(), row.reasons.end());
    route.handler = handler(std::move(row.work), row.status);
    resource.routes.push_back(std::move(route));
  }
  return resource;
}

}  // namespace chengxin::api
