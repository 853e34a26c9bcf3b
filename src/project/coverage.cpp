#include "project/coverage.h"

#include <algorithm>

#include "contract/cover.h"
#include "contract/evm.h"
#include "contract/wasm.h"
#include "crypto/sm3.h"

namespace chengxin::project {
namespace {

constexpr uint64_t kGas = uint64_t(100) * ledger::kTransactionGas;  // code that is not optimised uses more

// What was built for the scenarios, by contract.
using Kept = std::map<std::string, std::shared_ptr<const Built>>;

// Numbers of functions over all modules.
class Numbers {
 public:
  uint32_t from(ByteView code) {
    const auto [at, is_new] = from_.emplace(crypto::sm3(code), next_);
    if (is_new) next_ += uint32_t(contract::wasm_functions(code).size());
    return at->second;
  }

 private:
  std::map<Digest, uint32_t> from_;
  uint32_t next_ = 0;
};

std::string shown_name(const std::string& symbol) {
  const std::string rust = rust_function(symbol);
  return rust.empty() ? go_function(symbol) : rust;
}

std::map<std::string, bool> functions_of(const Built& built, Numbers& numbers,
                                         const std::set<uint32_t>& entered) {
  std::map<std::string, bool> out;
  uint32_t number = numbers.from(built.package.code);
  for (const std::string& symbol : contract::wasm_functions(built.package.code)) {
    if (const std::string name = shown_name(symbol); !name.empty()) out[name] |= entered.contains(number);
    ++number;
  }
  return out;
}

// One instruction's place in the source: solc's "source mappings", s:l:f, each field empty where it is as
// before.
struct Mapping {
  long start = 0, length = 0, file = -1;
};

std::vector<Mapping> mappings_of(const std::string& text) {
  std::vector<Mapping> out;
  Mapping last;
  for (size_t from = 0; from <= text.size();) {
    const size_t end = std::min(text.find(';', from), text.size());
    size_t at = from;
    for (long* field : {&last.start, &last.length, &last.file}) {
      const size_t stop = std::min(text.find(':', at), end);
      if (stop > at) *field = std::stol(text.substr(at, stop - at));
      at = stop + (stop < end);
    }
    out.push_back(last);
    from = end + 1;
  }
  return out;
}

// "File.sol:12", or nothing: of other files, and what is a whole contract's.
std::optional<std::string> line_of(const Mapping& mapping, const Json& names, const Files& files) {
  const auto name = names.find(std::to_string(mapping.file));
  if (mapping.file < 0 || name == names.end()) return std::nullopt;
  const auto file = files.find(name->get<std::string>());
  if (file == files.end() || file->first.starts_with("chengxin/") || file->first.starts_with("@"))
    return std::nullopt;
  const std::string_view source = text(file->second);
  if (size_t(mapping.start) >= source.size()) return std::nullopt;
  for (const std::string_view whole : {"contract ", "abstract ", "library "})
    if (source.substr(size_t(mapping.start)).starts_with(whole)) return std::nullopt;
  const auto line = 1 + std::count(source.begin(), source.begin() + mapping.start, '\n');
  return fmt::format("{}:{}", file->first, line);
}

std::map<std::string, bool> lines_of(const std::string& name, const Built& built,
                                     const std::vector<contract::EvmPlace>& executed) {
  std::map<std::string, bool> out;
  const Json& deployed = built.debug.at("deployed");
  const auto code = unhex(deployed.at("object").get<std::string>());
  const auto files = unpack(built.archive);
  if (!code || !files) return out;  // libraries that are not linked
  std::set<uint32_t> offsets;
  for (const auto& place : executed)
    if (place.contract == format::contract_address(name) && place.size == code->size())
      offsets.insert(place.offset);
  size_t offset = 0;
  for (const Mapping& mapping : mappings_of(deployed.at("sourceMap").get<std::string>())) {
    if (offset >= code->size()) break;
    if (const auto line = line_of(mapping, built.debug.at("sources"), *files))
      out[*line] |= offsets.contains(uint32_t(offset));
    const uint8_t opcode = (*code)[offset];
    offset += 1 + (opcode >= 0x60 && opcode <= 0x7f ? opcode - 0x5f : 0);  // PUSH1 to PUSH32
  }
  return out;
}

}  // namespace

std::string rust_function(std::string_view mangled) {
  // _ZN (length name)… 17h… E
  if (!mangled.starts_with("_ZN")) return {};
  std::vector<std::string> parts;
  for (size_t at = 3; at < mangled.size() && mangled[at] >= '0' && mangled[at] <= '9';) {
    size_t length = 0;
    for (; at < mangled.size() && mangled[at] >= '0' && mangled[at] <= '9'; ++at)
      length = length * 10 + size_t(mangled[at] - '0');
    parts.emplace_back(mangled.substr(at, length));
    at += length;
  }
  if (parts.size() < 3) return {};
  parts.pop_back();  // the hash
  if (parts[0].find("$LT$contract..Contract$u20$as$u20$contract..interface..Interface$GT$") !=
      std::string::npos)
    parts[0] = "Contract";
  else if (parts[0] != "contract" || parts[1] == "interface")
    return {};
  else
    parts.erase(parts.begin());
  std::string out;
  for (const std::string& part : parts)
    out += (out.empty() ? "" : "::") + (part == "_$u7b$$u7b$closure$u7d$$u7d$" ? "{closure}" : part);
  return out;
}

std::string go_function(std::string_view symbol) {
  if (!symbol.starts_with("main.")) return {};
  const std::string_view name = symbol.substr(5);
  for (const std::string_view glue : {"Emit", "Revert", "Decode", "chengxin", "(*", "init", "main"})
    if (name.starts_with(glue)) return {};
  if (name.find(".Encode") != std::string_view::npos || name.starts_with("encode") ||
      name.starts_with("decode"))
    return {};
  return std::string(name);
}

Result<CodeReached> code_reached(const std::vector<fs::path>& files, const std::string& own,
                                 const BuiltOf& covered, const TestOptions& options) {
  Numbers numbers;
  Kept kept;
  contract::Engines engines;
  contract::WasmOptions wasm;
  wasm.covered_from = [&](ByteView code) { return numbers.from(code); };
  ASSIGN(engines[format::ContractEngine::wasm], contract::wasm_engine(wasm));
  engines[format::ContractEngine::evm] = contract::evm_engine();
  const BuiltOf keeping = [&](const std::string& name, const std::string& from) {
    auto built = covered(name, from);
    if (built && from.empty()) kept[name] = *built;
    return built;
  };
  contract::wasm_covered();
  contract::evm_cover();
  TestOptions generous = options;
  generous.gas = kGas;
  const auto report = run_scenarios(files, own, keeping, engines, generous);
  const auto executed = contract::evm_covered();
  const auto entered = contract::wasm_covered();
  if (!report) return tl::unexpected(report.error());
  const std::set<uint32_t> all(entered.begin(), entered.end());
  CodeReached out;
  for (const auto& [name, built] : kept)
    out[name] = built->package.engine == format::ContractEngine::evm ? lines_of(name, *built, executed)
                                                                     : functions_of(*built, numbers, all);
  return out;
}

}  // namespace chengxin::project
