#include <algorithm>

#include "identity/impl/session.h"

// What one subject lets another do for it: offered by the principal, accepted by the other, ended by either.
namespace chengxin::identity {
namespace {

bool is_scope(std::string_view scope) {
  const auto part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  };
  if (scope == "*") return true;
  if (scope.ends_with(".*")) scope.remove_suffix(2);
  return !scope.empty() && scope.size() <= 64 && std::all_of(scope.begin(), scope.end(), part);
}

Status check_authority(const Session& session, const Authority& authority) {
  if (authority.scopes.empty() || authority.scopes.size() > kMaxScopes ||
      !std::all_of(authority.scopes.begin(), authority.scopes.end(), is_scope))
    return refused("identity.scope");
  if (authority.unlimited && authority.limit != 0) return refused("identity.limit");
  if (authority.not_after_ms != 0 &&
      (authority.not_after_ms < authority.not_before_ms || authority.not_after_ms <= session.now_ms()))
    return refused("identity.dates");
  return {};
}

Status grant(Session& session) {
  ASSIGN(const auto call, session.arguments<Grant>());
  const SubjectId& id = call.principal.subject;
  TRY(check_authority(session, call.authority));
  if (call.other == id) return refused("identity.relation_self");
  ASSIGN(const Subject before, session.expect(call.principal));
  // Nobody but the principal: who could grant for it could grant himself everything.
  TRY(session.is_itself(id, before));
  ASSIGN(const Subject other, session.find(call.other));
  TRY(check_active(other));
  ASSIGN(auto between, session.read(between_key(id, call.other)));
  Bytes numbers = between.value_or(Bytes());
  if (numbers.size() / 8 >= kMaxBetween) return refused("identity.too_many_relations");
  Subject subject = before;
  const uint64_t number = ++subject.relations;
  put_be(numbers, number);
  Relation relation;
  relation.other = call.other;
  relation.authority = call.authority;
  relation.change = session.change("grant");
  session.put(relation_key(id, number), relation);
  session.put_bytes(between_key(id, call.other), std::move(numbers));
  session.keep(id, subject, before, "grant");
  put_be(session.result.output, number);
  return {};
}

Result<Relation> relation_of(const Session& session, const Numbered& call) {
  ASSIGN(auto relation, read_record<Relation>(session.read, relation_key(call.subject, call.number)));
  if (!relation) return refused("identity.no_relation");
  return std::move(*relation);
}

Status accept(Session& session) {
  ASSIGN(const auto call, session.arguments<Numbered>());
  ASSIGN(Relation relation, relation_of(session, call));
  ASSIGN(const Subject other, session.find(relation.other));
  TRY(session.acts_for(relation.other, other, "identity.accept"));
  ASSIGN(const Subject principal, session.find(call.subject));
  TRY(check_active(principal));
  if (relation.status == RelationStatus::revoked) return refused("identity.relation_ended");
  if (relation.status == RelationStatus::accepted) return refused("identity.relation_accepted");
  relation.status = RelationStatus::accepted;
  relation.change = session.change("accept");
  session.put(relation_key(call.subject, call.number), relation);
  session.tell("accept", {call.subject, big_endian(call.number)});
  return {};
}

Status end(Session& session) {
  ASSIGN(const auto call, session.arguments<Numbered>());
  ASSIGN(Relation relation, relation_of(session, call));
  if (relation.status == RelationStatus::revoked) return refused("identity.relation_ended");
  ASSIGN(const SubjectId signer, session.signer_subject());
  const SubjectId& by = signer == relation.other ? relation.other : call.subject;
  ASSIGN(const Subject party, session.find(by));
  TRY(session.acts_for(by, party, "identity.end"));
  relation.status = RelationStatus::revoked;
  relation.revoked_by = signer;
  relation.change = session.change("end");
  session.put(relation_key(call.subject, call.number), relation);
  const std::string at = between_key(call.subject, relation.other);
  ASSIGN(auto between, session.read(at));
  Bytes left;
  const Bytes list = between.value_or(Bytes());
  Reader numbers(list);
  while (numbers.remaining() > 0)
    if (const auto each = numbers.be<uint64_t>(); each != call.number) put_be(left, each);
  if (left.empty())
    session.context.state.erase(at);
  else
    session.put_bytes(at, std::move(left));
  session.tell("end", {call.subject, big_endian(call.number)});
  return {};
}

}  // namespace

std::vector<Row> relation_methods() { return {{"grant", grant}, {"accept", accept}, {"end", end}}; }

}  // namespace chengxin::identity
