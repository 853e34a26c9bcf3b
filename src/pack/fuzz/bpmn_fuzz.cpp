#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "pack/bpmn.h"
#include "pack/impl/tables.h"
#include "pack/steps.h"

// A file of a modeller: every mistake has a place in it, and what is taken keeps the grammar, is written as
// BPMN, and comes back equal.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chengxin;
  using namespace chengxin::pack;
  const std::string_view xml = text(ByteView(data, size));
  const auto lines = 1 + std::count(xml.begin(), xml.end(), '\n');
  const BpmnDefaults defaults{.about = "thing", .start = {"anyone"}}, none;
  Findings findings, later;
  const auto imported = read_bpmn(xml, "f", defaults, findings);
  CHECK(imported.has_value() == findings.empty());
  for (const Finding& each : findings.shown()) CHECK(each.at.line >= 1 && each.at.line <= lines);
  if (!imported) return 0;
  Source process{.file = "f", .text = imported->yaml, .root = {}};
  CHECK(parse_yaml(process, later) && check_grammar(process, process_shape(), later));
  const auto again = write_bpmn(process, later);
  CHECK(again);
  const auto back = read_bpmn(*again, "f", none, later);
  CHECK(back && back->renamed.empty() && back->left_out.empty());
  Source same{.file = "f", .text = back->yaml, .root = {}};
  CHECK(parse_yaml(same, later) && process_json(same.root) == process_json(process.root));
  return 0;
}
