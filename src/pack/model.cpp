#include "pack/model.h"

#include <algorithm>

#include "pack/impl/link.h"

namespace chengxin::pack {
namespace {

constexpr std::string_view kTypes[] = {"text", "whole",      "decimal",  "money",      "flag",
                                       "date", "time",       "instant",  "dictionary", "tree",
                                       "ref",  "attachment", "geometry", "table",      "json"};

std::string text_of(const Node& node, std::string_view member) {
  const Node* found = node.find(member);
  return found && found->is(Node::Kind::scalar) ? found->text : std::string();
}

bool is_true(const Node& node, std::string_view member) { return text_of(node, member) == "true"; }

std::vector<std::string> names_in(const Node* map) {
  std::vector<std::string> out;
  if (map)
    for (const Member& member : map->members) out.push_back(member.name);
  return out;
}

Titles titles_of(const Node* node) {
  if (!node) return {};
  if (node->is(Node::Kind::scalar)) return {node->text, {}};
  return {text_of(*node, "zh"), text_of(*node, "en")};
}

std::vector<Field> fields_of(const Node* map);

std::optional<Field> field_of(const Member& member) {
  Field out;
  out.name = member.name;
  out.at = member.at;
  out.node = &member.value;
  if (member.value.is(Node::Kind::scalar)) {
    const auto type = type_named(member.value.text);
    if (!type) return std::nullopt;
    out.type = *type;
    return out;
  }
  const Member* main = nullptr;
  for (const Member& each : member.value.members) {
    const auto type = type_named(each.name);
    if (!type) continue;
    out.type = *type;
    main = &each;
    break;
  }
  if (!main) return std::nullopt;
  const Node& node = member.value;
  out.option = main->value.text;
  if (out.type == Type::decimal)
    if (const auto digits = parse_decimal(out.option)) out.digits = int(digits->scaled);
  if (out.type == Type::table) out.columns = fields_of(&main->value);
  out.title = titles_of(&node);
  out.required = is_true(node, "required");
  out.many = is_true(node, "many");
  out.computed = node.find("value") != nullptr;
  out.unit = text_of(node, "unit");
  out.sensitivity = text_of(node, "sensitivity");
  return out;
}

std::vector<Field> fields_of(const Node* map) {
  std::vector<Field> out;
  if (map)
    for (const Member& member : map->members)
      if (auto field = field_of(member)) out.push_back(std::move(*field));
  return out;
}

void gather_codes(const Node* codes, Dictionary& out) {
  if (!codes) return;
  for (const Member& member : codes->members) {
    out.codes.emplace(member.name, member.at);
    if (const Node* below = member.value.find("codes")) {
      out.nested = true;
      gather_codes(below, out);
    }
  }
}

void take_pack(const Source& source, Pack& out) {
  const Node& root = source.root;
  out.file = &source;
  out.name = text_of(root, "pack");
  out.version = parse_version(text_of(root, "version")).value_or(Version{});
  out.uses = names_in(root.find("uses"));
  out.roles = names_in(root.find("roles"));
  out.chains = names_in(root.find("chains"));
}

void take(const Source& source, const FileKind& kind, Pack& out) {
  const Node& root = source.root;
  const std::string name = text_of(root, kind.member);
  if (kind.kind == "pack") {
    take_pack(source, out);
  } else if (kind.kind == "entity") {
    out.entities.push_back(
        {name, {}, titles_of(root.find("title")), fields_of(root.find("fields")), &source});
  } else if (kind.kind == "dictionary") {
    Dictionary made{name, {}, false, &source};
    gather_codes(root.find("codes"), made);
    out.dictionaries.push_back(std::move(made));
  } else if (kind.kind == "decision") {
    out.decisions.push_back({name, &source});
  } else if (kind.kind == "process") {
    out.processes.push_back({name, &source});
  } else if (kind.kind == "calendar") {
    out.calendars.push_back({name, &source});
  } else if (kind.kind == "view") {
    out.views.push_back({name, &source});
  } else if (kind.kind == "texts") {
    Texts made{name, {}, &source};
    if (const Node* texts = root.find("texts"))
      for (const Member& member : texts->members) made.keys.emplace(member.name, member.at);
    out.texts.push_back(std::move(made));
  }
}

}  // namespace

std::string_view name_of(Type type) { return kTypes[size_t(type)]; }

std::optional<Type> type_named(std::string_view name) {
  for (size_t i = 0; i < std::size(kTypes); ++i)
    if (kTypes[i] == name) return Type(i);
  return std::nullopt;
}

const Field* Entity::find(std::string_view field) const {
  for (const Field& each : fields)
    if (each.name == field) return &each;
  return nullptr;
}

std::string sensitivity_of(const Entity& entity, const Field& field) {
  const std::string level =
      field.sensitivity.empty() ? text_of(entity.node(), "sensitivity") : field.sensitivity;
  return level == "personal" || level == "secret" ? level : std::string();
}

Pack read_pack(const Files& files, Findings& findings) {
  Pack out;
  out.label = files.label;
  for (const auto& [path, content] : files.content) {
    const FileKind* kind = kind_of(path);
    if (!kind) continue;  // README.md
    auto source = std::make_unique<Source>();
    source->file = fmt::format("{}/{}", files.label, path);
    source->text = to_string(content);
    if (parse_yaml(*source, findings)) check_grammar(*source, *kind->shape, findings);
    take(*source, *kind, out);
    out.sources.push_back(std::move(source));
  }
  for (Entity& each : out.entities) each.pack = out.name;
  return out;
}

void check_into(std::span<const Files> packs, Packs& out) {
  for (const Files& files : packs) out.packs.push_back(read_pack(files, out.findings));
  link(out);
}

Packs check(std::span<const Files> packs) {
  Packs out;
  check_into(packs, out);
  return out;
}

Packs check_folders(std::span<const fs::path> folders) {
  Packs out;
  std::vector<Files> all;
  for (const fs::path& folder : folders) all.push_back(read_folder(folder, out.findings));
  check_into(all, out);
  return out;
}

}  // namespace chengxin::pack
