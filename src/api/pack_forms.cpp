#include "api/pack_forms.h"

#include "api/problem.h"
#include "texts/texts.h"

namespace chengxin::api {
namespace {

Json describe(const record::Wrong& wrong, const record::Model* model) {
  Json out = {{"field", wrong.field}, {"reason", wrong.reason}};
  if (!wrong.detail.empty()) out["detail"] = wrong.detail;
  out["zh"] = texts::reason(wrong.reason, texts::Language::zh);
  out["en"] = texts::reason(wrong.reason, texts::Language::en);
  if (model)
    for (const record::Check& check : model->checks)
      if (check.reason == wrong.reason) {
        if (!check.zh.empty()) out["zh"] = check.zh;
        out["en"] = check.en.empty() ? out["zh"].get<std::string>() : check.en;
      }
  return out;
}

}  // namespace

Response refused_form(const Call& call, const Error& error, const record::Wrongs& wrongs,
                      const record::Model* model) {
  Json errors = Json::array();
  for (const record::Wrong& each : wrongs) errors.push_back(describe(each, model));
  Response out = problem(error, call.request_id);
  Json body = Json::parse(out.body);
  body["errors"] = std::move(errors);
  out.body = json_response(body).body;
  out.refusal = kInvalidForm;
  return out;
}

}  // namespace chengxin::api
