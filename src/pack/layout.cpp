#include "pack/layout.h"

#include "crypto/sm3.h"

namespace chengxin::pack {
namespace {

constexpr size_t kMostName = 63;  // PostgreSQL

bool is_json(Type type) {
  return type == Type::attachment || type == Type::geometry || type == Type::json || type == Type::table;
}

// Sealed values stand in one column, lists too.
bool has_list(const Entity& entity, const Field& field) {
  const bool several = field.type == Type::table || (field.many && !is_json(field.type));
  return several && sensitivity_of(entity, field).empty();
}

std::string digest_of(std::string_view text) { return hex(crypto::sm3({view(text)})).substr(0, 12); }

// Two that differ give names that differ.
std::string bounded(std::string name) {
  if (name.size() <= kMostName) return name;
  return name.substr(0, kMostName - 13) + "_" + digest_of(name);
}

// Behind a column's name: what its values are.
std::string suffix(const Field& field, bool sealed) {
  static constexpr std::string_view kLetters[] = {"t", "w", "d", "m", "b", "y", "h", "i",
                                                  "c", "c", "r", "a", "g", "l", "j"};
  std::string out(kLetters[size_t(field.type)]);
  if (field.type == Type::decimal) out += std::to_string(field.digits);
  if (field.many && is_json(field.type)) out += "s";
  return sealed ? "x" + out : out;
}

Storage storage_of(Type type) {
  switch (type) {
    case Type::whole:
    case Type::decimal:
    case Type::money:
    case Type::flag:
    case Type::date:
    case Type::time:
    case Type::instant:
      return Storage::integer;
    default:
      return Storage::text;
  }
}

Column column_of(const Entity& entity, const Field& field) {
  const bool sealed = !sensitivity_of(entity, field).empty();
  Column out{&field,
             bounded(fmt::format("f_{}_{}", field.name, suffix(field, sealed))),
             sealed ? Storage::sealed : storage_of(field.type),
             {}};
  if (sealed && field.node->find("search")) out.digest = bounded("k_" + field.name);
  return out;
}

ListTable list_of(const Entity& entity, const Field& field) {
  const std::string name = fmt::format("{}_{}", entity.name, field.name).substr(0, 40);
  ListTable out{&field, fmt::format("l_{}_{}", name, digest_of(entity.name + "." + field.name)), {}};
  if (field.type != Type::table) {
    out.columns.push_back(column_of(entity, field));
    return out;
  }
  for (const Field& column : field.columns) out.columns.push_back(column_of(entity, column));
  return out;
}

bool chooses(const Column& column) {
  return column.storage != Storage::sealed && !is_json(column.field->type);
}

Json fields_of(const std::vector<Column>& columns) {
  Json out = Json::object();
  for (const Column& each : columns)
    if (chooses(each)) out[each.field->name] = each.name;
  return out;
}

}  // namespace

const Column* Layout::column(std::string_view field) const {
  for (const Column& each : columns)
    if (each.field->name == field) return &each;
  return nullptr;
}

const ListTable* Layout::list(std::string_view field) const {
  for (const ListTable& each : lists)
    if (each.field->name == field) return &each;
  return nullptr;
}

Layout layout_of(const Entity& entity) {
  Layout out{&entity, bounded("e_" + entity.name), {}, {}, {}};
  for (const Field& field : entity.fields) {
    if (has_list(entity, field))
      out.lists.push_back(list_of(entity, field));
    else
      out.columns.push_back(column_of(entity, field));
  }
  return out;
}

Json mapping(std::span<const Layout> layouts) {
  Json out = {{"alias", "t"}, {"objects", Json::object()}};
  for (const Layout& layout : layouts) {
    Json fields = fields_of(layout.columns);
    for (const char* each : {"id", "number", "state"}) fields[each] = each;
    const std::string& name = layout.entity->name;
    for (const ListTable& list : layout.lists) {
      if (list.field->type == Type::table) {
        fields[list.field->name] = {{"of", "of_id"}};
        out["objects"][name + "." + list.field->name] = {
            {"table", list.name}, {"key", "position"}, {"fields", fields_of(list.columns)}};
      } else {
        fields[list.field->name] = {
            {"table", list.name}, {"of", "of_id"}, {"value", list.columns.front().name}};
      }
    }
    out["objects"][name] = {{"table", layout.table}, {"key", "id"}, {"fields", std::move(fields)}};
  }
  return out;
}

}  // namespace chengxin::pack
