#pragma once
#include "api/call.h"
#include "record/catalogue.h"

namespace chengxin::api {

inline constexpr std::string_view kInvalidForm = "record.invalid";

// The problem of a form that is not right, with each of its mistakes under `errors`. A check of the pack's
// own says in its own words what is wrong: `model` is the entity's, null where it is not known.
Response refused_form(const Call& call, const Error& error, const record::Wrongs& wrongs,
                      const record::Model* model);

}  // namespace chengxin::api
