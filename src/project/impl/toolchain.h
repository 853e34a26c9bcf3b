#pragma once
#include "project/impl/process.h"
#include "project/project.h"

// One compiler of each language. Each builds a project that lies in a folder, its SDK in chengxin/ below it.
namespace chengxin::project {

struct Compiled {
  Bytes code;
  std::string interface;  // Solidity: ABI JSON
  std::string toolchain, findings;
  Json debug;
};
Result<Compiled> compile_rust(const Project& project, bool covered);
Result<Compiled> compile_go(const Project& project, bool covered);
Result<Compiled> compile_solidity(const Project& project, bool covered);

struct RustCompiler {
  fs::path rustc;
  std::string version;
};
Result<RustCompiler> find_rust();  // one that has wasm32's library: $CHENGXIN_RUSTC, Debian's, that on PATH
Result<fs::path> find_go();
std::map<std::string, std::string> go_environment();

Status lay_out(const Files& files, const fs::path& folder);

// The tool's output, or project.compile with what it said, the folder's own path taken out.
Result<Ran> run_compiler(const Command& command);

}  // namespace chengxin::project
