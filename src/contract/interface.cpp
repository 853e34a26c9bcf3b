// Reads the two notations of an interface into one model (docs/formats/contract.md, "The interface").
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "contract/abi.h"
#include "contract/impl/word.h"

namespace chengxin::contract {
namespace {

using Kind = Type::Kind;

constexpr size_t kMaxDepth = 8, kMaxEntries = 256, kMaxParameters = 64, kMaxArray = 65536, kMaxName = 64;
constexpr size_t kMaxTypes = 4096;  // in one interface, so that nested structs cannot multiply

template <typename... Args>
tl::unexpected<Error> bad(std::string_view reason, fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::invalid_argument, reason, format, std::forward<Args>(args)...);
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && is_letter(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

// A number without leading zeros of at most five digits; 0: it is none.
uint32_t small_number(std::string_view text) {
  if (text.empty() || text.size() > 5 || text[0] == '0' || !std::all_of(text.begin(), text.end(), is_digit))
    return 0;
  uint32_t value = 0;
  for (char c : text) value = value * 10 + uint32_t(c - '0');
  return value;
}

std::optional<Type> elementary(std::string_view name) {
  auto simple = [](Kind kind, uint32_t size = 0) {
    return Type{.kind = kind, .size = size, .element = {}, .members = {}, .name = {}};
  };
  if (name == "address") return simple(Kind::address);
  if (name == "bool") return simple(Kind::boolean);
  if (name == "string") return simple(Kind::string);
  if (name == "bytes") return simple(Kind::bytes);
  if (name.starts_with("bytes")) {
    uint32_t size = small_number(name.substr(5));
    return size >= 1 && size <= 32 ? std::optional(simple(Kind::fixed_bytes, size)) : std::nullopt;
  }
  for (auto [prefix, kind] : {std::pair{"uint", Kind::uint}, {"int", Kind::integer}}) {
    if (!name.starts_with(prefix)) continue;
    std::string_view digits = name.substr(std::strlen(prefix));
    uint32_t bits = digits.empty() ? 256 : small_number(digits);
    if (bits >= 8 && bits <= 256 && bits % 8 == 0) return simple(kind, bits);
  }
  return {};
}

// What bounds an interface, whichever notation it came in.
class Builder {
 public:
  Result<Type> count(Type type, size_t depth) {
    if (++types_ > kMaxTypes || depth > kMaxDepth)
      return bad("contract.abi.limit", "the types are too many or nested too deep");
    return type;
  }

  static Result<Type> array_of(Type element, uint32_t length) {
    if (!is_dynamic(element) && uint64_t(length) * head_bytes(element) > kMaxArray * 32)
      return bad("contract.abi.limit", "an array of more than {} words", kMaxArray);
    return Type{
        .kind = Kind::array, .size = length, .element = {std::move(element)}, .members = {}, .name = {}};
  }

  static Result<Type> tuple_of(std::vector<Parameter> members, std::string name) {
    if (members.empty()) return bad("contract.abi.type", "a tuple or struct without members");
    if (members.size() > kMaxParameters)
      return bad("contract.abi.limit", "more than {} members", kMaxParameters);
    Type type{.kind = Kind::tuple,
              .size = 0,
              .element = {},
              .members = std::move(members),
              .name = std::move(name)};
    if (!is_dynamic(type) && head_bytes(type) > kMaxArray * 32)
      return bad("contract.abi.limit", "a tuple of more than {} words", kMaxArray);
    return type;
  }

  Status add(Entry entry) {
    if (interface_.entries.size() >= kMaxEntries)
      return bad("contract.abi.limit", "more than {} entries", kMaxEntries);
    if (entry.inputs.size() > kMaxParameters || entry.outputs.size() > kMaxParameters)
      return bad("contract.abi.limit", "more than {} parameters", kMaxParameters);
    if (entry.kind == Entry::Kind::event) {
      auto indexed =
          std::count_if(entry.inputs.begin(), entry.inputs.end(), [](const auto& p) { return p.indexed; });
      if (indexed > (entry.anonymous ? 4 : 3))
        return bad("contract.abi.limit", "too many indexed parameters of {}", entry.name);
    }
    interface_.entries.push_back(std::move(entry));
    return {};
  }

  Result<Interface> finish() {
    auto key = [](const Entry& entry) {
      return std::pair(entry.kind, entry.kind == Entry::Kind::constructor ? "" : entry.signature());
    };
    std::sort(interface_.entries.begin(), interface_.entries.end(),
              [&](const Entry& a, const Entry& b) { return key(a) < key(b); });
    std::set<std::pair<Entry::Kind, std::string>> seen;
    std::set<std::array<uint8_t, 4>> selectors;
    for (const Entry& entry : interface_.entries) {
      if (!seen.insert(key(entry)).second)
        return bad("contract.abi.duplicate", "{} stands twice", entry.signature());
      if (entry.kind == Entry::Kind::function && !selectors.insert(entry.selector()).second)
        return bad("contract.abi.duplicate", "another function has the selector of {}", entry.signature());
    }
    return std::move(interface_);
  }

 private:
  Interface interface_;
  size_t types_ = 0;
};

struct Token {
  std::string_view text;
  std::string notice;  // documentation right before it
  size_t line;
};

Result<std::vector<Token>> tokenize(std::string_view source) {
  std::vector<Token> tokens;
  std::string notice;
  size_t line = 1;
  for (size_t at = 0; at < source.size();) {
    char c = source[at];
    if (c == '\n') ++line;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      ++at;
      continue;
    }
    size_t end = at + 1;
    if (source.substr(at).starts_with("//")) {
      end = std::min(source.find('\n', at), source.size());
      std::string_view comment = source.substr(at, end - at);
      if (comment.starts_with("///")) {
        comment.remove_prefix(3);
        while (!comment.empty() && comment.front() == ' ') comment.remove_prefix(1);
        while (!comment.empty() && (comment.back() == '\r' || comment.back() == ' '))
          comment.remove_suffix(1);
        notice += (notice.empty() ? "" : "\n") + std::string(comment);
      }
      at = end;
      continue;
    }
    if (is_letter(c) || is_digit(c))
      while (end < source.size() && (is_letter(source[end]) || is_digit(source[end]))) ++end;
    else if (std::string_view("()[]{},;").find(c) == std::string_view::npos)
      return bad("contract.abi.syntax", "line {}: a character that does not belong there", line);
    tokens.push_back({source.substr(at, end - at), std::exchange(notice, {}), line});
    at = end;
  }
  return tokens;
}

class TextParser {
 public:
  explicit TextParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<Interface> parse() {
    TRY(find_structs());
    while (at_ < tokens_.size()) TRY(declaration());
    for (const auto& [name, where] : structs_) {  // also those that nothing uses must be right
      at_ = where;
      TRY(struct_body(name, 1));
    }
    return builder_.finish();
  }

 private:
  tl::unexpected<Error> unexpected() const {
    if (at_ >= tokens_.size()) return bad("contract.abi.syntax", "the text ends within a declaration");
    return bad("contract.abi.syntax", "line {}: \"{}\" does not belong there", tokens_[at_].line,
               tokens_[at_].text.substr(0, 80));
  }
  std::string_view peek() const { return at_ < tokens_.size() ? tokens_[at_].text : std::string_view(); }
  bool accept(std::string_view text) { return peek() == text && ++at_; }
  Status expect(std::string_view text) {
    if (!accept(text)) return unexpected();
    return {};
  }
  Result<std::string> name() {
    if (!is_name(peek())) return unexpected();
    return std::string(tokens_[at_++].text);
  }

  Status find_structs() {
    int depth = 0;
    for (at_ = 0; at_ < tokens_.size(); ++at_) {
      if (peek() == "{") ++depth;
      if (peek() == "}") --depth;
      if (depth || peek() != "struct") continue;
      ++at_;
      ASSIGN(std::string found, name());
      if (elementary(found) || !structs_.emplace(found, at_).second)
        return bad("contract.abi.duplicate", "the struct {}", found);
      --at_;
    }
    at_ = 0;
    return {};
  }

  Status declaration() {
    Entry entry;
    entry.notice = tokens_[at_].notice;
    if (accept("struct")) {
      while (peek() != "}") {
        if (at_ >= tokens_.size()) return unexpected();
        ++at_;
      }
      ++at_;
      accept(";");
      return {};
    }
    if (accept("constructor"))
      entry.kind = Entry::Kind::constructor;
    else if (accept("event"))
      entry.kind = Entry::Kind::event;
    else if (accept("error"))
      entry.kind = Entry::Kind::error;
    else
      TRY(expect("function"));
    if (entry.kind != Entry::Kind::constructor) {
      ASSIGN(entry.name, name());
    }
    ASSIGN(entry.inputs, parameters(entry.kind == Entry::Kind::event, 1));
    if (entry.kind == Entry::Kind::event) entry.anonymous = accept("anonymous");
    if (entry.kind == Entry::Kind::function || entry.kind == Entry::Kind::constructor) TRY(modifiers(entry));
    accept(";");
    return builder_.add(std::move(entry));
  }

  Status modifiers(Entry& entry) {
    for (;;) {
      if (accept("external") || accept("public") || accept("virtual")) continue;
      std::string_view word = peek();
      if (word != "pure" && word != "view" && word != "payable") break;
      entry.mutability = word;
      ++at_;
    }
    if (entry.kind == Entry::Kind::function && accept("returns")) {
      ASSIGN(entry.outputs, parameters(false, 1));
      if (entry.outputs.empty()) return bad("contract.abi.syntax", "{} returns nothing", entry.name);
    }
    return {};
  }

  Result<std::vector<Parameter>> parameters(bool of_event, size_t depth) {
    std::vector<Parameter> out;
    TRY(expect("("));
    if (accept(")")) return out;
    do {
      Parameter parameter;
      ASSIGN(parameter.type, type(depth));
      if (of_event) parameter.indexed = accept("indexed");
      while (accept("memory") || accept("calldata") || accept("storage")) continue;
      if (is_name(peek())) {
        ASSIGN(parameter.name, name());
      }
      out.push_back(std::move(parameter));
    } while (accept(","));
    TRY(expect(")"));
    return out;
  }

  Result<Type> type(size_t depth) {
    ASSIGN(Type out, base_type(depth));
    while (accept("[")) {
      uint32_t length = 0;
      if (peek() != "]") {
        length = small_number(peek());
        if (!length || length > kMaxArray) return unexpected();
        ++at_;
      }
      TRY(expect("]"));
      ASSIGN(out, Builder::array_of(std::move(out), length));
      ASSIGN(out, builder_.count(std::move(out), ++depth));
    }
    return out;
  }

  Result<Type> base_type(size_t depth) {
    TRY(builder_.count({}, depth));
    if (peek() == "(" || accept("tuple")) {
      ASSIGN(auto members, parameters(false, depth + 1));
      return Builder::tuple_of(std::move(members), {});
    }
    ASSIGN(std::string word, name());
    if (word == "address") accept("payable");
    if (auto found = elementary(word)) return *found;
    auto found = structs_.find(word);
    if (found == structs_.end()) return bad("contract.abi.type", "{} is no type", word);
    size_t back = std::exchange(at_, found->second);
    auto made = struct_body(word, depth + 1);
    at_ = back;
    return made;
  }

  Result<Type> struct_body(const std::string& struct_name, size_t depth) {
    std::vector<Parameter> members;
    TRY(expect("{"));
    while (!accept("}")) {
      Parameter member;
      ASSIGN(member.type, type(depth));
      ASSIGN(member.name, name());
      TRY(expect(";"));
      for (const Parameter& other : members)
        if (other.name == member.name)
          return bad("contract.abi.duplicate", "{} in the struct {}", member.name, struct_name);
      members.push_back(std::move(member));
    }
    return Builder::tuple_of(std::move(members), struct_name);
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  std::map<std::string, size_t, std::less<>> structs_;  // where their bodies begin
  Builder builder_;
};

class JsonParser {
 public:
  Result<Interface> parse(const Json& document) {
    for (const Json& item : document) {
      if (!item.is_object()) return malformed("an entry is no object");
      ASSIGN(std::string type, string_of(item, "type", "function"));
      if (type == "fallback" || type == "receive") continue;  // nothing that a caller could name
      TRY(entry(item, type));
    }
    return builder_.finish();
  }

 private:
  static tl::unexpected<Error> malformed(std::string_view what) {
    return bad("contract.abi.json", "{}", what);
  }

  static Result<std::string> string_of(const Json& item, const char* member, const char* otherwise) {
    auto found = item.find(member);
    if (found == item.end()) return std::string(otherwise);
    if (!found->is_string()) return malformed(fmt::format("{} is no string", member));
    return found->get<std::string>();
  }
  static bool flag(const Json& item, const char* member) {
    auto found = item.find(member);
    return found != item.end() && found->is_boolean() && found->get<bool>();
  }

  Status entry(const Json& item, const std::string& type) {
    Entry out;
    if (type == "constructor")
      out.kind = Entry::Kind::constructor;
    else if (type == "event")
      out.kind = Entry::Kind::event;
    else if (type == "error")
      out.kind = Entry::Kind::error;
    else if (type != "function")
      return malformed("the type of an entry");
    ASSIGN(out.name, string_of(item, "name", ""));
    if (is_name(out.name) == (out.kind == Entry::Kind::constructor)) return malformed("the name of an entry");
    ASSIGN(out.inputs, parameters(item, "inputs", out.kind == Entry::Kind::event, 1));
    ASSIGN(out.outputs, parameters(item, "outputs", false, 1));
    ASSIGN(out.mutability, string_of(item, "stateMutability", "nonpayable"));
    static const std::set<std::string> known = {"nonpayable", "payable", "pure", "view"};
    if (!known.contains(out.mutability)) return malformed("stateMutability");
    ASSIGN(out.notice, string_of(item, "notice", ""));
    out.anonymous = flag(item, "anonymous");
    return builder_.add(std::move(out));
  }

  Result<std::vector<Parameter>> parameters(const Json& item, const char* member, bool of_event,
                                            size_t depth) {
    std::vector<Parameter> out;
    auto found = item.find(member);
    if (found == item.end()) return out;
    if (!found->is_array()) return malformed(fmt::format("{} is no array", member));
    for (const Json& one : *found) {
      if (!one.is_object()) return malformed("a parameter is no object");
      Parameter parameter;
      ASSIGN(parameter.name, string_of(one, "name", ""));
      if (!parameter.name.empty() && !is_name(parameter.name)) return malformed("the name of a parameter");
      ASSIGN(parameter.type, type(one, depth));
      parameter.indexed = of_event && flag(one, "indexed");
      out.push_back(std::move(parameter));
    }
    return out;
  }

  Result<Type> type(const Json& item, size_t depth) {
    ASSIGN(std::string text, string_of(item, "type", ""));
    std::string_view rest = text;
    std::string_view base = rest.substr(0, rest.find('['));
    rest.remove_prefix(base.size());
    TRY(builder_.count({}, depth));
    Type out;
    if (base == "tuple") {
      ASSIGN(auto members, parameters(item, "components", false, depth + 1));
      ASSIGN(std::string internal, string_of(item, "internalType", ""));
      ASSIGN(out, Builder::tuple_of(std::move(members), struct_name(internal)));
    } else if (auto simple = elementary(base)) {
      out = *simple;
    } else {
      return bad("contract.abi.type", "{} is no type", text.substr(0, 80));
    }
    while (!rest.empty()) {
      size_t close = rest.find(']');
      if (rest[0] != '[' || close == std::string_view::npos)
        return bad("contract.abi.type", "{} is no type", text.substr(0, 80));
      uint32_t length = small_number(rest.substr(1, close - 1));
      if ((close > 1 && !length) || length > kMaxArray)
        return bad("contract.abi.type", "the length in {}", text.substr(0, 80));
      ASSIGN(out, Builder::array_of(std::move(out), length));
      ASSIGN(out, builder_.count(std::move(out), ++depth));
      rest.remove_prefix(close + 1);
    }
    return out;
  }

  // "struct Library.Version[]" → "Version"
  static std::string struct_name(std::string_view internal) {
    if (!internal.starts_with("struct ")) return {};
    internal.remove_prefix(7);
    internal = internal.substr(0, internal.find('['));
    internal.remove_prefix(internal.find('.') == std::string_view::npos ? 0 : internal.rfind('.') + 1);
    return is_name(internal) ? std::string(internal) : std::string();
  }

  Builder builder_;
};

}  // namespace

Result<Interface> parse_interface(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '[') {
    ASSIGN(Json document, parse_json(text));
    return JsonParser().parse(document);
  }
  if (text.size() > JsonLimits().max_bytes)
    return bad("contract.abi.limit", "more than {} bytes", JsonLimits().max_bytes);
  if (!is_utf8(text)) return bad("contract.abi.utf8", "the interface");
  ASSIGN(auto tokens, tokenize(text));
  return TextParser(std::move(tokens)).parse();
}

}  // namespace chengxin::contract
