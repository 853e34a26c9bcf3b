#include "pack/impl/link.h"

namespace chengxin::pack {
namespace {

// What decision tables and views say of an entity.
class ViewLinker {
 public:
  ViewLinker(const Source& source, const Scope& scope, Findings& findings)
      : source_(source), scope_(scope), findings_(findings) {}

  void decision() {
    const Node& root = source_.root;
    const Node *rows = root.find("rows"), *gives = root.find("gives"), *hit = root.find("hit");
    if (!takes(root.find("for")) || !rows || !gives) return;
    std::vector<std::string> outcomes;
    for (const Node& each : gives->items) outcomes.push_back(each.text);
    const bool first = !hit || hit->text == "first";
    for (size_t i = 0; i < rows->items.size(); ++i) {
      const Node& row = rows->items[i];
      condition(row.find("when"));
      check_span(row, source_, findings_);
      if (const Node* then = row.find("then"))
        names_one(*then, outcomes, "pack.outcome_unknown", source_, findings_);
      const bool always = !row.find("when") && !row.find("from") && !row.find("until");
      if (always && first && i + 1 < rows->items.size())
        findings_.wrong("pack.row_unreached", source_.file, rows->items[i + 1].at);
    }
  }

  void view() {
    const Node& root = source_.root;
    const Node* list = root.find("list");
    if (!takes(list ? list : root.find("form"))) return;
    for (const char* member : {"columns", "filters"}) fields(root.find(member));
    searched(root.find("search"));
    if (const Node* newest = root.find("newest"))
      names_one(*newest, fields_, "pack.field_unknown", source_, findings_);
    if (const Node* where = root.find("where"))
      check_rule(where, scope_.environment(it_), "bool", source_, findings_, &scope_.columns());
    if (const Node* sections = root.find("sections"))
      for (const Node& section : sections->items) {
        fields(section.find("fields"));
        condition(section.find("when"));
      }
  }

 private:
  // Words of texts are indexed in the clear, so not of what is encrypted.
  void searched(const Node* names) {
    if (!names) return;
    const Entity& entity = *scope_.entities.at(it_.at("object").get<std::string>());
    for (const Node& name : names->items) {
      if (!names_one(name, fields_, "pack.field_unknown", source_, findings_)) continue;
      const Field* field = entity.find(name.text);
      if (!field || field->type != Type::text)
        findings_.wrong("pack.search_kind", source_.file, name.at, name.text);
      else if (!sensitivity_of(entity, *field).empty())
        findings_.wrong("pack.search_sensitive", source_.file, name.at, name.text);
    }
  }

  bool takes(const Node* name) {
    if (!name || !names_one(*name, scope_.entity_names, "pack.entity_unknown", source_, findings_))
      return false;
    const Entity& entity = *scope_.entities.at(name->text);
    for (const Field& field : entity.fields) fields_.push_back(field.name);
    for (const auto& [built_in, from] : {std::pair("number", "number"), std::pair("state", "states")})
      if (entity.node().find(from)) fields_.emplace_back(built_in);
    it_ = {{"object", entity.name}};
    return true;
  }

  void fields(const Node* names) {
    if (names)
      for (const Node& name : names->items)
        names_one(name, fields_, "pack.field_unknown", source_, findings_);
  }

  void condition(const Node* node) {
    if (node) check_rule(node, scope_.environment(it_), "bool", source_, findings_);
  }

  const Source& source_;
  const Scope& scope_;
  Findings& findings_;
  std::vector<std::string> fields_;
  Json it_;
};

}  // namespace

void link_decision(const Source& source, const Scope& scope, Findings& findings) {
  ViewLinker(source, scope, findings).decision();
}

void link_view(const Source& source, const Scope& scope, Findings& findings) {
  ViewLinker(source, scope, findings).view();
}

}  // namespace chengxin::pack
