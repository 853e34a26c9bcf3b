#include "rules/schema.h"

#include "rules/impl/exchange.h"

namespace chengxin::rules {

Result<Schema> Schema::compile(const Json& schema, Formats formats) {
  ASSIGN(const std::string text, written(schema, "schema.malformed"));
  const cx_schema* compiled = nullptr;
  cx_buffer error{};
  const cx_verdict verdict = cx_schema_compile(view(text), formats == Formats::asserted, &compiled, &error);
  TRY(answered(verdict, error, "schema.internal").map([](const Json&) {}));
  Schema made;
  made.schema_ = {compiled, cx_schema_free};
  return made;
}

Result<std::vector<Violation>> Schema::check(const Json& document) const {
  ASSIGN(const std::string text, written(document, "schema.document"));
  cx_buffer report{};
  const cx_verdict verdict = cx_schema_check(schema_.get(), view(text), &report);
  ASSIGN(const Json found, answered(verdict, report, "schema.internal"));
  std::vector<Violation> violations;
  for (const Json& one : found)
    violations.push_back({one.value("path", ""), one.value("keyword", ""), one.value("message", "")});
  return violations;
}

}  // namespace chengxin::rules
