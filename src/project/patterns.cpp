#include <regex>
#include <set>

#include "project/lint.h"

// Ways to write a contract that are known to go wrong, by language.
namespace chengxin::project {
namespace {

struct Pattern {
  Language language;
  const char* reason;
  bool severe;
  const char* expression;
  const char* message;
};

constexpr Language kRust = Language::rust, kGo = Language::go, kSolidity = Language::solidity;

const Pattern kPatterns[] = {
    {kRust, "lint.rust.float", false, R"(\b(f32|f64)\b|\b[0-9]+\.[0-9])",
     "floats: the interface has none; use integers"},
    {kRust, "lint.rust.unsafe", false, R"(\bunsafe\b)", "unsafe outside of the SDK"},
    {kRust, "lint.rust.static", false, R"(\bstatic\s+mut\b|\bthread_local!|\bOnceCell\b|\bOnceLock\b)",
     "nothing but the state lives from one call to the next"},
    {kRust, "lint.rust.hash_order", false, R"(\b(HashMap|HashSet)\b)",
     "no order to rely on; BTreeMap has one"},
    {kRust, "lint.rust.time", true, R"(\b(SystemTime|Instant)::now\b)",
     "there is no clock: context::time_ms()"},
    {kRust, "lint.rust.thread", true, R"(\b(std::thread|thread::spawn)\b)", "there are no threads"},
    {kGo, "lint.go.goroutine", true, R"(\bgo\s+(func\b|[A-Za-z_][\w.]*\())",
     "goroutines: a call runs alone, and ends when the exported function returns"},
    {kGo, "lint.go.time", true, R"(\btime\.(Now|Since|Until|Sleep|After|Tick|NewTimer|NewTicker)\b)",
     "the clock is the block's: chengxin.TimeMs()"},
    {kGo, "lint.go.float", false, R"(\b(float32|float64|complex64|complex128)\b)",
     "floats: the interface has none; use integers"},
    {kGo, "lint.go.random", true, R"(\brand\.[A-Z]\w*\()",
     "what is random here can be computed by everybody"},
    {kGo, "lint.go.select", true, R"(\bselect\s*\{)", "select chooses at random"},
    {kGo, "lint.go.outside", true, R"(\b(os|net|http|exec|syscall)\.[A-Z]\w*\()",
     "there are no files, no network and no processes"},
    {kSolidity, "lint.solidity.tx_origin", true, R"(\btx\s*\.\s*origin\b)",
     "whoever the caller calls acts with his rights: msg.sender"},
    {kSolidity, "lint.solidity.selfdestruct", true, R"(\b(selfdestruct|suicide)\s*\()",
     "a contract ends by its life cycle alone"},
    {kSolidity, "lint.solidity.delegatecall", true, R"(\.\s*delegatecall\s*[({])",
     "another's code over this contract's state"},
    {kSolidity, "lint.solidity.timestamp", false, R"(\bblock\s*\.\s*timestamp\b)",
     "whole seconds, chosen by who makes the block within bounds"},
    {kSolidity, "lint.solidity.random", false, R"(\bblock\s*\.\s*(prevrandao|difficulty)\b|\bblockhash\s*\()",
     "everybody can know it beforehand"},
    {kSolidity, "lint.solidity.value", false,
     R"(\bmsg\s*\.\s*value\b|\bpayable\s*\(|\.\s*(transfer|send)\s*\{)", "every balance is 0 here"},
    {kSolidity, "lint.solidity.assembly", false, R"(\bassembly\s*(\(|\{))", "assembly is checked by nobody"},
};

// Comments and texts as spaces, lines as they were.
std::string code_alone(std::string_view source) {
  std::string out(source);
  enum { code, line, block, text } at = code;
  char quote = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const char c = out[i], next = i + 1 < out.size() ? out[i + 1] : 0;
    if (at == code && c == '/' && next == '/')
      at = line;
    else if (at == code && c == '/' && next == '*')
      at = block;
    else if (at == code && (c == '"' || c == '`'))
      at = text, quote = c;
    else if (at == line && c == '\n')
      at = code;
    else if (at == block && c == '*' && next == '/') {
      out[i] = out[i + 1] = ' ';
      ++i;
      at = code;
      continue;
    } else if (at == text && c == '\\' && quote == '"') {
      out[i] = ' ';
      if (next != '\n') out[i + 1 < out.size() ? i + 1 : i] = ' ';
      ++i;
      continue;
    } else if (at == text && c == quote) {
      out[i] = ' ';
      at = code;
      continue;
    }
    if (at != code && c != '\n') out[i] = ' ';
  }
  return out;
}

// White space as one space and words cut off: the search for an expression goes deeper into the stack with
// each character of what it repeats.
std::string shortened(std::string_view code) {
  constexpr size_t kMostOfWord = 256;
  enum Kind { other, space, word };
  const auto kind_of = [](char c) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) return space;
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return letter || (c >= '0' && c <= '9') || c == '.' ? word : other;
  };
  std::string out;
  Kind last = other;
  size_t run = 0;
  for (const char c : code) {
    const Kind kind = kind_of(c);
    run = kind == last ? run + 1 : 1;
    last = kind;
    if (kind == space && run == 1) out += ' ';
    if (kind == other || (kind == word && run <= kMostOfWord)) out += c;
  }
  return out;
}

// Names of variables that are maps.
std::set<std::string> maps_in(const std::string& code) {
  static const std::regex declared(R"((\w+)\s*(?::?=\s*(?:make\()?|\s)map\[)");
  std::set<std::string> out;
  for (std::sregex_iterator at(code.begin(), code.end(), declared), end; at != end; ++at)
    out.insert((*at)[1]);
  return out;
}

}  // namespace

std::vector<LintFinding> known_patterns(Language language, const std::string& file, std::string_view source) {
  const std::string code = code_alone(source);
  const std::set<std::string> maps = language == kGo ? maps_in(shortened(code)) : std::set<std::string>();
  static const std::regex ranged(R"(\brange\s+(\w+)\s*\{)");
  std::vector<LintFinding> out;
  int number = 0;
  for (size_t from = 0; from < code.size(); ++number) {
    const size_t end = std::min(code.find('\n', from), code.size());
    const std::string line = shortened(std::string_view(code).substr(from, end - from));
    from = end + 1;
    for (const Pattern& each : kPatterns)
      if (each.language == language && std::regex_search(line, std::regex(each.expression)))
        out.push_back({"patterns", each.reason, file, number + 1, each.severe, each.message});
    if (std::smatch found; !maps.empty() && std::regex_search(line, found, ranged) && maps.contains(found[1]))
      out.push_back({"patterns", "lint.go.map_order", file, number + 1, true,
                     "a map is walked in another order each time"});
  }
  return out;
}

}  // namespace chengxin::project
