#pragma once
#include "format/proposal.h"

// Pieces of consortium documents as JSON. Readers give format.consortium, and let through what the library
// throws for a missing member or another type; whoever calls them catches it.
namespace chengxin::format {

inline tl::unexpected<Error> bad_consortium(std::string_view why) {
  return fail(Code::invalid_argument, "format.consortium", "{}", why);
}

template <size_t N>
Result<std::array<uint8_t, N>> fixed_hex(const Json& value, std::string_view what) {
  const std::string& digits = value.get_ref<const std::string&>();
  ASSIGN(Bytes bytes, unhex(digits));
  if (bytes.size() != N) return bad_consortium(fmt::format("{} is not {} bytes", what, N));
  std::array<uint8_t, N> out;
  std::memcpy(out.data(), bytes.data(), N);
  return out;
}

// Each by itself: names, lengths, ranges. Whether they fit together is Consortium::check.
Status check(const Organisation& organisation);
Status check(const Node& node);

// Reads with `read` and takes the document only in its canonical spelling, which `write` gives.
template <typename T, typename Read, typename Write>
Result<T> read_canonical(std::string_view document, Read read, Write write) {
  auto json = parse_json(document);
  if (!json) return bad_consortium(json.error().to_string());
  try {
    Result<T> value = read(*json);
    if (!value) return bad_consortium(value.error().detail);
    auto again = canonical_json(write(*value));
    if (!again || *again != document) return bad_consortium("not the canonical spelling, or unknown members");
    return value;
  } catch (const Json::exception& error) {
    return bad_consortium(error.what());
  }
}

}  // namespace chengxin::format
