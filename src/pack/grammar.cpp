#include "pack/grammar.h"

#include <algorithm>
#include <regex>

namespace chengxin::pack {
namespace {

using Kind = Shape::Kind;

// Words that CEL reads as its own, and what every record has.
constexpr std::string_view kReserved[] = {"as",   "break",    "const",     "continue", "else",   "false",
                                          "for",  "function", "if",        "import",   "in",     "let",
                                          "loop", "package",  "namespace", "null",     "return", "true",
                                          "var",  "void",     "while",     "id",       "number", "state"};

size_t characters(std::string_view text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (uint8_t(c) & 0xc0) != 0x80; }));
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_key(std::string_view text) {
  if (text.size() > 127) return false;
  for (;;) {
    const size_t end = text.find('.');
    if (!is_name(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool is_code(std::string_view text) {
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.';
  });
}

// ECMAScript's, which JSON Schema has too; std::regex throws on anything else, and on what nests too deeply.
bool is_pattern(const std::string& text) {
  try {
    const std::regex compiled(text);
    return true;
  } catch (const std::regex_error&) {
    return false;
  }
}

template <typename Words>
std::string joined(const Words& words, std::string_view between = " | ") {
  return fmt::format("{}", fmt::join(words, between));
}

std::string expected(const Shape& shape) {
  switch (shape.kind) {
    case Kind::flag:
      return "true | false";
    case Kind::date:
      return "2025-01-31";
    case Kind::duration:
      return "3 workdays";
    case Kind::version:
      return "1.0.0";
    case Kind::range:
      return ">=1.0 <2";
    case Kind::whole:
      return fmt::format("{}…{}", shape.least, shape.most);
    case Kind::decimal:
      return "12.34";
    case Kind::choice:
      return joined(shape.words);
    case Kind::object:
    case Kind::map:
      return "{…: …}";
    case Kind::list:
      return "[…]";
    case Kind::name:
      return "a_name";
    case Kind::key:
      return "some.key";
    case Kind::either: {
      std::vector<std::string> all;
      for (const Shape* each : shape.either) all.push_back(expected(*each));
      return joined(all);
    }
    default:
      return "…";
  }
}

Node::Kind node_kind(const Shape& shape) {
  if (shape.kind == Kind::object || shape.kind == Kind::map) return Node::Kind::map;
  return shape.kind == Kind::list ? Node::Kind::list : Node::Kind::scalar;
}

// The one of an either that fits what is there; nullptr: none.
const Shape* chosen(const Node& node, const Shape& shape) {
  if (shape.kind != Kind::either) return node.kind == node_kind(shape) ? &shape : nullptr;
  for (const Shape* each : shape.either)
    if (const Shape* fits = chosen(node, *each)) return fits;
  return nullptr;
}

class Checker {
 public:
  Checker(const Source& source, Findings& findings) : source_(source), findings_(findings) {}
  bool good() const { return good_; }

  void check(const Node& node, const Shape& shape, std::string_view about) {
    const Shape* fits = chosen(node, shape);
    if (!fits) {
      wrong("pack.kind_wrong", node.at, about, expected(shape));
    } else if (fits->kind == Kind::object) {
      object(node, *fits);
    } else if (fits->kind == Kind::map) {
      map(node, *fits, about);
    } else if (fits->kind == Kind::list) {
      if (!has_good_size(node, *fits, about)) return;
      for (const Node& item : node.items) check(item, *fits->of, about);
    } else {
      scalar(node, *fits);
    }
  }

 private:
  void wrong(std::string_view reason, Place at, std::string_view about, std::string mend = {}) {
    good_ = false;
    findings_.wrong(reason, source_.file, at, about, std::move(mend));
  }

  void object(const Node& node, const Shape& shape) {
    for (const Member& member : node.members) {
      const auto row = std::find_if(shape.rows.begin(), shape.rows.end(),
                                    [&](const Row& each) { return each.name == member.name; });
      if (row == shape.rows.end()) {
        unknown(member, shape);
        continue;
      }
      if (!row->only_with.empty()) alone(node, member, *row);
      check(member.value, *row->shape, member.name);
    }
    for (const Row& row : shape.rows)
      if (row.required && !node.find(row.name)) wrong("pack.member_missing", node.at, row.name);
    if (!shape.one_of.empty()) exactly_one(node, shape);
  }

  void unknown(const Member& member, const Shape& shape) {
    std::vector<std::string> names;
    for (const Row& row : shape.rows) names.emplace_back(row.name);
    wrong("pack.member_unknown", member.at, member.name, nearest(member.name, names));
  }

  // An option of a type that the field does not have.
  void alone(const Node& node, const Member& member, const Row& row) {
    std::string_view rest = row.only_with;
    while (!rest.empty()) {
      const size_t end = rest.find(' ');
      if (node.find(rest.substr(0, end))) return;
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    wrong("pack.member_alone", member.at, fmt::format("{} ({})", member.name, row.only_with));
  }

  void exactly_one(const Node& node, const Shape& shape) {
    const Member* first = nullptr;
    for (const Member& member : node.members) {
      if (std::find(shape.one_of.begin(), shape.one_of.end(), member.name) == shape.one_of.end()) continue;
      if (first) wrong("pack.member_twice", member.at, first->name + ", " + member.name);
      if (!first) first = &member;
    }
    if (!first) wrong("pack.member_missing", node.at, joined(shape.one_of));
  }

  bool has_good_size(const Node& node, const Shape& shape, std::string_view about) {
    const size_t size = node.items.size() + node.members.size();
    if (size == 0) wrong("pack.empty_list", node.at, about);
    if (size > size_t(shape.most))
      wrong("pack.too_many", node.at, fmt::format("{}: {} > {}", about, size, shape.most));
    return size <= size_t(shape.most);
  }

  void map(const Node& node, const Shape& shape, std::string_view about) {
    if (!has_good_size(node, shape, about)) return;
    for (const Member& member : node.members) {
      const Kind kind = shape.names->kind;
      const bool good = kind == Kind::code  ? is_code(member.name)
                        : kind == Kind::key ? is_key(member.name)
                                            : is_name(member.name);
      if (!good) wrong("pack.name", member.at, member.name, expected(*shape.names));
      if (shape.reserved && std::count(std::begin(kReserved), std::end(kReserved), member.name) > 0)
        wrong("pack.name_reserved", member.at, member.name, member.name + "_");
      check(member.value, *shape.of, member.name);
    }
  }

  void choice(const Node& node, const Shape& shape) {
    if (std::find(shape.words.begin(), shape.words.end(), node.text) != shape.words.end()) return;
    const std::vector<std::string> words(shape.words.begin(), shape.words.end());
    const std::string meant = nearest(node.text, words);
    wrong("pack.choice", node.at, node.text, meant.empty() ? joined(words) : meant);
  }

  void whole(const Node& node, const Shape& shape) {
    const auto value = parse_decimal(node.text);
    if (node.quoted || !value || value->digits > 0 || value->scaled < shape.least ||
        value->scaled > shape.most)
      wrong("pack.number", node.at, node.text, expected(shape));
  }

  void text(const Node& node, const Shape& shape) {
    if (node.text.find_first_not_of(" \t\r\n") == std::string::npos)
      wrong("pack.kind_wrong", node.at, "\"\"", "…");
    else if (characters(node.text) > size_t(shape.most))
      wrong("pack.too_long", node.at, fmt::format("{} > {}", characters(node.text), shape.most));
    else if (shape.kind == Kind::pattern && !is_pattern(node.text))
      wrong("pack.pattern", node.at, node.text);
  }

  void scalar(const Node& node, const Shape& shape) {
    const auto unless = [&](bool good, std::string_view reason) {
      if (!good) wrong(reason, node.at, node.text, expected(shape));
    };
    switch (shape.kind) {
      case Kind::name:
        return unless(is_name(node.text), "pack.name");
      case Kind::key:
        return unless(is_key(node.text), "pack.name");
      case Kind::code:
        return unless(is_code(node.text), "pack.name");
      case Kind::whole:
        return whole(node, shape);
      case Kind::decimal:
        return unless(parse_decimal(node.text).has_value(), "pack.number");
      case Kind::flag:
        return unless(!node.quoted && (node.text == "true" || node.text == "false"), "pack.choice");
      case Kind::date:
        return unless(is_date(node.text), "pack.date");
      case Kind::duration:
        return unless(is_duration(node.text), "pack.duration");
      case Kind::version:
        return unless(parse_version(node.text) && std::count(node.text.begin(), node.text.end(), '.') == 2,
                      "pack.version");
      case Kind::range:
        return unless(within_range({}, node.text).has_value(), "pack.version");
      case Kind::choice:
        return choice(node, shape);
      case Kind::constant:
        return;
      default:
        return text(node, shape);
    }
  }

  const Source& source_;
  Findings& findings_;
  bool good_ = true;
};

Json object_json(const Node& node, const Shape& shape) {
  Json out = Json::object();
  for (const Member& member : node.members)
    for (const Row& row : shape.rows)
      if (row.name == member.name) out[member.name] = to_json(member.value, *row.shape);
  return out;
}

// {remark: text} is {remark: {text: line}}, and so on.
Json short_json(const Node& node, const Shape& shape) {
  if (shape.short_for != "*") return {{std::string(shape.short_for), node.text}};
  for (const Shape* each : shape.either)
    for (const Row& row : each->rows)
      if (row.name == node.text) {
        const Shape* main = row.shape;
        while (main->kind == Kind::either) main = main->either.front();
        return {{node.text, main->words.empty() ? "true" : std::string(main->words.front())}};
      }
  return node.text;
}

}  // namespace

const FileKind* kind_of(std::string_view path) {
  const size_t slash = path.find('/');
  const bool in_folder = slash != std::string_view::npos;
  if (in_folder && (!path.ends_with(".yaml") || path.find('/', slash + 1) != std::string_view::npos))
    return nullptr;
  for (const FileKind& kind : file_kinds())
    if (in_folder ? kind.folder == path.substr(0, slash) : kind.folder.empty() && path == "pack.yaml")
      return &kind;
  return nullptr;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && is_lower(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}

bool check_grammar(const Source& source, const Shape& shape, Findings& findings) {
  Checker checker(source, findings);
  checker.check(source.root, shape, shape.id);
  return checker.good();
}

Json to_json(const Node& node, const Shape& shape) {
  const Shape* fits = chosen(node, shape);
  if (!fits) return nullptr;
  if (node.is(Node::Kind::scalar)) return shape.short_for.empty() ? Json(node.text) : short_json(node, shape);
  Json out = node.is(Node::Kind::list) ? Json::array() : Json::object();
  if (fits->kind == Kind::object) return object_json(node, *fits);
  for (const Node& item : node.items) out.push_back(to_json(item, *fits->of));
  for (const Member& member : node.members) out[member.name] = to_json(member.value, *fits->of);
  return out;
}

}  // namespace chengxin::pack
