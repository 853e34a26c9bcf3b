#pragma once
#include <optional>

#include "contract/abi.h"

// What the readers of both notations share: names, elementary types, and the bounds of an interface.
namespace chengxin::contract {

inline constexpr size_t kMaxDepth = 8, kMaxEntries = 256, kMaxParameters = 64, kMaxArray = 65536,
                        kMaxName = 64;
inline constexpr size_t kMaxTypes = 4096;  // in one interface, so that nested structs cannot multiply

template <typename... Args>
tl::unexpected<Error> bad(std::string_view reason, fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::invalid_argument, reason, format, std::forward<Args>(args)...);
}

inline bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(std::string_view text);
// A number without leading zeros of at most five digits; 0: it is none.
uint32_t small_number(std::string_view text);
std::optional<Type> elementary(std::string_view name);

// Takes what was read, as far as it is within bounds.
class InterfaceBuilder {
 public:
  // Counts a type at that depth; gives it back.
  Result<Type> count(Type type, size_t depth);
  static Result<Type> array_of(Type element, uint32_t length);
  static Result<Type> tuple_of(std::vector<Parameter> members, std::string name);
  Status add(Entry entry);
  Result<Interface> finish();

 private:
  Interface interface_;
  size_t types_ = 0;
};

// An array of ABI JSON.
Result<Interface> parse_interface_json(const Json& document);

}  // namespace chengxin::contract
