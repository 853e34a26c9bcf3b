#pragma once
#include <functional>

#include "base/json.h"
#include "document/model.h"

// A document with places in its texts, as a tree of JSON (docs/document-templates.md). "{name}" is filled by
// the caller; a brace that is meant is doubled. What is filled in is never read as a place again.
namespace chengxin::document {

using FillText = std::function<Result<std::string>(std::string_view place)>;

struct Data {
  FillText text;
  // For each row of a list what fills the texts of the columns there. Which places a row knows is the
  // caller's.
  std::function<Result<std::vector<FillText>>(std::string_view list)> rows;
  std::function<Result<Bytes>(std::string_view name)> image;  // PNG
};

// To check a template without data, give functions that know the names: a text for each place, one row for
// each list. Errors: document.template (detail: where, and what is wrong: a member that does not exist or is
// missing, a wrong type, a brace without partner), and those of the functions.
Result<Document> fill(const Json& layout_template, const Data& data, int64_t created_ms);

}  // namespace chengxin::document
