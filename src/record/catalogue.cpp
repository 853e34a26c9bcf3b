#include "record/catalogue.h"

#include <algorithm>

#include "pack/describe.h"

namespace chengxin::record {
namespace {

using pack::Field;
using pack::Node;
using pack::Type;

constexpr size_t kMostCommitted = 250;  // a proof holds 256 fields, six of them are not the entity's

std::string text_in(const Node& node, std::string_view member) {
  const Node* found = node.find(member);
  return found ? found->text : std::string();
}

std::vector<std::string> texts_in(const Node& node, std::string_view member) {
  std::vector<std::string> out;
  if (const Node* found = node.find(member))
    for (const Node& each : found->items) out.push_back(each.text);
  return out;
}

Json object(const std::string& name) { return {{"object", name}}; }

// As a constant of CEL.
std::string constant_of(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// Makes one entity ready.
class Compiler {
 public:
  Compiler(Model& model) : model_(model), scope_(*model.scope), entity_(*model.entity) {}

  Status run() {
    const Node& root = entity_.node();
    model_.layout = pack::layout_of(entity_);
    for (const Field& field : entity_.fields) {
      note_sensitive(field);
      for (const Field& column : field.columns) note_sensitive(column);
    }
    model_.owner = text_in(root, "owner");
    model_.number = text_in(root, "number");
    const std::string on_delete = text_in(root, "delete");
    model_.on_delete = on_delete == "erase"   ? Model::Delete::erase
                       : on_delete == "never" ? Model::Delete::never
                                              : Model::Delete::keep;
    TRY(fields(entity_.fields, object(entity_.name), nullptr, model_.rules));
    for (const Field& field : entity_.fields)
      if (field.type == Type::table)
        TRY(fields(field.columns, object(entity_.name + "." + field.name), object(entity_.name),
                   model_.table_rules[&field]));
    if (const Node* checks = root.find("checks"))
      for (const Node& each : checks->items) TRY(check(each));
    if (const Node* states = root.find("states"))
      for (const pack::Member& each : states->members) TRY(state(each));
    if (const Node* access = root.find("access"))
      for (const pack::Member& each : access->members) TRY(role(each));
    return chain();
  }

 private:
  void note_sensitive(const Field& field) {
    if (!pack::sensitivity_of(entity_, field).empty()) model_.sensitive.insert(&field);
  }
  Result<rules::Typed> rule(const Node& node, const Json& it, const Json& record, const Json& wanted) const {
    return compile_rule(scope_, node.text, it, record, wanted);
  }
  Result<rules::Typed> condition(const Node& node) const {
    return rule(node, object(entity_.name), nullptr, "bool");
  }

  Status fields(const std::vector<Field>& all, const Json& it, const Json& record, FieldRules& out) {
    for (const Field& field : all) {
      const Node& node = *field.node;
      const Json wanted = field.type == Type::json ? Json() : pack::type_of(entity_, field);
      if (const Node* value = node.find("value")) {
        ASSIGN(auto made, rule(*value, it, record, wanted));
        out.computed.emplace_back(&field, std::move(made));
      }
      const Node* initial = node.find("default");
      if (const Node* computed = initial ? initial->find("rule") : nullptr) {
        ASSIGN(auto made, rule(*computed, it, record, wanted));
        out.initial.emplace(&field, std::move(made));
      }
      if (const Node* where = node.find("where")) {
        const Json candidate =
            field.type == Type::ref ? object(field.option) : Json{{"dictionary", field.option}};
        ASSIGN(auto made, rule(*where, candidate, it, "bool"));
        out.choice.emplace(&field, std::move(made));
      }
      if (const Node* pattern = node.find("pattern")) {
        ASSIGN(auto made, rules::Rule::compile("it.matches(" + constant_of(pattern->text) + ")"));
        model_.patterns.emplace(&field, std::move(made));
      }
    }
    order(out.computed, it.at("object").get<std::string>());
    return {};
  }

  // Cycles were refused when the pack was checked.
  static void order(std::vector<std::pair<const Field*, rules::Typed>>& computed, const std::string& of) {
    std::vector<std::pair<const Field*, rules::Typed>> out;
    while (!computed.empty()) {
      const auto ready = std::find_if(computed.begin(), computed.end(), [&](const auto& each) {
        return std::none_of(computed.begin(), computed.end(), [&](const auto& other) {
          return other.first != each.first && each.second.reads().contains({of, other.first->name});
        });
      });
      const auto next = ready == computed.end() ? computed.begin() : ready;
      out.push_back(std::move(*next));
      computed.erase(next);
    }
    computed = std::move(out);
  }

  Status check(const Node& node) {
    ASSIGN(auto made, condition(*node.find("rule")));
    Check out{std::move(made), text_in(node, "reason"), text_in(node, "zh"), text_in(node, "en"),
              text_in(node, "at")};
    for (const pack::Texts& texts : model_.pack->texts) {
      std::string& text = texts.language == "en" ? out.en : out.zh;
      const Node* all = texts.source->root.find("texts");
      const Node* found = all ? all->find(out.reason) : nullptr;
      if (text.empty() && found) text = found->text;
    }
    model_.checks.push_back(std::move(out));
    return {};
  }

  Status state(const pack::Member& member) {
    StateModel out{member.name, texts_in(member.value, "to"), texts_in(member.value, "by"), {}};
    if (const Node* when = member.value.find("when")) {
      ASSIGN(out.when, condition(*when));
    }
    model_.states.push_back(std::move(out));
    return {};
  }

  Result<std::optional<Filter>> filter(const Node* node) const {
    if (!node) return std::optional<Filter>();
    if (node->text == "all") return std::optional<Filter>(All{});
    if (node->text == "own") return std::optional<Filter>(Own{});
    ASSIGN(auto made, condition(*node));
    return std::optional<Filter>(std::move(made));
  }

  // `encrypted` and `full` commit to a field as `digest` does (ADR 0054).
  Status chain() {
    const Node* chain = entity_.node().find("chain");
    if (!chain) return {};
    for (const Field& field : entity_.fields) {
      const std::string own = text_in(*field.node, "chain");
      if ((own.empty() ? text_in(*chain, "record") : own) != "none") model_.committed.push_back(&field);
    }
    if (model_.committed.size() > kMostCommitted)
      return fail(Code::invalid_argument, "record.chain_fields", "{}: {} > {}", entity_.name,
                  model_.committed.size(), kMostCommitted);
    if (!model_.committed.empty()) model_.chain = text_in(*chain, "on");
    return {};
  }

  Status role(const pack::Member& member) {
    const Node& node = member.value;
    RoleAccess out{member.name, {}, {}, {}, text_in(node, "create") == "true", {}, {}, {}};
    ASSIGN(out.read, filter(node.find("read")));
    ASSIGN(out.change, filter(node.find("change")));
    ASSIGN(out.remove, filter(node.find("delete")));
    for (const auto& [name, into] :
         {std::pair{"hide", &out.hide}, std::pair{"mask", &out.mask}, std::pair{"fixed", &out.fixed}})
      for (std::string& each : texts_in(node, name)) into->insert(std::move(each));
    model_.access.push_back(std::move(out));
    return {};
  }

  Model& model_;
  const pack::Scope& scope_;
  const pack::Entity& entity_;
};

Referrer::OnDelete on_delete_of(const Field& field) {
  const std::string text = text_in(*field.node, "on_delete");
  return text == "clear"    ? Referrer::OnDelete::clear
         : text == "delete" ? Referrer::OnDelete::remove
                            : Referrer::OnDelete::refuse;
}

}  // namespace

const StateModel* Model::state(std::string_view named) const {
  for (const StateModel& each : states)
    if (each.name == named) return &each;
  return nullptr;
}

Result<rules::Typed> compile_rule(const pack::Scope& scope, std::string_view text, const Json& it,
                                  const Json& record, const Json& wanted) {
  const auto& environment = scope.environment(it, record);
  if (!environment) return tl::unexpected(environment.error());
  ASSIGN(const auto rule, rules::Rule::compile(text));
  ASSIGN(auto checked, rule.check(*environment, wanted));
  if (checked.mistakes.empty()) return std::move(*checked.rule);
  const rules::Mistake& first = checked.mistakes.front();
  return fail(Code::invalid_argument, first.reason, "line {}, column {}: {}{}", first.line, first.column,
              first.detail, first.mend.empty() ? "" : " > " + first.mend);
}

Result<std::shared_ptr<const Catalogue>> Catalogue::make(std::span<const pack::Files> files, int64_t epoch) {
  std::shared_ptr<Catalogue> out(new Catalogue);
  out->epoch_ = epoch;
  pack::check_into(files, out->packs_);
  if (!out->packs_.good()) {
    const pack::Finding first = out->packs_.findings.shown().front();
    return fail(Code::invalid_argument, "record.pack", "{}:{}:{}: {} {}", first.file, first.at.line,
                first.at.column, first.reason, first.en);
  }
  for (const pack::Pack& each : out->packs_.packs) TRY(out->compile(each));
  out->connect();
  return std::shared_ptr<const Catalogue>(std::move(out));
}

Status Catalogue::compile(const pack::Pack& pack) {
  const auto scope = std::make_shared<const pack::Scope>(packs_.packs, pack);
  for (const pack::Entity& entity : pack.entities) {
    Model& model = models_[entity.name];
    model.pack = &pack;
    model.entity = &entity;
    model.scope = scope;
    TRY(Compiler(model).run());
    std::set<std::string> searched;
    for (const pack::Part& view : pack.views)
      if (text_in(view.source->root, "list") == entity.name)
        for (const std::string& field : texts_in(view.source->root, "search")) searched.insert(field);
    for (const std::string& field : searched) model.layout.searched.push_back(entity.find(field));
  }
  for (const pack::Part& each : pack.decisions) TRY(compile(each, pack, *scope));
  return {};
}

Status Catalogue::compile(const pack::Part& part, const pack::Pack& pack, const pack::Scope& scope) {
  const Node& root = part.source->root;
  const std::string hit = text_in(root, "hit");
  Decision out{part.name,
               text_in(root, "for"),
               pack.name,
               fmt::format("{}", fmt::join(pack.version, ".")),
               hit == "unique"    ? Decision::Hit::unique
               : hit == "collect" ? Decision::Hit::collect
                                  : Decision::Hit::first,
               {}};
  for (const Node& row : root.find("rows")->items) {
    DecisionRow made{{},
                     text_in(row, "then"),
                     text_in(row, "zh"),
                     text_in(row, "en"),
                     text_in(row, "from"),
                     text_in(row, "until")};
    if (const Node* when = row.find("when")) {
      ASSIGN(made.when, compile_rule(scope, when->text, object(out.entity), nullptr, "bool"));
    }
    out.rows.push_back(std::move(made));
  }
  decisions_[part.name] = std::move(out);
  return {};
}

// Who refers to whom.
void Catalogue::connect() {
  const auto note = [&](const std::string& entity, const Field& field, const Field* table) {
    const auto target = models_.find(field.option);
    if (field.type == Type::ref && target != models_.end())
      target->second.referrers.push_back({entity, &field, table, on_delete_of(field)});
  };
  for (const auto& [name, model] : models_)
    for (const Field& field : model.entity->fields) {
      note(name, field, nullptr);
      for (const Field& column : field.columns) note(name, column, &field);
    }
}

const pack::Pack* Catalogue::pack(std::string_view name) const {
  for (const pack::Pack& each : packs())
    if (each.name == name) return &each;
  return nullptr;
}

Result<const Model*> Catalogue::model(std::string_view entity) const {
  const auto found = models_.find(entity);
  if (found == models_.end()) return fail(Code::not_found, "record.entity_unknown", "{}", entity);
  return &found->second;
}

Result<const Decision*> Catalogue::decision(std::string_view named) const {
  const auto found = decisions_.find(named);
  if (found == decisions_.end()) return fail(Code::not_found, "record.decision_unknown", "{}", named);
  return &found->second;
}

}  // namespace chengxin::record
