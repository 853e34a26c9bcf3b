#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace chengxin {

// What kind of failure it is. Closed: each code maps to one HTTP status in api and one exit code in the CLI.
enum class Code {
  invalid_argument,  // the request can never succeed as it stands
  unauthenticated,
  forbidden,
  not_found,
  conflict,  // it clashes with what is there already
  gone,      // it was here and was dropped on purpose (pruned, erased)
  too_large,
  busy,         // back-pressure: the same request may succeed after retry_after_ms
  unavailable,  // a part that is needed does not work now
  data_loss,    // stored or received bytes are damaged
  unsupported,
  internal,
};

std::string_view code_name(Code code);

// A failure that is part of normal operation. `reason` is a stable dotted key ("evidence.digest_length"),
// never reworded once released, translated in texts/; `detail` is for people, in English, and holds no
// secrets.
struct Error {
  Code code = Code::internal;
  std::string reason;
  std::string detail;
  int retry_after_ms = 0;  // with Code::busy, and Code::unavailable where it is known

  std::string to_string() const { return detail.empty() ? reason : reason + ": " + detail; }
  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

template <typename... Args>
tl::unexpected<Error> fail(Code code, std::string_view reason, fmt::format_string<Args...> format,
                           Args&&... args) {
  return tl::unexpected(Error{code, std::string(reason), fmt::format(format, std::forward<Args>(args)...)});
}
inline tl::unexpected<Error> fail(Code code, std::string_view reason) {
  return tl::unexpected(Error{code, std::string(reason), {}});
}

}  // namespace chengxin

#define CX_CONCAT_(a, b) a##b
#define CX_CONCAT(a, b) CX_CONCAT_(a, b)

// TRY(expr): leaves the function with the error of a failed Status.
#define TRY(expression)                                                                                   \
  do {                                                                                                    \
    if (auto cx_status = (expression); !cx_status) return ::tl::unexpected(std::move(cx_status).error()); \
  } while (0)

// ASSIGN(auto value, expr): binds the value of a Result or leaves the function with its error.
#define ASSIGN(declaration, expression) ASSIGN_IMPL(CX_CONCAT(cx_result_, __LINE__), declaration, expression)
#define ASSIGN_IMPL(result, declaration, expression)               \
  auto result = (expression);                                      \
  if (!result) return ::tl::unexpected(std::move(result).error()); \
  declaration = std::move(*result)
