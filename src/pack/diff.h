#pragma once
#include "pack/model.h"

namespace chengxin::pack {

// What applying the change does to data that is there.
enum class Effect {
  none,
  migration,  // records have to be changed, or may not fit any more
  loss,       // data is no longer reachable
};

struct Change {
  enum class Kind { added, removed, changed };
  Kind kind = Kind::changed;
  std::string object;  // "entity manifest"
  std::string member;  // "fields.total.decimal"; empty: the whole
  Json before, after;
  Effect effect = Effect::none;
};

// What became of `before`, by object and member. Short forms and the order of members make no
// difference, nor whether a step of a process names the next one or stands before it.
std::vector<Change> diff(const Pack& before, const Pack& after);

// {"changes": [{"change", "object", "member", "before", "after", "effect"}], "loss", "migration"}
Json to_json(std::span<const Change> changes);
std::string_view name_of(Effect effect);
std::string_view name_of(Change::Kind kind);

}  // namespace chengxin::pack
