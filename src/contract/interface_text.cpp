// Reads an interface's text (docs/formats/contract.md, "The interface").
#include <algorithm>
#include <map>

#include "contract/impl/interface_builder.h"
#include "contract/impl/word.h"

namespace chengxin::contract {
namespace {

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
      ASSIGN(out, InterfaceBuilder::array_of(std::move(out), length));
      ASSIGN(out, builder_.count(std::move(out), ++depth));
    }
    return out;
  }

  Result<Type> base_type(size_t depth) {
    TRY(builder_.count({}, depth));
    if (peek() == "(" || accept("tuple")) {
      ASSIGN(auto members, parameters(false, depth + 1));
      return InterfaceBuilder::tuple_of(std::move(members), {});
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
    return InterfaceBuilder::tuple_of(std::move(members), struct_name);
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  std::map<std::string, size_t, std::less<>> structs_;  // where their bodies begin
  InterfaceBuilder builder_;
};

}  // namespace

Result<Interface> parse_interface(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '[') {
    ASSIGN(Json document, parse_json(text));
    return parse_interface_json(document);
  }
  if (text.size() > JsonLimits().max_bytes)
    return bad("contract.abi.limit", "more than {} bytes", JsonLimits().max_bytes);
  if (!is_utf8(text)) return bad("contract.abi.utf8", "the interface");
  ASSIGN(auto tokens, tokenize(text));
  return TextParser(std::move(tokens)).parse();
}

}  // namespace chengxin::contract
