#include "project/project.h"

#include <algorithm>

#include "contract/generate.h"
#include "project/impl/bundle.h"
#include "project/yaml.h"

namespace chengxin::project {
namespace {

constexpr size_t kMostFile = 16 << 20;

tl::unexpected<Error> bad_setting(int line, std::string_view what) {
  return fail(Code::invalid_argument, "project.setting", "contract.yaml:{}: {}", line, what);
}

Status take_uses(const Yaml& value, std::map<std::string, std::string>& uses) {
  for (const auto& [name, folder] : value.members) {
    if (!format::is_contract_name(name) || !folder.is(Yaml::Kind::scalar))
      return bad_setting(value.line, "uses: a contract's name and the folder of its project");
    uses[name] = folder.text;
  }
  return {};
}

Status take(const std::string& key, const Yaml& value, Project& out) {
  if (key == "uses") return take_uses(value, out.uses);
  if (!value.is(Yaml::Kind::scalar)) return bad_setting(value.line, key + " is a text");
  if (key == "language") {
    ASSIGN(out.language, language_of(value.text));
    return {};
  }
  const std::pair<std::string_view, std::string*> known[] = {{"name", &out.name},
                                                             {"interface", &out.interface},
                                                             {"contract", &out.contract},
                                                             {"scenarios", &out.scenarios}};
  for (const auto& [name, into] : known)
    if (key == name) {
      *into = value.text;
      return {};
    }
  return bad_setting(value.line, "unknown: " + key);
}

bool is_source(Language language, const fs::path& path) {
  const std::string name = path.filename().string(), kind = path.extension().string();
  switch (language) {
    case Language::rust:
      return kind == ".rs";
    case Language::go:
      return name == "go.mod" || name == "go.sum" || (kind == ".go" && !name.ends_with("_test.go"));
    case Language::solidity:
      return kind == ".sol";
  }
  return false;
}

// Files below a folder whose name passes, hidden folders and what others put there left out.
Result<Files> files_below(const fs::path& folder, const std::function<bool(const fs::path&)>& wanted) {
  Files out;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error), end;
  for (; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (at->is_directory()) {
      if (name.starts_with(".") || name == "build" || name == "node_modules" || name == "chengxin" ||
          name == "target")
        at.disable_recursion_pending();
    } else if (at->is_regular_file() && wanted(at->path())) {
      ASSIGN(out[fs::relative(at->path(), folder).generic_string()], read_file(at->path(), kMostFile));
    }
  }
  if (error) return tl::unexpected(file_error(folder, error.value()));
  return out;
}

// The paths of a Solidity file's imports.
std::vector<std::string> imports_of(std::string_view source) {
  std::vector<std::string> out;
  for (size_t at = source.find("import"); at != std::string_view::npos; at = source.find("import", at + 6)) {
    const size_t end = source.find(';', at);
    const std::string_view statement = source.substr(at, end - at);
    const size_t open = statement.find_first_of("\"'");
    if (end == std::string_view::npos || open == std::string_view::npos) continue;
    const size_t close = statement.find(statement[open], open + 1);
    if (close != std::string_view::npos) out.emplace_back(statement.substr(open + 1, close - open - 1));
  }
  return out;
}

std::optional<fs::path> in_packages(fs::path folder, const std::string& path) {
  for (;; folder = folder.parent_path()) {
    const fs::path candidate = folder / "node_modules" / path;
    if (fs::is_regular_file(candidate)) return candidate;
    if (folder == folder.parent_path()) return std::nullopt;
  }
}

// Adds what the files import from node_modules, and what that imports.
Status add_packages(const Project& project, Files& files) {
  std::vector<std::string> open;
  for (const auto& file : files) open.push_back(file.first);
  while (!open.empty()) {
    const std::string file = std::move(open.back());
    open.pop_back();
    for (const std::string& import : imports_of(text(files.at(file)))) {
      const std::string path =
          import.starts_with(".")
              ? (fs::path(file).parent_path() / import).lexically_normal().generic_string()
              : import;
      if (files.contains(path) || path.starts_with("chengxin/")) continue;
      const auto found = in_packages(project.folder, path);
      if (!found) return fail(Code::not_found, "project.import", "{}: {}; npm install it?", file, import);
      ASSIGN(files[path], read_file(*found, kMostFile));
      open.push_back(path);
    }
  }
  return {};
}

Status add_sdk(const Project& project, Files& files) {
  const fs::path own = project.folder / "chengxin";
  Files found = sdk(project.language);
  if (fs::is_directory(own)) {
    ASSIGN(found, files_below(own, [](const fs::path&) { return true; }));
  }
  for (auto& [path, content] : found) files["chengxin/" + path] = std::move(content);
  return {};
}

}  // namespace

std::string_view name_of(Language language) {
  static constexpr std::string_view kNames[] = {"rust", "go", "solidity"};
  return kNames[size_t(language)];
}

Result<Language> language_of(std::string_view name) {
  for (const Language each : {Language::rust, Language::go, Language::solidity})
    if (name == name_of(each)) return each;
  return fail(Code::invalid_argument, "project.language", "{}: rust, go or solidity", name);
}

Result<Project> open_project(const fs::path& folder) {
  Project out;
  out.folder = fs::absolute(folder).lexically_normal();
  out.tools = out.folder;
  auto content = read_file(out.folder / "contract.yaml", 64 << 10);
  if (!content) return fail(Code::not_found, "project.missing", "{}", (folder / "contract.yaml").string());
  ASSIGN(const Yaml settings, parse_yaml(text(*content), "contract.yaml"));
  for (const auto& [key, value] : settings.members) TRY(take(key, value, out));
  if (!settings.find("language")) return bad_setting(1, "language is missing");
  if (!format::is_contract_name(out.name))
    return fail(Code::invalid_argument, "contract.name", "{}", out.name);
  if (out.language == Language::solidity && out.contract.empty())
    return bad_setting(1, "contract, the contract's name in its source, is missing");
  return out;
}

Result<contract::Interface> read_interface(const Project& project) {
  ASSIGN(const Bytes content, read_file(project.folder / project.interface, 1 << 20));
  return contract::parse_interface(text(content));
}

Result<std::vector<std::string>> write_glue(const Project& project) {
  std::vector<std::string> written;
  if (project.language == Language::solidity) return written;
  const bool rust = project.language == Language::rust;
  const std::string kind = rust ? ".rs" : ".go";
  std::map<std::string, std::string> made;
  ASSIGN(const auto own, read_interface(project));
  ASSIGN(made["interface" + kind], contract::generate(own, rust ? "rust" : "go", project.name));
  for (const auto& [name, folder] : project.uses) {
    ASSIGN(const Project other, open_project(project.folder / folder));
    if (other.language == Language::solidity) continue;  // its interface is its compiler's
    ASSIGN(const auto interface, read_interface(other));
    ASSIGN(made[name + kind], contract::generate(interface, rust ? "rust-caller" : "go-caller", name));
  }
  for (const auto& [path, content] : made) {
    const auto before = read_file(project.folder / path, kMostFile);
    if (before && text(*before) == content) continue;
    TRY(write_durable(project.folder / path, view(content)));
    written.push_back(path);
  }
  return written;
}

Result<Files> sources(const Project& project) {
  ASSIGN(Files out, files_below(project.folder,
                                [&](const fs::path& path) { return is_source(project.language, path); }));
  if (project.language == Language::solidity) {
    TRY(add_packages(project, out));
  } else {
    ASSIGN(out["interface.abi"], read_file(project.folder / project.interface, 1 << 20));
  }
  TRY(add_sdk(project, out));
  std::string settings = fmt::format("name: {}\nlanguage: {}\n", project.name, name_of(project.language));
  if (!project.contract.empty()) settings += fmt::format("contract: {}\n", project.contract);
  out["contract.yaml"] = to_bytes(view(settings));
  return out;
}

}  // namespace chengxin::project
