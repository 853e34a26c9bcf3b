#include <cstdlib>

#include "project/impl/toolchain.h"

namespace chengxin::project {
namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

bool builds_for_wasm(const fs::path& rustc) {
  auto told = run({rustc, {"--print", "target-libdir", "--target", "wasm32-unknown-unknown"}, "/", {}, {}});
  return told && told->exit == 0 && fs::is_directory(trimmed(told->output));
}

std::vector<std::string> rust_flags(const fs::path& folder, bool covered) {
  return {"--edition",
          "2021",
          "--target",
          "wasm32-unknown-unknown",
          "-C",
          covered ? "opt-level=0" : "opt-level=3",
          "-C",
          "panic=abort",
          "-C",
          "overflow-checks=on",
          "-C",
          "codegen-units=1",
          "--remap-path-prefix=" + folder.string() + "=/contract"};
}

}  // namespace

Result<RustCompiler> find_rust() {
  std::vector<fs::path> candidates;
  if (const char* named = std::getenv("CHENGXIN_RUSTC"))
    candidates = {named};
  else
    candidates.push_back("/usr/bin/rustc");
  if (auto found = find_program("rustc"); found && candidates[0] == "/usr/bin/rustc")
    candidates.push_back(*found);
  for (const fs::path& rustc : candidates) {
    if (!fs::exists(rustc) || !builds_for_wasm(rustc)) continue;
    ASSIGN(const Ran told, run({rustc, {"--version"}, "/", {}, {}}));
    return RustCompiler{rustc, trimmed(told.output)};
  }
  return fail(Code::unavailable, "project.toolchain",
              "Rust for wasm32. Debian: apt-get install rustc libstd-rust-dev-wasm32 lld-14; with rustup: "
              "rustup target add "
              "wasm32-unknown-unknown");
}

Result<fs::path> find_go() {
  if (auto found = find_program("go")) return *found;
  return fail(Code::unavailable, "project.toolchain", "Go 1.24 or newer, go on PATH: https://go.dev/dl");
}

std::map<std::string, std::string> go_environment() {
  return {{"GOOS", "wasip1"}, {"GOARCH", "wasm"},   {"GOWORK", "off"},    {"GOFLAGS", ""},
          {"GOWASM", ""},     {"CGO_ENABLED", "0"}, {"GOEXPERIMENT", ""}, {"GOTOOLCHAIN", "local"}};
}

Result<Compiled> compile_rust(const Project& project, bool covered) {
  ASSIGN(const RustCompiler compiler, find_rust());
  const fs::path& folder = project.folder;
  std::vector<std::string> words = rust_flags(folder, covered);
  words.insert(words.end(), {"--crate-type", "rlib", "--crate-name", "chengxin", "chengxin/src/lib.rs", "-o",
                             "libchengxin.rlib"});
  TRY(run_compiler({compiler.rustc, words, folder, {}, {}}));
  words = rust_flags(folder, covered);
  words.insert(words.end(),
               {"--crate-type", "cdylib", "--crate-name", "contract", "-C", "link-arg=-zstack-size=131072",
                "--extern", "chengxin=libchengxin.rlib", "contract.rs", "-o", "contract.wasm"});
  words.insert(words.end(), {"-C", covered ? "strip=debuginfo" : "strip=symbols"});
  if (!covered) words.insert(words.end(), {"-C", "lto"});
  ASSIGN(const Ran ran, run_compiler({compiler.rustc, words, folder, {}, {}}));
  Compiled out;
  ASSIGN(out.code, read_file(folder / "contract.wasm", 64 << 20));
  out.toolchain = compiler.version;
  out.findings = ran.errors;
  return out;
}

Result<Compiled> compile_go(const Project& project, bool covered) {
  ASSIGN(const fs::path go, find_go());
  const auto with = [&](std::vector<std::string> words) {
    return run_compiler({go, std::move(words), project.folder, go_environment(), {}});
  };
  ASSIGN(const Ran version, with({"env", "GOVERSION"}));
  TRY(with({"mod", "edit", "-replace=chengxin=./chengxin"}));
  std::vector<std::string> words{"build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false",
                                 "-o",    "contract.wasm"};
  if (covered) words.push_back("-gcflags=-l");  // nothing is put into another
  words.push_back(covered ? "-ldflags=-w" : "-ldflags=-s -w");
  words.push_back(".");
  TRY(with(words));
  Compiled out;
  ASSIGN(out.code, read_file(project.folder / "contract.wasm", 64 << 20));
  out.toolchain = trimmed(version.output);
  return out;
}

}  // namespace chengxin::project
