#include <algorithm>

#include "pack/describe.h"
#include "pack/impl/expressions.h"
#include "pack/impl/link.h"

namespace chengxin::pack {
namespace {

// Compiles every rule of an entity, each in what it may read.
class RuleLinker {
 public:
  RuleLinker(const Entity& entity, const Scope& scope, Findings& findings)
      : entity_(entity), scope_(scope), findings_(findings) {}

  void run() {
    const Node& root = entity_.node();
    fields(entity_.fields, object(entity_.name), {});
    if (const Node* checks = root.find("checks"))
      for (const Node& check : checks->items) condition(check.find("rule"));
    if (const Node* states = root.find("states"))
      for (const Member& state : states->members) condition(state.value.find("when"));
    if (const Node* access = root.find("access"))
      for (const Member& role : access->members)
        for (const char* verb : {"read", "change", "delete"}) {
          const Node* scope = role.value.find(verb);
          if (scope && scope->text != "all" && scope->text != "own") filter(scope, object(entity_.name), {});
        }
    cycles();
  }

 private:
  static Json object(const std::string& name) { return {{"object", name}}; }

  void fields(const std::vector<Field>& all, const Json& it, const Json& record) {
    for (const Field& field : all) {
      if (!field.node->is(Node::Kind::map)) continue;
      if (!scope_.knows(field)) continue;  // said already
      const Json wanted = field.type == Type::json ? Json() : type_of(entity_, field);
      rule(field.node->find("value"), it, record, wanted);
      if (const Node* initial = field.node->find("default")) rule(initial->find("rule"), it, record, wanted);
      const Json candidate =
          field.type == Type::ref ? object(field.option) : Json{{"dictionary", field.option}};
      // Of a dictionary the platform has the codes at hand; records are chosen by the database.
      if (field.type == Type::ref)
        filter(field.node->find("where"), candidate, it);
      else
        rule(field.node->find("where"), candidate, it, "bool");
      if (field.type == Type::table) fields(field.columns, object(entity_.name + "." + field.name), it);
    }
  }

  void condition(const Node* node) { rule(node, object(entity_.name), {}, "bool"); }

  void filter(const Node* node, const Json& it, const Json& record) {
    if (node)
      check_rule(node, scope_.environment(it, record), "bool", *entity_.source, findings_, &scope_.columns());
  }

  void rule(const Node* node, const Json& it, const Json& record, const Json& wanted) {
    if (node) check_rule(node, scope_.environment(it, record), wanted, *entity_.source, findings_);
  }

  // Computed fields that need themselves, over others.
  void cycles() {
    std::map<std::string, std::vector<std::string>> reads;
    for (const Field& field : entity_.fields)
      if (field.computed) reads[field.name] = fields_read(field.node->find("value")->text, "it");
    for (const Field& field : entity_.fields)
      if (field.computed && needs_itself(field.name, reads))
        findings_.wrong("pack.value_cycle", entity_.source->file, field.node->find("value")->at, field.name);
  }

  static bool needs_itself(const std::string& name,
                           const std::map<std::string, std::vector<std::string>>& reads) {
    std::set<std::string> seen;
    std::vector<std::string> open{name};
    while (!open.empty()) {
      const auto found = reads.find(open.back());
      open.pop_back();
      if (found == reads.end()) continue;
      for (const std::string& read : found->second) {
        if (read == name) return true;
        if (seen.insert(read).second) open.push_back(read);
      }
    }
    return false;
  }

  const Entity& entity_;
  const Scope& scope_;
  Findings& findings_;
};

}  // namespace

void check_rule(const Node* node, const Result<rules::Environment>& environment, const Json& wanted,
                const Source& source, Findings& findings, const Result<rules::Mapping>* columns) {
  if (!node || !node->is(Node::Kind::scalar)) return;
  if (!environment) return findings.wrong(environment.error(), source.file);
  if (columns && !*columns) return findings.wrong(columns->error(), source.file);
  for (const RuleProblem& each :
       rule_problems(node->text, *environment, wanted, columns ? &**columns : nullptr))
    findings.wrong(each.reason, source.file, place_within(source, *node, each.at), each.about, each.mend);
}

void link_rules(const Entity& entity, const Scope& scope, Findings& findings) {
  if (entity.fields.size() <= kMostFields) RuleLinker(entity, scope, findings).run();  // said already
}

}  // namespace chengxin::pack
