#include "pack/impl/link.h"

#include <algorithm>

#include "pack/describe.h"
#include "pack/layout.h"

namespace chengxin::pack {
namespace {

// Where the pack names itself, or its first line.
Place place_of(const Node& root, std::string_view member) {
  const Node* found = root.find(member);
  return found ? found->at : Place{1, 1};
}

// Who has a name: the file where it was met first.
class Claims {
 public:
  explicit Claims(Findings& findings) : findings_(findings) {}
  void claim(std::string_view kind, const std::string& name, const Source& source, Place at) {
    if (name.empty()) return;
    const auto [first, fresh] = first_.emplace(fmt::format("{} {}", kind, name), source.file);
    if (!fresh) findings_.wrong("pack.name_taken", source.file, at, first->first + ": " + first->second);
  }

 private:
  Findings& findings_;
  std::map<std::string, std::string> first_;
};

void claim_keys(Claims& claims, std::string_view kind, const Source& source, std::string_view member) {
  if (const Node* map = source.root.find(member))
    for (const Member& each : map->members) claims.claim(kind, each.name, source, each.at);
}

void claim_names(const std::vector<Pack>& packs, Findings& findings) {
  Claims claims(findings);
  for (const Pack& pack : packs) {
    if (pack.file) {
      claims.claim("pack", pack.name, *pack.file, place_of(pack.file->root, "pack"));
      claim_keys(claims, "role", *pack.file, "roles");
      claim_keys(claims, "chain", *pack.file, "chains");
    }
    for (const Entity& each : pack.entities)
      claims.claim("entity", each.name, *each.source, place_of(each.source->root, "entity"));
    for (const Dictionary& each : pack.dictionaries)
      claims.claim("dictionary", each.name, *each.source, place_of(each.source->root, "dictionary"));
    for (const Part& each : pack.decisions)
      claims.claim("decision", each.name, *each.source, place_of(each.source->root, "decision"));
    for (const Part& each : pack.processes)
      claims.claim("process", each.name, *each.source, place_of(each.source->root, "process"));
    for (const Part& each : pack.calendars)
      claims.claim("calendar", each.name, *each.source, place_of(each.source->root, "calendar"));
    for (const Part& each : pack.views)
      claims.claim("view", each.name, *each.source, place_of(each.source->root, "view"));
    for (const Texts& each : pack.texts)
      claims.claim("texts", pack.name + " " + each.language, *each.source,
                   place_of(each.source->root, "language"));
  }
}

const Pack* named(const std::vector<Pack>& packs, std::string_view name) {
  for (const Pack& pack : packs)
    if (pack.name == name) return &pack;
  return nullptr;
}

// Whether following uses from `from` leads to `goal`.
bool leads_to(const std::vector<Pack>& packs, const Pack& from, const std::string& goal,
              std::set<std::string>& seen) {
  for (const std::string& name : from.uses) {
    if (name == goal) return true;
    const Pack* next = named(packs, name);
    if (next && seen.insert(name).second && leads_to(packs, *next, goal, seen)) return true;
  }
  return false;
}

void link_uses(const std::vector<Pack>& packs, const Pack& pack, Findings& findings) {
  const Node* uses = pack.file->root.find("uses");
  if (!uses) return;
  std::vector<std::string> names;
  for (const Pack& each : packs) names.push_back(each.name);
  for (const Member& member : uses->members) {
    const Pack* used = named(packs, member.name);
    if (!used) {
      findings.wrong("pack.uses_unknown", pack.file->file, member.at, member.name,
                     nearest(member.name, names));
      continue;
    }
    if (!within_range(used->version, member.value.text).value_or(true))
      findings.wrong("pack.uses_version", pack.file->file, member.value.at,
                     fmt::format("{} {}", member.name, fmt::join(used->version, ".")));
    std::set<std::string> seen;
    if (member.name == pack.name || leads_to(packs, *used, pack.name, seen))
      findings.wrong("pack.uses_cycle", pack.file->file, member.at,
                     fmt::format("{} → {} → {}", pack.name, member.name, pack.name));
  }
}

void link_menu(const Node& list, const Scope& scope, Findings& findings) {
  for (const Node& menu : list.items) {
    if (const Node* entity = menu.find("entity"))
      names_one(*entity, scope.entity_names, "pack.entity_unknown", *scope.pack.file, findings);
    if (const Node* view = menu.find("view"))
      names_one(*view, scope.views, "pack.view_unknown", *scope.pack.file, findings);
    if (const Node* roles = menu.find("roles"))
      for (const Node& role : roles->items)
        names_one(role, scope.roles, "pack.role_unknown", *scope.pack.file, findings);
    if (const Node* below = menu.find("items")) link_menu(*below, scope, findings);
  }
}

void check_codes(const Node* codes, const Source& source, std::map<std::string, Place>& seen,
                 Findings& findings) {
  if (!codes) return;
  for (const Member& member : codes->members) {
    if (!seen.emplace(member.name, member.at).second)
      findings.wrong("pack.code_twice", source.file, member.at, member.name);
    check_span(member.value, source, findings);
    check_codes(member.value.find("codes"), source, seen, findings);
  }
}

}  // namespace

void check_span(const Node& node, const Source& source, Findings& findings) {
  const Node *from = node.find("from"), *until = node.find("until");
  if (from && until && is_date(from->text) && is_date(until->text) && until->text < from->text)
    findings.wrong("pack.dates", source.file, until->at, from->text + " > " + until->text);
}

Scope::Scope(const std::vector<Pack>& packs, const Pack& own)
    : pack(own), columns_(fail(Code::internal, "rules.sql_mapping", "not made yet")) {
  for (const Pack& each : packs) {
    const bool used = std::count(own.uses.begin(), own.uses.end(), each.name) > 0;
    if (&each != &own && !used) continue;
    for (const Entity& entity : each.entities) entities.emplace(entity.name, &entity);
    for (const Dictionary& dictionary : each.dictionaries) dictionaries.emplace(dictionary.name, &dictionary);
    roles.insert(roles.end(), each.roles.begin(), each.roles.end());
    for (const Part& decision : each.decisions) decisions.emplace(decision.name, &decision);
    for (const Part& view : each.views) views.push_back(view.name);
    for (const Part& calendar : each.calendars) calendars.push_back(calendar.name);
    chains.insert(chains.end(), each.chains.begin(), each.chains.end());
  }
  std::vector<const Entity*> all;
  for (const auto& [name, entity] : entities) {
    entity_names.push_back(name);
    if (entity->fields.size() <= kMostFields) all.push_back(entity);
  }
  std::vector<const Dictionary*> lists;
  for (const auto& [name, dictionary] : dictionaries) {
    dictionary_names.push_back(name);
    lists.push_back(dictionary);
  }
  common_ = pack::environment(all, lists);
  std::vector<Layout> layouts;
  for (const Entity* each : all) layouts.push_back(layout_of(*each));
  columns_ = rules::Mapping::compile(mapping(layouts));
}

bool Scope::knows(const Field& field) const {
  if (field.type == Type::ref) return entities.contains(field.option);
  if (field.type == Type::dictionary || field.type == Type::tree) return dictionaries.contains(field.option);
  return true;
}

const Result<rules::Environment>& Scope::environment(const Json& it, const Json& record) const {
  Json all = {{"it", it}};
  if (!record.is_null()) all["record"] = record;
  const std::string key = all.dump();
  auto found = environments_.find(key);
  if (found == environments_.end()) {
    all.update(common_);
    found = environments_.emplace(key, rules::Environment::compile(all)).first;
  }
  return found->second;
}

bool names_one(const Node& node, std::span<const std::string> names, std::string_view reason,
               const Source& source, Findings& findings) {
  if (!node.is(Node::Kind::scalar)) return false;  // said already
  if (std::find(names.begin(), names.end(), node.text) != names.end()) return true;
  findings.wrong(reason, source.file, node.at, node.text, nearest(node.text, names));
  return false;
}

void link_packs(const std::vector<Pack>& packs, Findings& findings) {
  claim_names(packs, findings);
  for (const Pack& pack : packs) {
    if (!pack.file) continue;
    link_uses(packs, pack, findings);
    const Node* engine = pack.file->root.find("engine");
    if (engine && !within_range(kEngine, engine->text).value_or(true))
      findings.wrong("pack.engine", pack.file->file, engine->at,
                     fmt::format("{} ({})", engine->text, fmt::join(kEngine, ".")));
  }
}

void link_menus(const Scope& scope, Findings& findings) {
  if (!scope.pack.file) return;
  if (const Node* menus = scope.pack.file->root.find("menus")) link_menu(*menus, scope, findings);
}

void link_dictionary(const Dictionary& dictionary, Findings& findings) {
  const Node& root = dictionary.source->root;
  check_span(root, *dictionary.source, findings);
  std::map<std::string, Place> seen;
  check_codes(root.find("codes"), *dictionary.source, seen, findings);
}

void link_texts(const Pack& pack, Findings& findings) {
  std::map<std::string, const Texts*> all;
  for (const Texts& texts : pack.texts)
    for (const auto& [key, place] : texts.keys) all.emplace(key, &texts);
  for (const Texts& texts : pack.texts)
    for (const auto& [key, first] : all)
      if (!texts.keys.contains(key))
        findings.wrong("pack.text_missing", texts.source->file, place_of(texts.source->root, "texts"), key);
}

void link(Packs& packs) {
  link_packs(packs.packs, packs.findings);
  for (const Pack& pack : packs.packs) {
    const Scope scope(packs.packs, pack);
    link_menus(scope, packs.findings);
    for (const Dictionary& each : pack.dictionaries) link_dictionary(each, packs.findings);
    link_texts(pack, packs.findings);
    for (const Part& each : pack.decisions) link_decision(*each.source, scope, packs.findings);
    for (const Part& each : pack.processes) link_process(*each.source, scope, packs.findings);
    for (const Part& each : pack.calendars) link_calendar(*each.source, packs.findings);
    for (const Part& each : pack.views) link_view(*each.source, scope, packs.findings);
    for (const Entity& each : pack.entities) {
      link_entity(each, scope, packs.findings);
      link_fields(each, scope, packs.findings);
      link_rules(each, scope, packs.findings);
    }
  }
}

}  // namespace chengxin::pack
