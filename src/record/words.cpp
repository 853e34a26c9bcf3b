#include "record/words.h"

#include "crypto/sm3.h"

namespace chengxin::record {
namespace {

constexpr size_t kLongestWord = 64;

// A word, or ideographs in a row, each a text of its own.
struct Run {
  std::string word;
  std::vector<std::string> ideographs;
};

enum class Kind { none, letter, ideograph };

Kind kind_of(char32_t c) {
  const auto in = [&](char32_t first, char32_t last) { return first <= c && c <= last; };
  if (in('0', '9') || in('a', 'z') || (in(0xC0, 0x24F) && c != 0xD7 && c != 0xF7)) return Kind::letter;
  const bool ideograph = in(0x3040, 0x30FF) || in(0x3400, 0x4DBF) || in(0x4E00, 0x9FFF) || c == 0x3007 ||
                         in(0xAC00, 0xD7A3) || in(0xF900, 0xFAFF) || in(0x20000, 0x3FFFF);
  return ideograph ? Kind::ideograph : Kind::none;
}

char32_t folded(char32_t c) {
  if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;  // full width
  return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

// The next character of UTF-8 that was checked when it came in.
char32_t take_char(std::string_view& text) {
  const auto first = uint8_t(text.front());
  const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t out = length == 1 ? first : first & (0x7F >> length);
  for (size_t i = 1; i < length && i < text.size(); ++i) out = out << 6 | (uint8_t(text[i]) & 0x3F);
  text.remove_prefix(std::min(length, text.size()));
  return out;
}

std::string encoded(char32_t c) {
  if (c < 0x80) return {char(c)};
  const auto low = [&](int shift) { return char(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x800) return {char(0xC0 | c >> 6), low(0)};
  if (c < 0x10000) return {char(0xE0 | c >> 12), low(6), low(0)};
  return {char(0xF0 | c >> 18), low(12), low(6), low(0)};
}

std::vector<Run> runs_of(std::string_view text) {
  std::vector<Run> out;
  Kind before = Kind::none;
  while (!text.empty()) {
    const char32_t c = folded(take_char(text));
    const Kind kind = kind_of(c);
    if (kind != Kind::none && kind != before) out.emplace_back();
    if (kind == Kind::ideograph) out.back().ideographs.push_back(encoded(c));
    if (kind == Kind::letter)
      if (const std::string letter = encoded(c); out.back().word.size() + letter.size() <= kLongestWord)
        out.back().word += letter;
    before = kind;
  }
  return out;
}

std::string tag(size_t field) { return fmt::format("{:02}", field); }

void add_tokens(const Run& run, const std::string& tag, std::vector<std::string>& out) {
  if (!run.word.empty()) out.push_back(tag + run.word);
  for (size_t i = 0; i < run.ideographs.size(); ++i)
    out.push_back(tag + run.ideographs[i] + (i + 1 < run.ideographs.size() ? run.ideographs[i + 1] : ""));
}

// Of a run that is looked for in one field: tokens next to each other, or how one of them begins.
std::vector<std::string> sought(const Run& run, size_t field, bool& begins) {
  std::vector<std::string> out;
  add_tokens(run, tag(field), out);
  begins = run.ideographs.size() == 1;
  if (run.ideographs.size() > 1) out.pop_back();
  return out;
}

std::string of_fts5(const std::vector<std::string>& tokens, bool begins) {
  return fmt::format("\"{}\"{}", fmt::join(tokens, " "), begins ? "*" : "");
}

std::string of_tsquery(const std::vector<std::string>& tokens, bool begins) {
  return fmt::format("'{}'{}", fmt::join(tokens, "' <-> '"), begins ? ":*" : "");
}

}  // namespace

std::string words_of(const pack::Layout& layout, const Stored& record, sql::Dialect dialect) {
  std::vector<std::string> tokens;
  for (size_t i = 0; i < layout.searched.size(); ++i) {
    const auto value = record.fields.find(layout.searched[i]->name);
    if (value == record.fields.end() || !value->is_string()) continue;
    for (const Run& run : runs_of(value->get_ref<const std::string&>())) add_tokens(run, tag(i), tokens);
  }
  if (tokens.size() > kMostTokens) tokens.resize(kMostTokens);
  if (dialect == sql::Dialect::sqlite) return fmt::format(" {} ", fmt::join(tokens, " "));
  std::string out;
  for (size_t i = 0; i < tokens.size(); ++i) out += fmt::format("'{}':{} ", tokens[i], i + 1);
  return out;
}

std::optional<WordsQuery> words_query(std::string_view asked, std::span<const size_t> fields,
                                      sql::Dialect dialect) {
  const bool sqlite = dialect == sql::Dialect::sqlite;
  WordsQuery out;
  for (const Run& run : runs_of(asked)) {
    std::string match, text;
    for (const size_t field : fields) {
      bool begins = false;
      const auto tokens = sought(run, field, begins);
      match += match.empty() ? "(" : sqlite ? " OR " : " | ";
      match += sqlite ? of_fts5(tokens, begins) : of_tsquery(tokens, begins);
      text += text.empty() ? "(instr(t.words, ?) > 0" : " or instr(t.words, ?) > 0";
      out.values.emplace_back(fmt::format(" {}{}", fmt::join(tokens, " "), begins ? "" : " "));
    }
    if (!out.match.empty()) out.match += sqlite ? " AND " : " & ";
    if (!out.text.empty()) out.text += " and ";
    out.match += match + ")";
    out.text += text + ")";
  }
  return out.match.empty() ? std::nullopt : std::optional(std::move(out));
}

std::string words_index(const std::string& table) {
  return "w_" + hex(crypto::sm3({view(table)})).substr(0, 24);
}

std::string make_words_index(const std::string& table, sql::Dialect dialect) {
  const std::string name = words_index(table);
  if (dialect == sql::Dialect::postgresql)
    return fmt::format("create index {} on {} using gin (words)", name, table);
  return fmt::format(
      "create virtual table {0} using fts5(words, content='{1}', content_rowid='row', tokenize='ascii', "
      "prefix='3'); insert into {0} ({0}) values ('rebuild')",
      name, table);
}

std::string drop_words_index(const std::string& table, sql::Dialect dialect) {
  return (dialect == sql::Dialect::sqlite ? "drop table " : "drop index ") + words_index(table);
}

}  // namespace chengxin::record
