#pragma once
#include <optional>

#include "base/check.h"
#include "base/json.h"
#include "format/impl/canonical.h"

// Messages that are told once: a struct with
//   template <class Self, class F> static void fields(Self& self, F& f) { f("name", self.name); … }
// gets its bytes and its JSON from that list. The bytes are protobuf in the canonical spelling of
// docs/formats/chain.md, the fields numbered from 1 to 15 in the order of the list. Members: numbers, bool,
// enums, Flags, arrays of bytes (always there), Bytes, text, further structs, vectors of any of these but
// numbers, and optional arrays or structs.
namespace chengxin::format {

// An enum of consecutive numbers from 1 specialises this: static constexpr std::string_view names[].
template <typename Enum>
struct EnumNames;

template <typename Enum>
std::string_view name_of(Enum value) requires requires {
  EnumNames<Enum>::names;
}
{ return EnumNames<Enum>::names[size_t(value) - 1]; }
template <typename Enum>
std::optional<Enum> enum_named(std::string_view name) {
  for (size_t i = 0; i < std::size(EnumNames<Enum>::names); ++i)
    if (EnumNames<Enum>::names[i] == name) return Enum(i + 1);
  return {};
}

// A set of such an enum's values: a number whose bit n - 1 stands for the value n; in JSON the list of names.
template <typename Enum>
struct Flags {
  uint32_t bits = 0;
  static constexpr uint32_t kAll = (1u << std::size(EnumNames<Enum>::names)) - 1;
  constexpr Flags() = default;
  constexpr Flags(std::initializer_list<Enum> values) {
    for (Enum each : values) bits |= bit(each);
  }
  static constexpr Flags all() {
    Flags out;
    out.bits = kAll;
    return out;
  }
  static constexpr uint32_t bit(Enum value) { return 1u << (uint32_t(value) - 1); }
  constexpr bool has(Enum value) const { return bits & bit(value); }
  constexpr bool empty() const { return bits == 0; }
  bool operator==(const Flags&) const = default;
};

namespace fields {

template <typename T>
inline constexpr bool is_flags = false;
template <typename Enum>
inline constexpr bool is_flags<Flags<Enum>> = true;
template <typename T>
inline constexpr bool is_array = false;
template <size_t N>
inline constexpr bool is_array<std::array<uint8_t, N>> = true;
template <typename T>
inline constexpr bool is_vector = false;
template <typename T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <typename T>
inline constexpr bool is_optional = false;
template <typename T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <typename T>
inline constexpr bool is_number = std::is_integral_v<T>;
template <typename T>
concept Enumerated = std::is_enum_v<T>;

// Protocol Buffers documentation, "Encoding".
inline void put_varint(Bytes& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(uint8_t(value | 0x80));
  out.push_back(uint8_t(value));
}

class Encoder {
 public:
  template <typename T>
  void operator()(std::string_view, const T& value) {
    ++number_;
    put(value);
  }
  Bytes take() { return std::move(out_); }

  template <typename T>
  static Bytes message(const T& value) {
    Encoder encoder;
    T::fields(value, encoder);
    return encoder.take();
  }

 private:
  template <typename T>
  static Bytes element(const T& value) {
    if constexpr (std::is_same_v<T, std::string>)
      return to_bytes(chengxin::view(value));
    else if constexpr (std::is_same_v<T, Bytes> || is_array<T>)
      return Bytes(value.begin(), value.end());
    else
      return message(value);
  }
  void sized(ByteView bytes) {
    out_.push_back(uint8_t(number_ << 3 | 2));
    put_varint(out_, bytes.size());
    append(out_, bytes);
  }
  template <typename T>
  void put(const T& value) {
    if constexpr (is_optional<T>) {
      if (value) put(*value);
    } else if constexpr (is_flags<T>) {
      put(value.bits);
    } else if constexpr (is_number<T> || Enumerated<T>) {
      if (uint64_t(value) == 0) return;
      out_.push_back(uint8_t(number_ << 3));
      put_varint(out_, uint64_t(value));
    } else if constexpr (is_vector<T> && !std::is_same_v<T, Bytes>) {
      for (const auto& each : value) sized(element(each));
    } else {
      const Bytes bytes = element(value);
      if (!bytes.empty()) sized(bytes);
    }
  }

  int number_ = 0;
  Bytes out_;
};

class Decoder {
 public:
  explicit Decoder(ByteView message) : in_(message) {}
  template <typename T>
  void operator()(std::string_view, T& value) {
    ++number_;
    get(value);
  }
  bool done() const { return ok_ && in_.done(); }

  template <typename T>
  static bool message(ByteView bytes, T& value) {
    Decoder decoder(bytes);
    T::fields(value, decoder);
    return decoder.done();
  }

 private:
  template <typename T>
  static bool element(ByteView bytes, T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      value = to_string(bytes);
      return Canonical::is_utf8(bytes);
    } else if constexpr (std::is_same_v<T, Bytes>) {
      value = to_bytes(bytes);
      return true;
    } else if constexpr (is_array<T>) {
      if (bytes.size() != value.size()) return false;
      std::copy(bytes.begin(), bytes.end(), value.begin());
      return true;
    } else {
      return message(bytes, value);
    }
  }
  template <typename T>
  void get(T& value) {
    if constexpr (is_optional<T>) {
      const ByteView bytes = in_.bytes(number_);
      if (!bytes.empty()) ok_ = element(bytes, value.emplace()) && ok_;
    } else if constexpr (is_flags<T>) {
      value.bits = uint32_t(in_.number(number_, T::kAll));
    } else if constexpr (is_number<T>) {
      value = T(in_.number(number_, uint64_t(std::numeric_limits<T>::max())));
    } else if constexpr (Enumerated<T>) {
      value = T(in_.number(number_, std::size(EnumNames<T>::names)));
      ok_ = ok_ && uint64_t(value) != 0;
    } else if constexpr (is_vector<T> && !std::is_same_v<T, Bytes>) {
      while (in_.more(number_)) ok_ = element(in_.element(), value.emplace_back()) && ok_;
    } else {
      ok_ = element(in_.bytes(number_), value) && ok_;
    }
  }

  Canonical in_;
  int number_ = 0;
  bool ok_ = true;
};

// Bytes as lower-case hex, enums by name; what is empty is there too, an optional member that is absent is
// not.
class JsonWriter {
 public:
  template <typename T>
  void operator()(const char* name, const T& value) {
    if constexpr (is_optional<T>) {
      if (value) out_[name] = json(*value);
    } else {
      out_[name] = json(value);
    }
  }
  template <typename T>
  static Json json(const T& value) {
    if constexpr (is_number<T> || std::is_same_v<T, std::string>) {
      return value;
    } else if constexpr (Enumerated<T>) {
      return size_t(value) == 0 ? std::string_view() : name_of(value);
    } else if constexpr (is_flags<T>) {
      return flags(value);
    } else if constexpr (std::is_same_v<T, Bytes> || is_array<T>) {
      return hex(value);
    } else if constexpr (is_vector<T>) {
      Json out = Json::array();
      for (const auto& each : value) out.push_back(json(each));
      return out;
    } else {
      JsonWriter writer;
      T::fields(value, writer);
      return std::move(writer.out_);
    }
  }

 private:
  template <typename Enum>
  static Json flags(const Flags<Enum>& value) {
    Json out = Json::array();
    for (size_t i = 1; i <= std::size(EnumNames<Enum>::names); ++i)
      if (value.has(Enum(i))) out.push_back(name_of(Enum(i)));
    return out;
  }

  Json out_ = Json::object();
};

// Members may be left out; what they are then is what the struct says. Unknown members are refused.
class JsonReader {
 public:
  explicit JsonReader(const Json& in) : in_(in) {}
  template <typename T>
  void operator()(const char* name, T& value) {
    if (!wrong_.empty() || !in_.contains(name)) return;
    ++seen_;
    if (!read(in_[name], value)) wrong_ = name;
  }
  template <typename T>
  static bool object(const Json& json, T& value, std::string* wrong = nullptr) {
    if (!json.is_object()) return false;
    JsonReader reader(json);
    T::fields(value, reader);
    if (reader.wrong_.empty() && reader.seen_ != json.size()) reader.wrong_ = "a member that is not known";
    if (wrong) *wrong = reader.wrong_;
    return reader.wrong_.empty();
  }

 private:
  template <typename T>
  static bool read(const Json& json, T& value) {
    if constexpr (is_optional<T>) {
      return read(json, value.emplace());
    } else if constexpr (is_flags<T>) {
      return read_flags(json, value);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (json.is_boolean()) value = json.get<bool>();
      return json.is_boolean();
    } else if constexpr (is_number<T>) {
      if (!json.is_number_unsigned() || json.get<uint64_t>() > uint64_t(std::numeric_limits<T>::max()))
        return false;
      value = json.get<T>();
      return true;
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (json.is_string()) value = json.get<std::string>();
      return json.is_string();
    } else if constexpr (is_vector<T> && !std::is_same_v<T, Bytes>) {
      if (!json.is_array()) return false;
      for (const Json& each : json)
        if (!read(each, value.emplace_back())) return false;
      return true;
    } else if constexpr (Enumerated<T> || std::is_same_v<T, Bytes> || is_array<T>) {
      return json.is_string() && from_text(json.get_ref<const std::string&>(), value);
    } else {
      return object(json, value);
    }
  }
  template <typename Enum>
  static bool read_flags(const Json& json, Flags<Enum>& value) {
    if (!json.is_array()) return false;
    value = {};
    for (const Json& each : json) {
      const auto named =
          each.is_string() ? enum_named<Enum>(each.get_ref<const std::string&>()) : std::nullopt;
      if (!named) return false;
      value.bits |= Flags<Enum>::bit(*named);
    }
    return true;
  }
  template <typename T>
  static bool from_text(const std::string& text, T& value) {
    if constexpr (Enumerated<T>) {
      const auto named = enum_named<T>(text);
      if (named) value = *named;
      return named.has_value();
    } else {
      const auto bytes = unhex(text);
      if (!bytes) return false;
      if constexpr (is_array<T>) {
        if (bytes->size() != value.size()) return false;
        std::copy(bytes->begin(), bytes->end(), value.begin());
      } else {
        value = *bytes;
      }
      return true;
    }
  }

  const Json& in_;
  size_t seen_ = 0;
  std::string wrong_;
};

}  // namespace fields
}  // namespace chengxin::format
