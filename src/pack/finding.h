#pragma once
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "base/json.h"

namespace chengxin::pack {

// In a text, from 1; columns in characters. 0: of the whole file, or of the whole pack.
struct Place {
  int line = 0, column = 0;
  auto operator<=>(const Place&) const = default;
};

// A mistake in a pack.
struct Finding {
  std::string reason;  // pack.…, rule.…
  std::string file;    // the folder as it was named, and the path below it
  Place at;
  std::string zh, en;  // the reason's text, and what it is about
  std::string mend;    // what to write there; empty: the text says what to do
};

// Gathers every mistake. Of one file more than kKept are counted, not kept.
class Findings {
 public:
  static constexpr size_t kShown = 200, kKept = 1000;

  // `about`: names and values that it concerns, in no language.
  void wrong(std::string_view reason, const std::string& file, Place at, std::string_view about = {},
             std::string mend = {});
  void wrong(const Error& error, const std::string& file, Place at = {}, std::string mend = {});

  bool empty() const { return total_ == 0; }
  size_t total() const { return total_; }
  // By file and place; at most kShown.
  std::vector<Finding> shown() const;

 private:
  std::vector<Finding> kept_;
  std::set<std::tuple<std::string, Place, std::string, std::string>> seen_;  // file, place, reason, about
  std::map<std::string, size_t> of_file_;
  size_t total_ = 0;
};

// {"findings": [{"reason", "file", "line", "column", "zh", "en", "mend"}], "total"}
Json to_json(const Findings& findings);

// The one of the first 2,000 of `names` that was probably meant, or "".
std::string nearest(std::string_view name, std::span<const std::string> names);

}  // namespace chengxin::pack
