#include "crypto/sm3.h"
#include "project/impl/toolchain.h"

namespace chengxin::project {
namespace {

Result<Compiled> compile(const Project& project, bool covered) {
  switch (project.language) {
    case Language::rust:
      return compile_rust(project, covered);
    case Language::go:
      return compile_go(project, covered);
    case Language::solidity:
      break;
  }
  return compile_solidity(project, covered);
}

Result<std::string> canonical_interface(const Project& project, const Compiled& compiled) {
  if (compiled.interface.empty()) {
    ASSIGN(const auto declared, read_interface(project));
    return declared.json();
  }
  ASSIGN(const auto told, contract::parse_interface(compiled.interface));
  return told.json();
}

}  // namespace

Status lay_out(const Files& files, const fs::path& folder) {
  for (const auto& [path, content] : files) {
    TRY(make_folder((folder / path).parent_path()));
    TRY(write_durable(folder / path, content));
  }
  return {};
}

Result<Ran> run_compiler(const Command& command) {
  ASSIGN(Ran ran, run(command));
  if (ran.exit == 0) return ran;
  std::string said = ran.errors + ran.output;
  const std::string folder = command.folder.string() + "/";
  for (size_t at; (at = said.find(folder)) != std::string::npos;) said.erase(at, folder.size());
  return fail(Code::invalid_argument, "project.compile", "{}", said);
}

Result<Built> build(ByteView archive, const fs::path& tools, bool covered) {
  ASSIGN(const Files files, unpack(archive));
  ASSIGN(const Scratch scratch, Scratch::make());
  TRY(lay_out(files, scratch.path()));
  ASSIGN(Project project, open_project(scratch.path()));
  project.tools = tools;
  ASSIGN(Compiled compiled, compile(project, covered));

  Built out;
  out.package.engine =
      project.language == Language::solidity ? format::ContractEngine::evm : format::ContractEngine::wasm;
  ASSIGN(out.package.interface, canonical_interface(project, compiled));
  out.package.code = std::move(compiled.code);
  out.package.source = crypto::sm3(archive);
  out.package.toolchain = std::move(compiled.toolchain);
  out.encoded = out.package.encode();
  out.digest = crypto::sm3(out.encoded);
  out.archive = to_bytes(archive);
  out.findings = std::move(compiled.findings);
  out.debug = std::move(compiled.debug);
  return out;
}

Result<Built> build(const Project& project, bool covered) {
  ASSIGN(const Files files, sources(project));
  ASSIGN(const Bytes archive, pack(files));
  return build(archive, project.tools, covered);
}

Result<Check> check_build(ByteView package, ByteView archive, const fs::path& tools) {
  ASSIGN(const auto claimed, format::ContractPackage::decode(package));
  if (crypto::sm3(archive) != claimed.source)
    return fail(Code::invalid_argument, "project.source_digest", "the package names {}", hex(claimed.source));
  ASSIGN(const Built again, build(archive, tools));
  Check out;
  out.same_code = again.package.code == claimed.code;
  out.same_interface = again.package.interface == claimed.interface;
  out.same_toolchain = again.package.toolchain == claimed.toolchain;
  out.toolchain = again.package.toolchain;
  return out;
}

}  // namespace chengxin::project
