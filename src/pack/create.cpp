#include "pack/create.h"

#include "pack/impl/template_table.h"

namespace chengxin::pack {
namespace {

constexpr size_t kMostName = 40;  // names of its entities begin with it

std::string named(std::string text, std::string_view name) {
  constexpr std::string_view kMark = "{{name}}";
  for (size_t at = 0; (at = text.find(kMark, at)) != std::string::npos; at += name.size())
    text.replace(at, kMark.size(), name);
  return text;
}

Status write(const fs::path& file, std::string_view content) {
  TRY(make_folder(file.parent_path(), 0755));
  return write_durable(file, view(content));
}

Json editor_settings() {
  Json schemas = Json::object();
  for (const FileKind& kind : file_kinds())
    schemas[fmt::format("./.schemas/{}.json", kind.kind)] =
        kind.folder.empty() ? Json("/pack.yaml") : Json(fmt::format("/{}/*.yaml", kind.folder));
  return {{"yaml.schemas", std::move(schemas)}};
}

}  // namespace

Status write_schemas(const fs::path& folder) {
  for (const FileKind& kind : file_kinds())
    TRY(write(folder / fmt::format("{}.json", kind.kind), grammar_schema(kind).dump(2) + "\n"));
  return {};
}

Status create_pack(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error)) return fail(Code::conflict, "pack.exists", "{}", folder.string());
  const std::string name = folder.filename().string();
  if (!is_name(name) || name.size() > kMostName)
    return fail(Code::invalid_argument, "pack.folder_name", "{}", name);
  for (const TemplateRow& row : template_rows)
    TRY(write(folder / row.path, named(std::string(*row.content), name)));
  TRY(write_schemas(folder / ".schemas"));
  return write(folder / ".vscode/settings.json", editor_settings().dump(2) + "\n");
}

}  // namespace chengxin::pack
