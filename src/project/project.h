#pragma once
#include "base/file.h"
#include "contract/abi.h"
#include "format/contract.h"
#include "project/archive.h"

// A contract as its author has it: a folder with contract.yaml, the source and scenarios (docs/contracts.md).
namespace chengxin::project {

enum class Language { rust, go, solidity };
std::string_view name_of(Language language);
Result<Language> language_of(std::string_view name);  // project.language

struct Project {
  fs::path folder;  // absolute
  fs::path tools;   // where solc is looked for, and above it
  std::string name;
  Language language = Language::rust;
  std::string interface = "interface.abi";  // Rust and Go: a path from the folder
  std::string contract;                     // Solidity: the contract's name in its source
  std::string scenarios = "scenarios";      // a file or a folder
  std::map<std::string, std::string> uses;  // other projects by their contract's name
};

// Reads contract.yaml. project.missing, project.yaml, project.setting.
Result<Project> open_project(const fs::path& folder);

// A new project in the folder `name` of `parent`: source, interface, glue, a scenario, README, the SDK.
// contract.name, project.exists.
Result<Project> create_project(const fs::path& parent, Language language, const std::string& name);

// Of Rust and Go: contract.abi.*. Solidity's comes from its compiler.
Result<contract::Interface> read_interface(const Project& project);

// What stands between the interface and the author's code, by path; those files that differ are written.
// Names what was written.
Result<std::vector<std::string>> write_glue(const Project& project);

// Everything that a build reads, the SDK under chengxin/ included: the project's own copy of it, or where it
// has none the one that is in this program.
Result<Files> sources(const Project& project);

struct Built {
  format::ContractPackage package;
  Bytes encoded, archive;
  Digest digest{};       // SM3 of the package
  std::string findings;  // what the compiler said
  Json debug;            // Solidity: source map and the files' order
};

// Code is a function of the archive and the toolchain alone. `covered`: for the measurement of coverage, not
// optimised and with names. project.toolchain (what to install), project.compile (what the compiler says).
Result<Built> build(ByteView archive, const fs::path& tools, bool covered = false);
Result<Built> build(const Project& project, bool covered = false);

struct Check {
  bool same_code = false, same_interface = false, same_toolchain = false;
  std::string toolchain;
  bool holds() const { return same_code && same_interface; }
};
// Builds again from the archive and compares. project.source_digest when the archive is another one's.
Result<Check> check_build(ByteView package, ByteView archive, const fs::path& tools);

}  // namespace chengxin::project
