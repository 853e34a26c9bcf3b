#include "identity/calls.h"

namespace chengxin::identity {
namespace {

struct Row {
  std::string_view method;
  Result<Bytes> (*encoded)(const Json& arguments);
};

template <typename T>
Result<Bytes> encoded(const Json& arguments) {
  ASSIGN(const T read, from_json<T>(arguments));
  return encode(read);
}

constexpr Row kRows[] = {
    {"set_registrar", encoded<SetRegistrar>},
    {"register", encoded<Register>},
    {"update", encoded<UpdateMany>},
    {"suspend", encoded<ChangeStatus>},
    {"restore", encoded<ChangeStatus>},
    {"revoke", encoded<ChangeStatus>},
    {"deactivate", encoded<ChangeStatus>},
    {"set_services", encoded<SetServices>},
    {"set_keys", encoded<SetKeys>},
    {"set_recovery", encoded<SetRecovery>},
    {"recover", encoded<Recover>},
    {"grant", encoded<Grant>},
    {"accept", encoded<Numbered>},
    {"end", encoded<Numbered>},
    {"set_template", encoded<SetTemplate>},
    {"anchor_status", encoded<AnchorStatus>},
    {"consent", encoded<GiveConsent>},
    {"revoke_consent", encoded<Numbered>},
    {"use_consent", encoded<UseConsent>},
    {"register_pseudonyms", encoded<RegisterPseudonyms>},
    {"close_pseudonym", encoded<ClosePseudonym>},
    {"propose_order", encoded<ProposeOrder>},
    {"judge_order", encoded<JudgeOrder>},
    {"execute_order", encoded<ExecuteOrder>},
};

}  // namespace

Result<format::Call> call_of(std::string_view method, const Json& arguments) {
  for (const Row& row : kRows) {
    if (row.method != method) continue;
    ASSIGN(Bytes bytes, row.encoded(arguments));
    return format::Call{"identity", std::string(method), std::move(bytes)};
  }
  return fail(Code::not_found, "contract.unknown_method", "identity has no method {}", method);
}

Json describe(const SubjectId& id, const Subject& subject) {
  Json out = to_json(subject);
  out["id"] = hex(id);
  for (size_t i = 0; i < subject.keys.size(); ++i) out["keys"][i]["id"] = hex(subject.keys[i].id());
  out["state_key"] = hex(view(subject_key(id)));
  return out;
}

Result<SubjectId> parse_subject(std::string_view text) {
  const auto bytes = unhex(text);
  SubjectId out;
  if (!bytes || bytes->size() != out.size())
    return fail(Code::invalid_argument, "format.identity", "the id of an identity is {} hexadecimal digits",
                2 * out.size());
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

}  // namespace chengxin::identity
