#include <algorithm>
#include <set>

#include "directory/sync.h"

// What a directory's file says.
namespace chengxin::directory {
namespace {

constexpr size_t kMaxEntries = 1'000'000, kMaxDocument = 512 << 20;

tl::unexpected<Error> bad(size_t number, std::string_view what) {
  return fail(Code::invalid_argument, "directory.file", "entry {}: {}", number, what);
}

// RFC 4180: fields may stand in double quotes, in which two are one.
Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text) {
  std::vector<std::vector<std::string>> lines(1);
  std::string field;
  bool quoted = false, any = false;
  const auto end_field = [&] { lines.back().push_back(std::exchange(field, {})); };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"')
        field += c;
      else if (i + 1 < text.size() && text[i + 1] == '"')
        field += text[++i];
      else
        quoted = false;
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == ',') {
      end_field();
    } else if (c == '\n') {
      if (!field.empty() && field.back() == '\r') field.pop_back();
      if (any) end_field();
      if (!lines.back().empty()) lines.emplace_back();
      any = false;
      continue;
    } else {
      field += c;
    }
    any = true;
  }
  if (quoted) return bad(lines.size(), "a quotation mark is not closed");
  if (any) end_field();
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

Result<Json> csv_to_json(std::string_view document) {
  if (document.starts_with("\xef\xbb\xbf")) document.remove_prefix(3);
  ASSIGN(const auto lines, parse_csv(document));
  Json out = Json::array();
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].size() != lines[0].size()) return bad(i, "another number of columns than the first line");
    Json entry = Json::object();
    for (size_t k = 0; k < lines[i].size(); ++k)
      if (!lines[i][k].empty()) entry[lines[0][k]] = lines[i][k];
    out.push_back(std::move(entry));
  }
  return out;
}

Result<Entry> parse_entry(size_t number, const Json& json) {
  if (!json.is_object()) return bad(number, "not an object");
  Entry out;
  out.personal = Json::object();
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) return bad(number, name + " is not a text");
    const std::string& text = value.get_ref<const std::string&>();
    if (name == "external") {
      out.external = text;
    } else if (name == "kind") {
      const auto kind = format::enum_named<identity::Kind>(text);
      if (!kind) return bad(number, "kind " + text);
      out.kind = *kind;
    } else if (name == "parent") {
      out.parent = text;
    } else if (name == "unique") {
      out.unique = text;
    } else if (name == "status") {
      if (text != "active" && text != "suspended") return bad(number, "status " + text);
      out.active = text == "active";
    } else {
      out.personal[name] = text;
    }
  }
  if (out.external.empty() || out.external.size() > 128) return bad(number, "external: 1 to 128 characters");
  if (out.personal.empty()) return bad(number, "nothing is said of it, not even a name");
  return out;
}

}  // namespace

Result<std::vector<Entry>> parse_entries(std::string_view document) {
  const size_t first = document.find_first_not_of(" \t\r\n");
  const bool is_json = first != document.npos && document[first] == '[';
  ASSIGN(const Json all, is_json ? parse_json(document, {kMaxDocument, 4}) : csv_to_json(document));
  if (!all.is_array() || all.size() > kMaxEntries) return bad(all.size(), "at most 1,000,000 entries");
  std::vector<Entry> out;
  std::set<std::string> seen;
  for (const Json& each : all) {
    ASSIGN(Entry entry, parse_entry(out.size() + 1, each));
    if (!seen.insert(entry.external).second)
      return fail(Code::invalid_argument, "directory.duplicate", "{} stands twice", entry.external);
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace chengxin::directory
