#include "project/impl/bundle.h"
#include "project/impl/bundle_table.h"

namespace chengxin::project {
namespace {

Files rows_of(const std::vector<BundleRow>& rows, Language language) {
  Files out;
  for (const BundleRow& row : rows)
    if (row.language == name_of(language)) out[std::string(row.path)] = to_bytes(view(*row.content));
  return out;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

// As a name of a type: my-counter is MyCounter.
std::string title_of(std::string_view name) {
  std::string out;
  bool begins = true;
  for (const char c : name) {
    const bool letter = c >= 'a' && c <= 'z';
    if (letter || (c >= '0' && c <= '9')) out += begins && letter ? char(c - 'a' + 'A') : c;
    begins = !letter && !(c >= '0' && c <= '9');
  }
  return out;
}

}  // namespace

Files sdk(Language language) { return rows_of(sdk_rows, language); }
Files templates(Language language) { return rows_of(template_rows, language); }

Result<Project> create_project(const fs::path& parent, Language language, const std::string& name) {
  if (!format::is_contract_name(name)) return fail(Code::invalid_argument, "contract.name", "{}", name);
  const fs::path folder = parent / name;
  if (fs::exists(folder)) return fail(Code::conflict, "project.exists", "{}", folder.string());
  for (const auto& [path, content] : templates(language)) {
    const std::string made =
        replaced(replaced(to_string(content), "{{name}}", name), "{{Name}}", title_of(name));
    const fs::path file =
        folder / (path == "gitignore" ? ".gitignore" : replaced(path, "Name", title_of(name)));
    TRY(make_folder(file.parent_path(), 0755));
    TRY(write_durable(file, view(made)));
  }
  for (const auto& [path, content] : sdk(language)) {
    const fs::path file = folder / "chengxin" / path;
    TRY(make_folder(file.parent_path(), 0755));
    TRY(write_durable(file, content));
  }
  ASSIGN(Project project, open_project(folder));
  TRY(write_glue(project));
  return project;
}

}  // namespace chengxin::project
