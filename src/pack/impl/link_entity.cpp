#include <algorithm>

#include "pack/impl/link.h"

namespace chengxin::pack {
namespace {

std::vector<std::string> field_names(const Entity& entity) {
  std::vector<std::string> out;
  for (const Field& each : entity.fields) out.push_back(each.name);
  return out;
}

// Finds what one entity says of its own fields, roles, chains and states.
class EntityLinker {
 public:
  EntityLinker(const Entity& entity, const Scope& scope, Findings& findings)
      : entity_(entity), scope_(scope), findings_(findings), fields_(field_names(entity)) {}

  void run() {
    const Node& root = entity_.node();
    if (const Node* label = root.find("label")) field(*label);
    if (const Node* number = root.find("number")) numbers(*number);
    if (const Node* owner = root.find("owner")) this->owner(*owner);
    if (const Node* chain = root.find("chain"))
      if (const Node* on = chain->find("on")) one_of(*on, scope_.chains, "pack.chain_unknown");
    if (const Node* tags = root.find("tags"))
      one_of(*tags, scope_.dictionary_names, "pack.dictionary_unknown");
    if (const Node* keys = root.find("unique"))
      for (const Node& key : keys->items)
        for (const Node& name : key.items) field(name);
    if (const Node* states = root.find("states")) this->states(*states);
    if (const Node* checks = root.find("checks"))
      for (const Node& check : checks->items) this->check(check);
    if (const Node* access = root.find("access")) this->access(*access);
  }

 private:
  void wrong(std::string_view reason, Place at, std::string_view about, std::string mend = {}) {
    findings_.wrong(reason, entity_.source->file, at, about, std::move(mend));
  }
  bool one_of(const Node& node, std::span<const std::string> names, std::string_view reason) {
    return names_one(node, names, reason, *entity_.source, findings_);
  }
  bool field(const Node& node) { return one_of(node, fields_, "pack.field_unknown"); }

  void owner(const Node& node) {
    if (node.text == "creator" || !field(node)) return;
    const Field* named = entity_.find(node.text);
    if (named && (named->type != Type::ref || named->many)) wrong("pack.owner", node.at, node.text);
  }

  // {year}{region:4}{serial:6}: parts in brackets, anything else as it stands; one serial number.
  void numbers(const Node& node) {
    static const std::vector<std::string> parts{"year", "month", "day", "region", "serial"};
    std::string_view rest = node.text;
    int serials = 0;
    for (size_t open; (open = rest.find_first_of("{}")) != std::string_view::npos;) {
      const size_t close = rest.find('}', open);
      if (rest[open] != '{' || close == std::string_view::npos)
        return wrong("pack.number_rule", node.at, node.text, "{year}{serial:6}");
      const std::string_view part = rest.substr(open + 1, close - open - 1);
      const std::string name(part.substr(0, part.find(':')));
      const auto width =
          part.size() > name.size() ? parse_decimal(part.substr(name.size() + 1)) : Decimal{1, 0};
      if (std::find(parts.begin(), parts.end(), name) == parts.end() || !width || width->digits > 0 ||
          width->scaled < 1 || width->scaled > 12)
        return wrong("pack.number_rule", node.at, part, nearest(name, parts));
      serials += name == "serial" ? 1 : 0;
      rest.remove_prefix(close + 1);
    }
    if (serials != 1) wrong("pack.number_rule", node.at, node.text, "{year}{serial:6}");
  }

  void states(const Node& node) {
    std::vector<std::string> names;
    for (const Member& state : node.members) names.push_back(state.name);
    std::set<std::string> reached;
    if (!names.empty()) reached.insert(names.front());
    for (const Member& state : node.members) {
      if (const Node* to = state.value.find("to"))
        for (const Node& next : to->items)
          if (one_of(next, names, "pack.state_unknown")) reached.insert(next.text);
      if (const Node* by = state.value.find("by"))
        for (const Node& role : by->items) one_of(role, scope_.roles, "pack.role_unknown");
    }
    for (const Member& state : node.members)
      if (!reached.contains(state.name)) wrong("pack.state_unreached", state.at, state.name);
  }

  void check(const Node& node) {
    if (const Node* at = node.find("at")) field(*at);
    const Node* reason = node.find("reason");
    if (!reason || !reason->is(Node::Kind::scalar)) return;
    const std::string prefix = scope_.pack.name + ".";
    if (!scope_.pack.name.empty() && !reason->text.starts_with(prefix))
      wrong("pack.reason_prefix", reason->at, reason->text, prefix + reason->text);
    const auto has = [&](const Texts& texts) { return texts.keys.contains(reason->text); };
    if (!node.find("zh") && std::none_of(scope_.pack.texts.begin(), scope_.pack.texts.end(), has))
      wrong("pack.text_missing", reason->at, reason->text, "zh: …");
  }

  void access(const Node& node) {
    for (const Member& role : node.members) {
      if (std::find(scope_.roles.begin(), scope_.roles.end(), role.name) == scope_.roles.end())
        wrong("pack.role_unknown", role.at, role.name, nearest(role.name, scope_.roles));
      for (const char* columns : {"hide", "mask", "fixed"})
        if (const Node* names = role.value.find(columns))
          for (const Node& name : names->items) field(name);
      for (const char* verb : {"read", "change", "delete"}) {
        const Node* scope = role.value.find(verb);
        if (scope && scope->text == "own" && !entity_.node().find("owner"))
          wrong("pack.own_without_owner", scope->at, entity_.name, "owner: …");
      }
      for (const char* verb : {"create", "change", "delete"}) {
        const Node* given = role.value.find(verb);
        if (given && !role.value.find("read")) wrong("pack.access_blind", given->at, role.name, "read: …");
      }
    }
  }

  const Entity& entity_;
  const Scope& scope_;
  Findings& findings_;
  const std::vector<std::string> fields_;
};

// Finds what one field says, columns of tables included.
class FieldLinker {
 public:
  FieldLinker(const Entity& entity, const Scope& scope, Findings& findings)
      : entity_(entity), scope_(scope), findings_(findings) {}

  void run(const Field& field, int depth) {
    references(field);
    if (!field.node->is(Node::Kind::map)) return;
    values(field);
    protection(field);
    if (field.type != Type::table) return;
    if (depth > 0) wrong("pack.table_nested", field.at, field.name);
    for (const Field& column : field.columns) run(column, depth + 1);
  }

 private:
  void wrong(std::string_view reason, Place at, std::string_view about, std::string mend = {}) {
    findings_.wrong(reason, entity_.source->file, at, about, std::move(mend));
  }

  const Node* member(const Field& field, std::string_view name) const { return field.node->find(name); }

  void references(const Field& field) {
    const Node* main = member(field, name_of(field.type));
    if (!main) return;
    if (field.type == Type::ref)
      names_one(*main, scope_.entity_names, "pack.entity_unknown", *entity_.source, findings_);
    if (field.type != Type::dictionary && field.type != Type::tree) return;
    if (!names_one(*main, scope_.dictionary_names, "pack.dictionary_unknown", *entity_.source, findings_))
      return;
    if (field.type == Type::tree && !scope_.dictionaries.find(main->text)->second->nested)
      wrong("pack.not_a_tree", main->at, main->text, "dictionary: " + main->text);
  }

  // Why the text is no value of the field; "" when it is one.
  std::string_view fault(const Field& field, const Node& node) const {
    const auto number = parse_decimal(node.text);
    switch (field.type) {
      case Type::whole:
        return number && number->digits == 0 ? "" : "pack.number";
      case Type::decimal:
      case Type::money:
        return number && number->digits <= (field.type == Type::money ? 2 : field.digits) ? ""
                                                                                          : "pack.number";
      case Type::flag:
        return node.text == "true" || node.text == "false" ? "" : "pack.choice";
      case Type::date:
        return is_date(node.text) ? "" : "pack.date";
      case Type::dictionary:
      case Type::tree: {
        const auto dictionary = scope_.dictionaries.find(field.option);
        const bool known =
            dictionary == scope_.dictionaries.end() || dictionary->second->codes.contains(node.text);
        return known ? "" : "pack.code_unknown";
      }
      case Type::text:
        return "";
      default:
        return "pack.default";  // none in this form
    }
  }

  std::string meant(const Field& field, const std::string& text) const {
    std::vector<std::string> codes;
    if (const auto found = scope_.dictionaries.find(field.option); found != scope_.dictionaries.end())
      for (const auto& [code, place] : found->second->codes) codes.push_back(code);
    return nearest(text, codes);
  }

  void constant(const Field& field, const Node* node) {
    if (!node || !node->is(Node::Kind::scalar)) return;
    if (const std::string_view reason = fault(field, *node); !reason.empty())
      wrong(reason, node->at, fmt::format("{}: {}", field.name, node->text), meant(field, node->text));
  }

  void values(const Field& field) {
    const Node *least = member(field, "min"), *most = member(field, "max");
    for (const Node* each : {member(field, "default"), least, most}) constant(field, each);
    if (least && most) {
      const auto low = parse_decimal(least->text), high = parse_decimal(most->text);
      const bool crossed = low && high
                               ? less(*high, *low)
                               : is_date(least->text) && is_date(most->text) && most->text < least->text;
      if (crossed) wrong("pack.limits", most->at, least->text + " > " + most->text);
    }
    const Node *shortest = member(field, "shortest"), *longest = member(field, "longest");
    if (shortest && longest) {
      const auto low = parse_decimal(shortest->text), high = parse_decimal(longest->text);
      if (low && high && less(*high, *low))
        wrong("pack.limits", longest->at, shortest->text + " > " + longest->text);
    }
    if (!field.computed) return;
    for (const char* name : {"default", "required"})
      if (const Node* clash = member(field, name)) wrong("pack.computed", clash->at, name);
  }

  void protection(const Field& field) {
    const bool sensitive = !sensitivity_of(entity_, field).empty();
    const Node *chain = member(field, "chain"), *search = member(field, "search");
    if (chain && sensitive && chain->text == "full")
      wrong("pack.sensitive_in_clear", chain->at, field.name, "encrypted");
    if (search && !sensitive) wrong("pack.search_plain", search->at, field.name, "sensitivity: personal");
    if (chain && !entity_.node().find("chain"))
      wrong("pack.chain_missing", chain->at, field.name, "chain: {on: …, record: …}");
    const Node* on_delete = member(field, "on_delete");
    if (on_delete && on_delete->text == "clear" && field.required)
      wrong("pack.clear_required", on_delete->at, field.name, "refuse");
  }

  const Entity& entity_;
  const Scope& scope_;
  Findings& findings_;
};

}  // namespace

void link_entity(const Entity& entity, const Scope& scope, Findings& findings) {
  EntityLinker(entity, scope, findings).run();
}

void link_fields(const Entity& entity, const Scope& scope, Findings& findings) {
  FieldLinker linker(entity, scope, findings);
  for (const Field& field : entity.fields) linker.run(field, 0);
}

}  // namespace chengxin::pack
