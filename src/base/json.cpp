#include "base/json.h"

#include <cstring>
#include <optional>
#include <set>
#include <vector>

namespace chengxin {
namespace {

// Builds the value through the library's DOM parser, and refuses on the way what the library would let pass.
class StrictSax : public nlohmann::detail::json_sax_dom_parser<Json> {
  using Base = nlohmann::detail::json_sax_dom_parser<Json>;

 public:
  StrictSax(Json& into, int max_depth) : Base(into, false), max_depth_(max_depth) {}

  bool start_object(std::size_t size) {
    keys_.emplace_back();
    return enter() && Base::start_object(size);
  }
  bool end_object() {
    keys_.pop_back();
    --depth_;
    return Base::end_object();
  }
  bool start_array(std::size_t size) { return enter() && Base::start_array(size); }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }
  // Of strings, the reader's copy is wiped: who wipes the value, and the text, has wiped a password.
  bool string(std::string& value) {
    const bool more = Base::string(value);
    explicit_bzero(value.data(), value.size());
    return more;
  }
  bool key(std::string& name) {
    if (!keys_.back().insert(name).second) {
      error = Error{Code::invalid_argument, "json.duplicate_key",
                    "the member \"" + name + "\" stands twice in one object"};
      return false;
    }
    return Base::key(name);
  }
  template <typename Exception>
  bool parse_error(std::size_t position, const std::string&, const Exception& thrown) {
    std::string what = thrown.what();
    bool encoding = what.find("UTF-8") != std::string::npos;
    error = Error{Code::invalid_argument, encoding ? "json.not_utf8" : "json.syntax",
                  fmt::format("at byte {}", position)};
    return false;
  }

  std::optional<Error> error;

 private:
  bool enter() {
    if (++depth_ <= max_depth_) return true;
    error = Error{Code::invalid_argument, "json.too_deep", fmt::format("nested deeper than {}", max_depth_)};
    return false;
  }

  int max_depth_;
  int depth_ = 0;
  std::vector<std::set<std::string>> keys_;
};

// RFC 8785 orders members by UTF-16 code units, which differs from byte order only above U+FFFF.
bool utf16_less(const std::string& a, const std::string& b) {
  auto key = [](unsigned char c) { return c >= 0xf0 ? 0xee : c >= 0xee ? c + 1 : int(c); };
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if (a[i] != b[i]) return key(static_cast<unsigned char>(a[i])) < key(static_cast<unsigned char>(b[i]));
  return a.size() < b.size();
}

Status write_canonical(const Json& value, std::string& out) {
  switch (value.type()) {
    case Json::value_t::object: {
      std::vector<const std::string*> names;
      for (auto it = value.begin(); it != value.end(); ++it) names.push_back(&it.key());
      std::sort(names.begin(), names.end(), [](auto* a, auto* b) { return utf16_less(*a, *b); });
      out.push_back('{');
      for (size_t i = 0; i < names.size(); ++i) {
        if (i) out.push_back(',');
        out += Json(*names[i]).dump();
        out.push_back(':');
        TRY(write_canonical(value.at(*names[i]), out));
      }
      out.push_back('}');
      return {};
    }
    case Json::value_t::array:
      out.push_back('[');
      for (size_t i = 0; i < value.size(); ++i) {
        if (i) out.push_back(',');
        TRY(write_canonical(value[i], out));
      }
      out.push_back(']');
      return {};
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned: {
      constexpr int64_t limit = (int64_t(1) << 53) - 1;
      bool fits = value.is_number_unsigned()
                      ? value.get<uint64_t>() <= uint64_t(limit)
                      : value.get<int64_t>() >= -limit && value.get<int64_t>() <= limit;
      if (!fits) return fail(Code::invalid_argument, "json.not_canonical", "an integer beyond 2^53-1");
      out += value.dump();
      return {};
    }
    case Json::value_t::number_float:
      return fail(Code::invalid_argument, "json.not_canonical", "a number with a fraction");
    case Json::value_t::string:
    case Json::value_t::boolean:
    case Json::value_t::null:
      out += value.dump();
      return {};
    default:
      return fail(Code::invalid_argument, "json.not_canonical", "not a JSON value");
  }
}

}  // namespace

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.max_bytes)
    return fail(Code::too_large, "json.too_large", "{} bytes, the limit is {}", text.size(),
                limits.max_bytes);
  Json root;
  StrictSax sax(root, limits.max_depth);
  if (!Json::sax_parse(text.begin(), text.end(), &sax) || sax.error)
    return tl::unexpected(sax.error.value_or(Error{Code::invalid_argument, "json.syntax", {}}));
  return root;
}

Result<std::string> canonical_json(const Json& value) {
  std::string out;
  try {
    TRY(write_canonical(value, out));
  } catch (const Json::exception&) {
    return fail(Code::invalid_argument, "json.not_utf8", "a string is not UTF-8");
  }
  return out;
}

}  // namespace chengxin
