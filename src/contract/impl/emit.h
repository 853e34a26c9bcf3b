#pragma once
#include <map>

#include "contract/generate.h"

// What the generators share.
namespace chengxin::contract {

// Text in lines; what open() begins is indented by a `unit` more until close().
class Lines {
 public:
  explicit Lines(std::string_view unit) : unit_(unit) {}
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    raw(fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void open(fmt::format_string<Args...> format, Args&&... args) {
    raw(fmt::format(format, std::forward<Args>(args)...));
    ++depth_;
  }
  void close(std::string_view text = "}") {
    out();
    raw(text);
  }
  void out() { --depth_; }
  void blank() { text_ += '\n'; }
  // Each line of the documentation behind `mark`.
  void notice(std::string_view documentation, std::string_view mark);
  void raw(std::string_view text);
  std::string take() { return std::move(text_); }

 private:
  std::string unit_, text_;
  int depth_ = 0;
};

// "balanceOf" → "balance_of", "BalanceOf"; words begin at capitals and underscores.
std::string snake(std::string_view name);
std::string pascal(std::string_view name);

// One of the keywords, which stand between spaces, gets an underscore.
std::string safe(std::string_view name, std::string_view keywords);
// In that style; "arg0" where there is none.
std::string parameter_name(const std::vector<Parameter>& parameters, size_t i, std::string_view keywords,
                           std::string (*style)(std::string_view));

// The entry's name, with its types where it is overloaded: "transfer_address_uint256".
std::string unique_name(const Interface& interface, const Entry& entry);

// Structs by name, those before that others are made of. contract.generate.type when one name means two.
Result<std::vector<Type>> structs(const Interface& interface);

size_t heads(const std::vector<Parameter>& parameters, bool of_event_data = false);
std::vector<const Entry*> entries(const Interface& interface, Entry::Kind kind);
// contract.generate.type unless the SDKs' types can say it: integers of 8, 16, 32, 64 bits and uint256, no
// tuples without a name, no indexed parameter of an event but of one word, string or bytes.
Status check_glue(const Interface& interface);

inline bool reads_only(const Entry& entry) {
  return entry.mutability == "view" || entry.mutability == "pure";
}

Result<std::string> rust_glue(const Interface& interface);
Result<std::string> rust_caller(const Interface& interface, std::string_view name);
Result<std::string> go_glue(const Interface& interface);
Result<std::string> go_caller(const Interface& interface, std::string_view name);
Result<std::string> typescript_client(const Interface& interface, std::string_view name);
Result<std::string> go_client(const Interface& interface, std::string_view name);
Result<std::string> java_client(const Interface& interface, std::string_view name);
Result<std::string> cpp_client(const Interface& interface, std::string_view name);

}  // namespace chengxin::contract
