#pragma once
#include "pack/scope.h"

// What packs say of one another.
namespace chengxin::pack {

void link(Packs& packs);

// Each finds what is wrong in one part.
void link_packs(const std::vector<Pack>& packs, Findings& findings);
void link_menus(const Scope& scope, Findings& findings);
void link_entity(const Entity& entity, const Scope& scope, Findings& findings);
void link_fields(const Entity& entity, const Scope& scope, Findings& findings);
void link_dictionary(const Dictionary& dictionary, Findings& findings);
void link_texts(const Pack& pack, Findings& findings);
void link_decision(const Source& source, const Scope& scope, Findings& findings);
void link_process(const Source& source, const Scope& scope, Findings& findings);
void link_calendar(const Source& source, Findings& findings);
void link_view(const Source& source, const Scope& scope, Findings& findings);
void check_span(const Node& node, const Source& source, Findings& findings);  // from … until
// `wanted`: the type that the rule has to give. `columns`: it chooses rows in the database, by these;
// nullptr: it is about one record.
void check_rule(const Node* node, const Result<rules::Environment>& environment, const Json& wanted,
                const Source& source, Findings& findings, const Result<rules::Mapping>* columns = nullptr);
void link_rules(const Entity& entity, const Scope& scope, Findings& findings);

// `node` names one of `names`; if not, `reason` and the nearest.
bool names_one(const Node& node, std::span<const std::string> names, std::string_view reason,
               const Source& source, Findings& findings);

}  // namespace chengxin::pack
