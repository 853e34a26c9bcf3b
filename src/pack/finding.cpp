#include "pack/finding.h"

#include <algorithm>
#include <array>

#include "texts/texts.h"

namespace chengxin::pack {
namespace {

constexpr size_t kLongestName = 64, kMostNames = 2000;

// Optimal string alignment: insertions, deletions, replacements, neighbours exchanged. Both at most
// kLongestName.
size_t distance(std::string_view a, std::string_view b) {
  std::array<std::array<size_t, kLongestName + 1>, 3> rows{};  // of i, i - 1 and i - 2
  for (size_t i = 0; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto &above = rows[(i + 2) % 3], &before = rows[(i + 1) % 3];
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        row[j] = i + j;
        continue;
      }
      const size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + same});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return rows[a.size() % 3][b.size()];
}

std::string sentence(std::string_view reason, std::string_view about, texts::Language language) {
  std::string out(texts::reason(reason, language));
  if (about.empty()) return out;
  return fmt::format("{}{}{}", out, language == texts::Language::zh ? " — " : " - ", about);
}

}  // namespace

void Findings::wrong(std::string_view reason, const std::string& file, Place at, std::string_view about,
                     std::string mend) {
  constexpr size_t kAbout = 300;
  std::string told(about.substr(0, kAbout));
  while (!told.empty() && about.size() > kAbout && (uint8_t(about[told.size()]) & 0xc0) == 0x80)
    told.pop_back();  // not within a character
  size_t& kept = of_file_[file];
  const bool full = kept >= kKept;
  if (!full && !seen_.emplace(file, at, std::string(reason), told).second) return;
  ++total_;
  if (full) return;
  ++kept;
  kept_.push_back({std::string(reason), file, at, sentence(reason, told, texts::Language::zh),
                   sentence(reason, told, texts::Language::en), std::move(mend)});
}

void Findings::wrong(const Error& error, const std::string& file, Place at, std::string mend) {
  wrong(error.reason, file, at, error.detail, std::move(mend));
}

std::vector<Finding> Findings::shown() const {
  std::vector<Finding> out = kept_;
  std::stable_sort(out.begin(), out.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.file, a.at, a.reason) < std::tie(b.file, b.at, b.reason);
  });
  if (out.size() > kShown) out.resize(kShown);
  return out;
}

Json to_json(const Findings& findings) {
  Json list = Json::array();
  for (const Finding& each : findings.shown())
    list.push_back({{"reason", each.reason},
                    {"file", each.file},
                    {"line", each.at.line},
                    {"column", each.at.column},
                    {"zh", each.zh},
                    {"en", each.en},
                    {"mend", each.mend}});
  return {{"findings", std::move(list)}, {"total", findings.total()}};
}

std::string nearest(std::string_view name, std::span<const std::string> names) {
  if (name.empty() || name.size() > kLongestName) return {};
  const std::string* best = nullptr;
  size_t least = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string& each : names.first(std::min(names.size(), kMostNames))) {
    if (each.size() > kLongestName || each.size() + least < name.size() || name.size() + least < each.size())
      continue;
    if (const size_t far = distance(name, each); far < least) {
      least = far;
      best = &each;
    }
  }
  return best ? *best : std::string();
}

}  // namespace chengxin::pack
