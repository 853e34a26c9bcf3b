#include "texts/texts.h"

#include <unordered_map>

namespace chengxin::texts {

extern const std::string_view reasons_zh_CN, reasons_en;

namespace {

struct Table {
  std::vector<std::string_view> keys;
  std::unordered_map<std::string_view, std::string_view> texts;

  // Lines of key<TAB>text; empty lines and lines that begin with # are skipped.
  explicit Table(std::string_view file) {
    while (!file.empty()) {
      size_t end = file.find('\n');
      std::string_view line = file.substr(0, end);
      file = end == file.npos ? std::string_view() : file.substr(end + 1);
      size_t tab = line.find('\t');
      if (line.empty() || line[0] == '#' || tab == line.npos) continue;
      keys.push_back(line.substr(0, tab));
      texts.emplace(line.substr(0, tab), line.substr(tab + 1));
    }
  }
};

const Table& table(Language language) {
  static const Table zh(reasons_zh_CN), en(reasons_en);
  return language == Language::zh ? zh : en;
}

}  // namespace

std::string_view reason(std::string_view key, Language language) {
  const Table& rows = table(language);
  auto found = rows.texts.find(key);
  return found == rows.texts.end() ? key : found->second;
}

std::vector<std::string_view> keys(Language language) { return table(language).keys; }

}  // namespace chengxin::texts
