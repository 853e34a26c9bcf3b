#pragma once
#include "identity/model.h"

// Calls of the contract as people and programs write them.
namespace chengxin::identity {

// A method with its arguments in JSON, as model.h names them. contract.unknown_method; format.identity.
Result<format::Call> call_of(std::string_view method, const Json& arguments);

// With what belongs to it and is not stored in it: the id, the keys' ids, the state key of its proof.
Json describe(const SubjectId& id, const Subject& subject);

// 40 lower-case hex digits; format.identity.
Result<SubjectId> parse_subject(std::string_view text);

}  // namespace chengxin::identity
