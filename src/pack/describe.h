#pragma once
#include "pack/model.h"

// What others need to know of an entity.
namespace chengxin::pack {

// JSON Schema 2020-12 of a record as it goes over the API. Exact numbers are texts; codes of dictionaries
// are checked against the dictionary, not listed.
Json entity_schema(const Entity& entity);

// What rules may read, for their type checker:
// {"me": TYPE, "today": "date", "now": "instant", "objects": {NAME: {"fields": {NAME: TYPE}}},
//  "dictionaries": {NAME: [CODE]}}. A TYPE is a word (text, int, bool, date, time, instant, geometry),
// {"type": word}, {"decimal": digits, "unit"}, {"dictionary": name}, {"ref": entity}, {"object": name} or
// {"list": TYPE}, with "optional": true where nothing may be there. "it" and "record" are put in by who
// compiles a rule, who knows where it stands. Fields of JSON, and those that refer to what is not among
// `entities` and `dictionaries`, are left out: no rule reads them. A record's state is a code of the
// dictionary "ENTITY.state".
Json environment(std::span<const Entity* const> entities, std::span<const Dictionary* const> dictionaries);
Json type_of(const Entity& entity, const Field& field);

}  // namespace chengxin::pack
