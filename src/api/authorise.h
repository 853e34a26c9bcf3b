#pragma once
#include <set>
#include "access/policy.h"
#include "api/app.h"
#include "api/impl/request_parser.h"

// Who makes a call, and whether he may: decided here, for every route, and nowhere else (ADR 0042).
namespace chengxin::api {

// One credential of: the owner's or a token's or a session's bearer, a session's cookie, a signature of the
// message, or else the certificates that the connection showed (`caller`, may be null), which are checked
// again at each call. Certificates of somebody whom the policy knows go with no credential but his own.
// Errors: auth.missing, auth.invalid, auth.expired, auth.owner_only, access.two_credentials,
// access.page_token, access.session_*, access.password_change_required, access.second_factor_required,
// access.not_allowed, access.owner_restricted, access.message_signature_*, access.policy_bent,
// access.certificate_nobody, access.certificate_person, access.certificate_mixed, crypto.certificate_*.
// Who it is is known to the caller, for the audit log, also when he may not.
// `chain`: as the path names it, empty when it names none.
Task<Status> authorise(App& app, const Head& head, const Route& route, std::string_view chain,
                       const crypto::TlsPeer* caller, Principal& principal);

access::Action action_of(const Route& route);
// What came in clear from another host is refused when it is administration: a person or the owner, signing
// in, or a call that one of the three administrators answers for (GB/T 22239 8.1.4.1 c; GB/T 39786 8.3 b).
// access.plain_remote.
Status check_exposed(const Route& route, const Principal& principal);
// Whether the caller might write with this route: for routes that read unless the body says otherwise.
bool may_write(const Call& call);
// Whether the principal may make a call of the route, about `chain` when it names one. Grant: what he may see
// of its answer.
Result<access::Grant> decide(const App& app, const Principal& principal, const access::Action& action,
                             Access access, std::string_view chain = {});
// What the caller may see of what stands on a chain that the path does not name; nullopt: nothing.
std::optional<access::Grant> grant_on(const Call& call, std::string_view chain);

// Of a body under a signature. access.content_digest.
Status check_body(const Principal& principal, const Head& head, ByteView body);

// What of the records (Route::records) the caller may see. Before the handler: access.no_record for the one
// that the path names.
Task<Status> check_record(Call& call);
// Of those that a body refers to: one that the caller may not see is not there. access.no_record.
Task<Status> check_references(Call& call, std::vector<std::string> records);
// After it: leaves out records of others and with higher labels, also where another names them (same_digest,
// links), blanks masked members, labels what was added.
Task<Status> filter(Call& call, Response& response);
// Of these records those that the caller sees. Blocks.
Result<std::set<std::string>> seen_among(const Call& call, const std::vector<std::string>& records);
// access.not_allowed: a condition on a member that is blanked would find its text out (Parameter::about).
Status check_conditions(const Call& call);

// The value of a cookie; empty when it is not there.
std::string_view find_cookie(std::string_view field, std::string_view name);
std::string_view cookie_name(const App& app);
std::string set_cookie(const App& app, const std::string& secret);  // empty: takes it away

}  // namespace chengxin::api
