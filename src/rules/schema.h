#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

struct cx_schema;

namespace chengxin::rules {

struct Violation {
  std::string path;  // JSON pointer into the document; empty: the whole
  std::string keyword;
  std::string message;  // English, without the document's values
  bool operator==(const Violation&) const = default;
};

enum class Formats { remarks, asserted };

// JSON Schema 2020-12 that refers to nothing outside itself but the dialect's own schema.
class Schema {
 public:
  // At most 256 KiB. Errors: schema.invalid, schema.dialect, schema.reference, schema.malformed,
  // schema.too_large.
  static Result<Schema> compile(const Json& schema, Formats formats = Formats::asserted);

  // The first 100 violations by path and keyword, of a document up to 1 MiB; none: the document is valid.
  // Errors: schema.cost, schema.depth, schema.document, schema.document_too_large.
  Result<std::vector<Violation>> check(const Json& document) const;

 private:
  std::shared_ptr<const cx_schema> schema_;
};

}  // namespace chengxin::rules
