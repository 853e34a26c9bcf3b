#include "pack/diff.h"

#include <algorithm>

#include "pack/steps.h"

namespace chengxin::pack {
namespace {

using Path = std::vector<std::string>;

std::string at(const Path& path, size_t i) { return i < path.size() ? path[i] : std::string(); }

bool grows(const Json& before, const Json& after) {
  const auto a = parse_decimal(before.is_string() ? before.get<std::string>() : "");
  const auto b = parse_decimal(after.is_string() ? after.get<std::string>() : "");
  return a && b && less(*a, *b);
}

bool is_computed(const Json& field) { return field.is_object() && field.contains("value"); }

// A whole field, or one of its options.
Effect of_field(const Path& path, size_t depth, const Change& change) {
  const bool whole = path.size() == depth + 1;
  if (whole && change.kind == Change::Kind::removed)
    return is_computed(change.before) ? Effect::none : Effect::loss;
  if (whole && change.kind == Change::Kind::added)
    return change.after.contains("required") && !change.after.contains("default") ? Effect::migration
                                                                                  : Effect::none;
  const std::string option = at(path, depth + 1);
  if (option == "table" && path.size() > depth + 2) return of_field(path, depth + 2, change);
  if (option == "decimal" && change.kind == Change::Kind::changed)
    return grows(change.before, change.after) ? Effect::migration : Effect::loss;
  if (type_named(option)) return change.kind == Change::Kind::removed ? Effect::loss : Effect::migration;
  if (option == "many") return change.after == "true" ? Effect::migration : Effect::loss;
  if (option == "value") return change.kind == Change::Kind::added ? Effect::loss : Effect::migration;
  const bool more = change.kind != Change::Kind::removed && change.after != "false";
  if (option == "required" || option == "unique" || option == "pattern")
    return more ? Effect::migration : Effect::none;
  if (option == "longest" || option == "max")
    return more && !grows(change.before, change.after) ? Effect::migration : Effect::none;
  if (option == "shortest" || option == "min")
    return more && !grows(change.after, change.before) ? Effect::migration : Effect::none;
  return option == "unit" || option == "sensitivity" || option == "search" ? Effect::migration : Effect::none;
}

Effect of_entity(const Path& path, const Change& change) {
  const bool removed = change.kind == Change::Kind::removed;
  if (path.empty()) return removed ? Effect::loss : Effect::none;
  if (path[0] == "fields" && path.size() > 1) return of_field(path, 1, change);
  if (path[0] == "states" && path.size() == 2) return removed ? Effect::migration : Effect::none;
  if (path[0] == "states" && path.size() == 1) return Effect::migration;
  if (path[0] == "unique" && !removed) return Effect::migration;
  if (path[0] == "tags" && removed) return Effect::loss;
  if (path[0] == "delete" && change.after == "erase") return Effect::loss;
  return path[0] == "sensitivity" || path[0] == "tags" ? Effect::migration : Effect::none;
}

Effect effect_of(std::string_view kind, const Path& path, const Change& change) {
  if (kind == "entity") return of_entity(path, change);
  const bool removed = change.kind == Change::Kind::removed;
  if (kind == "dictionary" && removed && (path.empty() || at(path, path.size() - 2) == "codes"))
    return Effect::migration;
  if (kind == "process" && removed && (path.empty() || at(path, 0) == "steps")) return Effect::migration;
  if (kind == "pack" && removed && (at(path, 0) == "roles" || at(path, 0) == "chains") && path.size() == 2)
    return Effect::migration;
  return Effect::none;
}

class Comparer {
 public:
  Comparer(std::string kind, std::string object, std::vector<Change>& out)
      : kind_(std::move(kind)), object_(std::move(object)), out_(out) {}

  void compare(const Json& before, const Json& after, Path& path) {
    if (before == after) return;
    if (!before.is_object() || !after.is_object()) return note(Change::Kind::changed, before, after, path);
    for (const auto& [name, value] : before.items()) {
      path.push_back(name);
      if (const auto found = after.find(name); found == after.end())
        note(Change::Kind::removed, value, nullptr, path);
      else
        compare(value, *found, path);
      path.pop_back();
    }
    for (const auto& [name, value] : after.items()) {
      if (before.contains(name)) continue;
      path.push_back(name);
      note(Change::Kind::added, nullptr, value, path);
      path.pop_back();
    }
  }

  void note(Change::Kind kind, const Json& before, const Json& after, const Path& path) {
    Change made{kind, object_, fmt::format("{}", fmt::join(path, ".")), before, after, Effect::none};
    made.effect = effect_of(kind_, path, made);
    out_.push_back(std::move(made));
  }

 private:
  std::string kind_, object_;
  std::vector<Change>& out_;
};

// Checks by their reasons rather than by their places.
Json keyed(Json object) {
  const auto checks = object.find("checks");
  if (checks == object.end() || !checks->is_array()) return object;
  Json by_reason = Json::object();
  for (const Json& check : *checks) {
    std::string key = check.value("reason", std::string());
    while (by_reason.contains(key)) key += "'";
    by_reason[key] = check;
  }
  *checks = std::move(by_reason);
  return object;
}

struct Object {
  std::string kind, name;
  auto operator<=>(const Object&) const = default;
};

std::map<Object, Json> objects_of(const Pack& pack) {
  std::map<Object, Json> out;
  for (const auto& source : pack.sources) {
    const std::string_view path = std::string_view(source->file).substr(pack.label.size() + 1);
    const FileKind* kind = kind_of(path);
    const Node* name = kind ? source->root.find(kind->member) : nullptr;
    if (!name) continue;
    Json object = kind->kind == "process" ? process_json(source->root) : to_json(source->root, *kind->shape);
    out[{std::string(kind->kind), name->text}] = keyed(std::move(object));
  }
  return out;
}

}  // namespace

std::string_view name_of(Effect effect) {
  return effect == Effect::loss ? "loss" : effect == Effect::migration ? "migration" : "none";
}

std::string_view name_of(Change::Kind kind) {
  return kind == Change::Kind::added ? "added" : kind == Change::Kind::removed ? "removed" : "changed";
}

std::vector<Change> diff(const Pack& before, const Pack& after) {
  std::vector<Change> out;
  const auto old_objects = objects_of(before), new_objects = objects_of(after);
  Path path;
  for (const auto& [object, value] : old_objects) {
    Comparer comparer(object.kind, object.kind + " " + object.name, out);
    if (const auto found = new_objects.find(object); found == new_objects.end())
      comparer.note(Change::Kind::removed, nullptr, nullptr, path);
    else
      comparer.compare(value, found->second, path);
  }
  for (const auto& [object, value] : new_objects)
    if (!old_objects.contains(object))
      Comparer(object.kind, object.kind + " " + object.name, out)
          .note(Change::Kind::added, nullptr, nullptr, path);
  return out;
}

Json to_json(std::span<const Change> changes) {
  Json list = Json::array();
  size_t loss = 0, migration = 0;
  for (const Change& each : changes) {
    loss += each.effect == Effect::loss;
    migration += each.effect == Effect::migration;
    list.push_back({{"change", std::string(name_of(each.kind))},
                    {"object", each.object},
                    {"member", each.member},
                    {"before", each.before},
                    {"after", each.after},
                    {"effect", std::string(name_of(each.effect))}});
  }
  return {{"changes", std::move(list)}, {"loss", loss}, {"migration", migration}};
}

}  // namespace chengxin::pack
