#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "pack/grammar.h"

// A file of any kind, which the first byte chooses: every mistake has a place in it, what is taken has one
// meaning, and a place within a text is in the file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chengxin;
  using namespace chengxin::pack;
  if (size == 0) return 0;
  const FileKind& kind = file_kinds()[data[0] % file_kinds().size()];
  Source source{.file = "f", .text = std::string(text(ByteView(data, size).subspan(1))), .root = {}};
  Findings findings;
  const bool good = parse_yaml(source, findings) && check_grammar(source, *kind.shape, findings);
  CHECK(good == findings.empty());
  const auto lines = 1 + std::count(source.text.begin(), source.text.end(), '\n');
  for (const Finding& each : findings.shown()) CHECK(each.at.line >= 1 && each.at.line <= lines);
  if (!good) return 0;
  CHECK(to_json(source.root, *kind.shape).is_object());
  for (const Member& member : source.root.members)
    for (size_t at = 0; at <= member.value.text.size() && at < 100; ++at) {
      const Place place = place_within(source, member.value, at);
      CHECK(place.line >= member.value.at.line && place.line <= lines);
    }
  return 0;
}
