#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "credential/verifier.h"

// Answers to presentation templates, and the memory of what was used.
namespace chengxin::credential {
namespace {

Status check_type(const CredentialQuery& query, const Verdict& shown) {
  if (std::find(query.types.begin(), query.types.end(), shown.type) != query.types.end()) return {};
  return fail(Code::forbidden, "presentation.type", "\"{}\" was not asked for", shown.type.substr(0, 200));
}

Status check_claims(const CredentialQuery& query, const Json& claims) {
  for (const auto& claim : query.claims) {
    const auto values = values_at(claims, claim.path);
    const std::string path = Json(claim.path).dump();
    if (values.empty()) return fail(Code::forbidden, "presentation.claim_missing", "{}", path);
    if (claim.values.empty()) continue;
    const bool any = std::any_of(values.begin(), values.end(), [&](const Json* value) {
      return std::find(claim.values.begin(), claim.values.end(), *value) != claim.values.end();
    });
    if (!any) return fail(Code::forbidden, "presentation.claim_value", "{}", path);
  }
  return {};
}

Status check_rule(const rules::Rule& rule, const Json& credentials) {
  ASSIGN(const Json outcome, rule.evaluate({{"credentials", credentials}}));
  if (outcome != true) return fail(Code::forbidden, "presentation.rule", "the template's rule does not hold");
  return {};
}

// The one presentation of a query.
Result<std::string> presentation_of(const Json& vp_token, const std::string& id) {
  auto wrong = [](std::string_view why) {
    return fail(Code::invalid_argument, "presentation.answer", "{}", why);
  };
  if (!vp_token.is_object()) return wrong("vp_token is an object");
  auto at = vp_token.find(id);
  if (at == vp_token.end()) return wrong("nothing for \"" + id + "\"");
  if (!at->is_array() || at->size() != 1) return wrong("one presentation for each query");
  const Json& one = (*at)[0];
  if (!one.is_string() && !one.is_object()) return wrong("a presentation is text, or a JWS in JSON");
  return one.is_string() ? one.get<std::string>() : one.dump();
}

class Memory : public ReplayGuard {
 public:
  explicit Memory(size_t most) : most_(most) {}

  Status use(const Digest& key, int64_t until_ms, int64_t now_ms) override {
    std::lock_guard lock(mutex_);
    if (used_.size() >= most_) std::erase_if(used_, [&](const auto& each) { return each.second <= now_ms; });
    auto at = used_.find(key);
    if (at != used_.end() && at->second > now_ms)
      return fail(Code::forbidden, "presentation.replayed", "it was shown before");
    if (used_.size() >= most_) return fail(Code::busy, "presentation.busy", "too many are remembered");
    used_[key] = until_ms;
    return {};
  }

 private:
  const size_t most_;
  std::mutex mutex_;
  std::unordered_map<Digest, int64_t, DigestHash> used_;
};

}  // namespace

std::unique_ptr<ReplayGuard> replay_guard(size_t most) { return std::make_unique<Memory>(most); }

Verdict Verifier::answer(const Json& vp_token, const PresentationTemplate& wanted, const Policy& policy,
                         const Expected& expected, int64_t now_ms) {
  Verdict whole;
  Json credentials = Json::object();
  for (const auto& query : wanted.queries) {
    const auto text = presentation_of(vp_token, query.id);
    if (!whole.note(query.id + ".answer", text.map([](const std::string&) {}))) continue;
    Policy own = policy;
    own.status_required |= wanted.status_required;
    if (!query.issuers.empty()) {
      own.issuers = query.issuers;
      own.any_issuer = false;
    }
    Expected its = expected;
    its.query = query.id;
    Verdict one = presentation(*text, own, its, now_ms);
    if (one.valid()) {
      one.note("type", check_type(query, one));
      one.note("claims", check_claims(query, one.claims));
    }
    for (Check& check : one.checks) {
      check.name = query.id + "." + check.name;
      whole.checks.push_back(std::move(check));
    }
    credentials[query.id] = one.claims;
    whole.issuer = one.issuer;
    whole.type = one.type;
    whole.holder = one.holder;
  }
  if (vp_token.is_object() && vp_token.size() > wanted.queries.size())
    whole.note("answer", fail(Code::invalid_argument, "presentation.answer", "more than was asked for"));
  if (wanted.rule && whole.valid()) whole.note("rule", check_rule(*wanted.rule, credentials));
  whole.claims = std::move(credentials);
  return whole;
}

}  // namespace chengxin::credential
