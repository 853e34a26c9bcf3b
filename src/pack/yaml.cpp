#include "pack/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "pack/impl/unicode.h"

namespace chengxin::pack {
namespace {

constexpr size_t kMostDepth = 32;

// A place from the parser's: lines and bytes from 0.
Place place_of(const Source& source, size_t line, size_t byte) {
  size_t from = 0;
  for (size_t i = 0; i < line; ++i) {
    const size_t end = source.text.find('\n', from);
    if (end == std::string::npos) break;
    from = end + 1;
  }
  const std::string_view head = std::string_view(source.text).substr(from, byte);
  const auto characters =
      std::count_if(head.begin(), head.end(), [](char c) { return (uint8_t(c) & 0xc0) != 0x80; });
  return {int(line) + 1, int(characters) + 1};
}

size_t offset_of(const Source& source, Place at) {
  size_t from = 0;
  for (int line = 1; line < at.line; ++line) from = source.text.find('\n', from) + 1;
  for (int column = 1; column < at.column && from < source.text.size(); ++column) {
    ++from;
    while (from < source.text.size() && (uint8_t(source.text[from]) & 0xc0) == 0x80) ++from;
  }
  return from;
}

// Lines of a text, so that a place costs a look and not a walk.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    for (size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos;) starts_.push_back(++at);
  }
  Place place(const YAML::Mark& mark) const {
    if (mark.line < 0 || size_t(mark.line) >= starts_.size()) return {1, 1};
    const std::string_view head = text_.substr(starts_[size_t(mark.line)], size_t(std::max(mark.column, 0)));
    const auto characters =
        std::count_if(head.begin(), head.end(), [](char c) { return (uint8_t(c) & 0xc0) != 0x80; });
    return {mark.line + 1, int(characters) + 1};
  }

 private:
  std::string_view text_;
  std::vector<size_t> starts_{0};
};

// Makes the tree from the parser's events, which hand out aliases unresolved: nothing is expanded.
class Builder final : public YAML::EventHandler {
 public:
  Builder(Source& source, Findings& findings) : source_(source), findings_(findings), lines_(source.text) {}
  bool good() const { return good_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) wrong("pack.yaml_documents", mark);
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { leaf(mark, Node::Kind::nothing, {}); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    wrong("pack.yaml_alias", mark);
    leaf(mark, Node::Kind::nothing, {});
  }
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    wrong("pack.yaml_alias", mark, "&" + name);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    if (!tag.empty() && tag != "?" && tag != "!") wrong("pack.yaml_tag", mark, tag);
    if (const auto bad = bad_text(value)) wrong(bad->reason, mark);
    leaf(mark, Node::Kind::scalar, value, tag != "?");
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, Node::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, Node::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    bool has_key = false, drop = false;  // drop: the value of a key that is refused
    Member member;
    std::set<std::string, std::less<>> names;
  };

  void wrong(std::string_view reason, const YAML::Mark& mark, std::string_view about = {}) {
    good_ = false;
    findings_.wrong(reason, source_.file, lines_.place(mark), about);
  }

  void leaf(const YAML::Mark& mark, Node::Kind kind, const std::string& value, bool quoted = false) {
    Node node;
    node.kind = kind;
    node.quoted = quoted;
    node.at = lines_.place(mark);
    node.text = value;
    take(std::move(node));
  }

  void open(const YAML::Mark& mark, const std::string& tag, Node::Kind kind) {
    if (!tag.empty() && tag != "?") wrong("pack.yaml_tag", mark, tag);
    if (stack_.size() == kMostDepth && skipped_ == 0) wrong("pack.yaml_depth", mark);
    if (stack_.size() >= kMostDepth) {
      ++skipped_;
      return;
    }
    Frame frame;
    frame.node.kind = kind;
    frame.node.at = lines_.place(mark);
    stack_.push_back(std::move(frame));
  }

  void close() {
    if (skipped_ > 0) {
      --skipped_;
      return;
    }
    Node node = std::move(stack_.back().node);
    stack_.pop_back();
    take(std::move(node));
  }

  void take(Node node) {
    if (skipped_ > 0 || documents_ > 1) return;
    if (stack_.empty()) {
      source_.root = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node.is(Node::Kind::list)) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.has_key) {
      take_key(frame, node);
    } else {
      frame.has_key = false;
      frame.member.value = std::move(node);
      if (!frame.drop) frame.node.members.push_back(std::move(frame.member));
    }
  }

  void take_key(Frame& frame, const Node& key) {
    frame.has_key = true;
    frame.member = {key.text, key.at, {}};
    std::string_view reason;
    if (!key.is(Node::Kind::scalar) || key.text == "<<")
      reason = "pack.yaml_key";
    else if (!frame.names.insert(key.text).second)
      reason = "pack.yaml_duplicate";
    frame.drop = !reason.empty();
    if (!frame.drop) return;
    good_ = false;
    findings_.wrong(reason, source_.file, key.at, key.text);
  }

  Source& source_;
  Findings& findings_;
  Lines lines_;
  std::vector<Frame> stack_;
  size_t skipped_ = 0;  // levels that are too deep
  int documents_ = 0;
  bool good_ = true;
};

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Bytes of the source that an escape of a quoted text takes (YAML 1.2, 5.7).
size_t escape_length(char style, std::string_view rest) {
  if (style == '\'' && rest.starts_with("''")) return 2;
  if (style != '"' || rest.size() < 2 || rest[0] != '\\') return 0;
  return rest[1] == 'x' ? 4 : rest[1] == 'u' ? 6 : rest[1] == 'U' ? 10 : 2;
}

// Where what is written begins: behind the quotation mark, or below the line of a block's sign.
size_t content_of(std::string_view text, size_t at) {
  const char style = at < text.size() ? text[at] : ' ';
  if (style == '"' || style == '\'') return at + 1;
  if (style != '|' && style != '>') return at;
  const size_t end = text.find('\n', at);
  return end == std::string_view::npos ? text.size() : end + 1;
}

}  // namespace

const Node* Node::find(std::string_view name) const {
  for (const Member& member : members)
    if (member.name == name) return &member.value;
  return nullptr;
}

bool parse_yaml(Source& source, Findings& findings) {
  if (const auto bad = bad_text(source.text)) {
    const auto line = std::count(source.text.begin(), source.text.begin() + ptrdiff_t(bad->at), '\n');
    const size_t start = bad->at == 0 ? std::string::npos : source.text.rfind('\n', bad->at - 1);
    findings.wrong(bad->reason, source.file,
                   place_of(source, size_t(line), bad->at - (start == std::string::npos ? 0 : start + 1)));
    return false;
  }
  try {
    std::istringstream in(source.text);
    YAML::Parser parser(in);
    Builder builder(source, findings);
    // A second one is refused, and not read on: yaml-cpp 0.7 hands out documents without end for a stray ']'.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
    if (!builder.good()) return false;
  } catch (const YAML::Exception& thrown) {
    const Place at =
        place_of(source, size_t(std::max(thrown.mark.line, 0)), size_t(std::max(thrown.mark.column, 0)));
    findings.wrong("pack.yaml", source.file, at, thrown.msg);
    return false;
  }
  if (source.root.is(Node::Kind::nothing)) {
    findings.wrong("pack.empty", source.file, {1, 1});
    return false;
  }
  return true;
}

// Walks what is written and what was read side by side: white space, which folding changes, matches any.
Place place_within(const Source& source, const Node& scalar, size_t offset) {
  const std::string_view text = source.text;
  const size_t begin = offset_of(source, scalar.at);
  const char style = begin < text.size() ? text[begin] : ' ';
  size_t at = content_of(text, begin);
  const auto skip_space = [&] {
    while (at < text.size() && is_space(text[at])) ++at;
  };
  for (size_t i = 0; i < std::min(offset, scalar.text.size()) && at < text.size(); ++i) {
    const bool space = is_space(scalar.text[i]);
    if (!space && is_space(text[at])) skip_space();
    if (const size_t escape = escape_length(style, text.substr(at)); escape > 0) {
      at += escape;
      while (i + 1 < scalar.text.size() && (uint8_t(scalar.text[i + 1]) & 0xc0) == 0x80) ++i;
    } else if (!space || is_space(text[at])) {
      ++at;
    }
  }
  if (offset < scalar.text.size() && !is_space(scalar.text[offset])) skip_space();
  const size_t line_start = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  const auto line = std::count(text.begin(), text.begin() + ptrdiff_t(at), '\n');
  return place_of(source, size_t(line), at - line_start);
}

}  // namespace chengxin::pack
