#include "contract/abi.h"
#include "contract/impl/word.h"

namespace chengxin::contract {
namespace {

using Kind = Type::Kind;

template <typename... Args>
tl::unexpected<Error> bad(std::string_view reason, fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::invalid_argument, reason, format, std::forward<Args>(args)...);
}

// Arrays and tuples as a list of types: heads in order, then tails in order.
struct Items {
  const Type& of;
  size_t count;
  const Type& operator[](size_t i) const {
    return of.kind == Kind::array ? of.element[0] : of.members[i].type;
  }
};

size_t padded(size_t bytes) { return (bytes + 31) / 32 * 32; }

class Encoder {
 public:
  Status value(const Type& type, const Json& json, Bytes& out) {
    switch (type.kind) {
      case Kind::array:
        return array(type, json, out);
      case Kind::tuple:
        return tuple(type, json, out);
      case Kind::string:
        if (!json.is_string()) return wrong(type, json);
        return blob(view(json.get_ref<const std::string&>()), out);
      case Kind::bytes: {
        ASSIGN(Bytes bytes, from_hex(type, json));
        return blob(bytes, out);
      }
      default: {
        ASSIGN(Word word, single(type, json));
        append(out, word);
        return {};
      }
    }
  }

 private:
  static tl::unexpected<Error> wrong(const Type& type, const Json& json) {
    return bad("contract.abi.value", "{} is no {}",
               json.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80), type_name(type));
  }

  static Result<Bytes> from_hex(const Type& type, const Json& json) {
    if (!json.is_string()) return wrong(type, json);
    std::string_view text = json.get_ref<const std::string&>();
    if (!text.starts_with("0x")) return wrong(type, json);
    auto bytes = unhex(text.substr(2));
    if (!bytes) return wrong(type, json);
    return bytes;
  }

  static Result<Word> single(const Type& type, const Json& json) {
    Word word{};
    if (type.kind == Kind::boolean) {
      if (!json.is_boolean()) return wrong(type, json);
      word[31] = json.get<bool>();
      return word;
    }
    if (type.kind == Kind::uint || type.kind == Kind::integer) {
      if (!json.is_string() && !json.is_number_integer()) return wrong(type, json);
      const std::string digits = json.is_string() ? json.get<std::string>() : json.dump();
      auto number = from_decimal(digits, type.size, type.kind == Kind::integer);
      if (!number) return wrong(type, json);
      return *number;
    }
    ASSIGN(Bytes bytes, from_hex(type, json));
    size_t length = type.kind == Kind::address ? 20 : type.size;
    if (bytes.size() != length) return wrong(type, json);
    std::copy(bytes.begin(), bytes.end(), word.begin() + (type.kind == Kind::address ? 12 : 0));
    return word;
  }

  static Status blob(ByteView bytes, Bytes& out) {
    append(out, word_of(bytes.size()));
    append(out, bytes);
    out.resize(out.size() + padded(bytes.size()) - bytes.size());
    return {};
  }

  template <typename ValueAt>
  Status sequence(Items items, const ValueAt& value_at, Bytes& out) {
    size_t heads = 0;
    for (size_t i = 0; i < items.count; ++i) heads += head_bytes(items[i]);
    Bytes tails;
    for (size_t i = 0; i < items.count; ++i) {
      bool dynamic = is_dynamic(items[i]);
      if (dynamic) append(out, word_of(heads + tails.size()));
      TRY(value(items[i], value_at(i), dynamic ? tails : out));
    }
    append(out, tails);
    return {};
  }

  Status array(const Type& type, const Json& json, Bytes& out) {
    if (!json.is_array() || (type.size && json.size() != type.size)) return wrong(type, json);
    if (!type.size) append(out, word_of(json.size()));
    return sequence(
        {type, json.size()}, [&](size_t i) -> const Json& { return json[i]; }, out);
  }

  Status tuple(const Type& type, const Json& json, Bytes& out) {
    if (!json.is_structured() || json.size() != type.members.size()) return wrong(type, json);
    if (json.is_object())
      for (const Parameter& member : type.members)
        if (!json.contains(member.name)) return wrong(type, json);
    return sequence(
        {type, json.size()},
        [&](size_t i) -> const Json& { return json.is_array() ? json[i] : json[type.members[i].name]; }, out);
  }
};

class Decoder {
 public:
  // Not `building`: values are looked at and come out as null.
  explicit Decoder(ByteView bytes, bool building = true) : bytes_(bytes), building_(building) {}

  // The value at `at`, which moves behind it and its tails.
  Result<Json> value(const Type& type, size_t& at) {
    switch (type.kind) {
      case Kind::array: {
        size_t count = type.size;
        if (!count) {
          ASSIGN(count, length(at));
        }
        return sequence({type, count}, at);
      }
      case Kind::tuple:
        return sequence({type, type.members.size()}, at);
      case Kind::bytes:
      case Kind::string:
        return blob(type, at);
      default:
        return single(type, at);
    }
  }

 private:
  Result<Word> word(size_t& at) {
    if (at > bytes_.size() || bytes_.size() - at < 32)
      return bad("contract.abi.length", "ends in the word at {}", at);
    Word word;
    std::memcpy(word.data(), bytes_.data() + at, 32);
    at += 32;
    return word;
  }

  // A length, which never exceeds the bytes there are.
  Result<size_t> length(size_t& at) {
    ASSIGN(Word found, word(at));
    auto size = size_of(found);
    if (!size || *size > bytes_.size())
      return bad("contract.abi.length", "the length at {} is above what is there", at - 32);
    return *size;
  }

  Result<Json> single(const Type& type, size_t& at) {
    ASSIGN(Word found, word(at));
    auto padding = [&] {
      return bad("contract.abi.padding", "the word at {} is no {}", at - 32, type_name(type));
    };
    switch (type.kind) {
      case Kind::boolean:
        if (found != word_of(found[31]) || found[31] > 1) return padding();
        if (!building_) return Json();
        return Json(found[31] == 1);
      case Kind::uint:
      case Kind::integer:
        if (!fits(found, type.size, type.kind == Kind::integer)) return padding();
        if (!building_) return Json();
        return Json(to_decimal(found, type.kind == Kind::integer));
      case Kind::address:
        if (!fits(found, 160, false)) return padding();
        if (!building_) return Json();
        return Json("0x" + hex(ByteView(found).subspan(12)));
      default:
        for (size_t i = type.size; i < 32; ++i)
          if (found[i]) return padding();
        if (!building_) return Json();
        return Json("0x" + hex(ByteView(found).first(type.size)));
    }
  }

  Result<Json> blob(const Type& type, size_t& at) {
    ASSIGN(size_t size, length(at));
    if (bytes_.size() - at < padded(size)) return bad("contract.abi.length", "ends in the bytes at {}", at);
    ByteView content = bytes_.subspan(at, size);
    for (size_t i = size; i < padded(size); ++i)
      if (bytes_[at + i]) return bad("contract.abi.padding", "behind the bytes at {}", at);
    at += padded(size);
    if (type.kind == Kind::string && !is_utf8(text(content)))
      return bad("contract.abi.utf8", "the string at {}", at - padded(size));
    if (!building_) return Json();
    return type.kind == Kind::string ? Json(text(content)) : Json("0x" + hex(content));
  }

  Result<Json> sequence(Items items, size_t& at) {
    const size_t base = at;
    size_t head = base, tail = base;
    for (size_t i = 0; i < items.count; ++i) {
      tail += head_bytes(items[i]);
      if (tail > bytes_.size()) return bad("contract.abi.length", "ends in the values at {}", base);
    }
    const bool named = building_ && all_named(items.of);
    Json out;
    if (building_) out = named ? Json::object() : Json::array();
    for (size_t i = 0; i < items.count; ++i) {
      bool dynamic = is_dynamic(items[i]);
      if (dynamic) {
        ASSIGN(Word offset, word(head));
        if (offset != word_of(tail - base))
          return bad("contract.abi.offset", "the offset at {} is not {}", head - 32, tail - base);
      }
      ASSIGN(Json item, value(items[i], dynamic ? tail : head));
      if (!building_) continue;
      if (named)
        out[items.of.members[i].name] = std::move(item);
      else
        out.push_back(std::move(item));
    }
    at = tail;
    return out;
  }

  static bool all_named(const Type& type) {
    if (type.kind != Kind::tuple || type.members.empty()) return false;
    for (size_t i = 0; i < type.members.size(); ++i) {
      if (type.members[i].name.empty()) return false;
      for (size_t j = 0; j < i; ++j)
        if (type.members[i].name == type.members[j].name) return false;
    }
    return true;
  }

  ByteView bytes_;
  const bool building_;
};

Status nothing_follows(size_t at, ByteView bytes) {
  if (at == bytes.size()) return {};
  return bad("contract.abi.trailing", "{} bytes follow the values", bytes.size() - at);
}

}  // namespace

Type list_of(const std::vector<Parameter>& parameters) {
  return {.kind = Kind::tuple, .size = 0, .element = {}, .members = parameters, .name = {}};
}

Status check(const Type& list, ByteView bytes) {
  size_t at = 0;
  TRY(Decoder(bytes, false).value(list, at));
  return nothing_follows(at, bytes);
}

Result<Bytes> encode(const std::vector<Parameter>& parameters, const Json& values) {
  Bytes out;
  TRY(Encoder().value(list_of(parameters), values, out));
  return out;
}

Result<Json> decode(const std::vector<Parameter>& parameters, ByteView bytes) {
  Type list = list_of(parameters);
  for (Parameter& parameter : list.members) parameter.name.clear();
  size_t at = 0;
  ASSIGN(Json values, Decoder(bytes).value(list, at));
  TRY(nothing_follows(at, bytes));
  return values;
}

}  // namespace chengxin::contract
