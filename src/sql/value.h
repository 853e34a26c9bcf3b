#pragma once
#include <array>
#include <concepts>
#include <deque>
#include <memory>
#include <optional>
#include <variant>

#include "base/bytes.h"
#include "base/check.h"

// What goes into and comes out of a statement. Three types exist on both databases: 64-bit integer (truth
// values are 0 and 1, times are milliseconds since 1970 UTC), text (UTF-8 without zero bytes) and blob; and
// null.
namespace chengxin::sql {

enum class Type : uint8_t { null, integer, text, blob };

// A value that a row holds.
class Value {
 public:
  Value() = default;
  Value(int64_t value) : held_(value) {}
  Value(std::string value) : held_(std::move(value)) {}
  Value(Bytes value) : held_(std::move(value)) {}

  Type type() const { return Type(held_.index()); }
  int64_t integer() const { return get<int64_t>(); }
  const std::string& text() const { return get<std::string>(); }
  const Bytes& blob() const { return get<Bytes>(); }
  bool operator==(const Value&) const = default;

 private:
  // Tables are strict, so another type than the schema's is a mistake in the statement: a programmer's error.
  template <typename T>
  const T& get() const {
    const T* value = std::get_if<T>(&held_);
    CHECK(value && "a column of another type, or null, was asked for");
    return *value;
  }
  std::variant<std::monostate, int64_t, std::string, Bytes> held_;
};

// A value that is bound to a `?`. Refers to the argument, which must outlive the call it is made for.
class Param {
 public:
  Param(std::nullptr_t) {}
  Param(std::nullopt_t) {}
  template <std::integral Int>
  Param(Int value)
      : type(Type::integer), integer(int64_t(value)), out_of_range(!std::in_range<int64_t>(+value)) {}
  Param(const char* value) : Param(std::string_view(value)) {}
  Param(const std::string& value) : Param(std::string_view(value)) {}
  Param(std::string_view value) : type(Type::text), bytes(value) {}
  Param(ByteView value) : type(Type::blob), bytes(text(value)) {}
  Param(const Bytes& value) : Param(ByteView(value)) {}
  template <size_t N>
  Param(const std::array<uint8_t, N>& value) : Param(ByteView(value)) {}
  Param(const Value& value);
  template <typename T>
  Param(const std::optional<T>& value) : Param(value ? Param(*value) : Param(nullptr)) {
    if (!value) type = Param(T{}).type;
    is_null = !value;
  }

  Type type = Type::null;  // of a null too, where it is known
  bool is_null = type == Type::null;
  int64_t integer = 0;
  bool out_of_range = false;  // an unsigned integer above 2^63-1: the statement fails with sql.out_of_range
  std::string_view bytes;
};
using Params = std::span<const Param>;

// Rows to be written by one statement in one go. Owns what was added.
class Batch {
 public:
  template <typename... Args>
  void add(const Args&... args) {
    CHECK(width_ == 0 || width_ == sizeof...(Args));
    width_ = sizeof...(Args);
    (keep(Param(args)), ...);
  }
  void add_row(Params row) {
    CHECK(width_ == 0 || width_ == row.size());
    width_ = row.size();
    for (const Param& param : row) keep(param);
  }
  size_t width() const { return width_; }
  size_t size() const { return width_ ? params_.size() / width_ : 0; }
  bool empty() const { return params_.empty(); }
  size_t bytes() const { return bytes_; }
  Params row(size_t index) const { return Params(params_).subspan(index * width_, width_); }
  void clear();

 private:
  void keep(Param param);

  size_t width_ = 0, bytes_ = 0;
  std::vector<Param> params_;
  std::deque<std::string> blocks_;  // params_ point into these; a block never grows past its first capacity
};

class Row {
 public:
  using Names = std::shared_ptr<const std::vector<std::string>>;
  Row(std::vector<Value> values, Names names) : values_(std::move(values)), names_(std::move(names)) {}

  size_t size() const { return values_.size(); }
  const std::vector<std::string>& names() const { return *names_; }
  const Value& operator[](size_t index) const { return values_.at(index); }

  bool is_null(size_t index) const { return values_.at(index).type() == Type::null; }
  int64_t integer(size_t index) const { return values_.at(index).integer(); }
  bool truth(size_t index) const { return integer(index) != 0; }
  const std::string& text(size_t index) const { return values_.at(index).text(); }
  const Bytes& blob(size_t index) const { return values_.at(index).blob(); }
  Result<Digest> digest(size_t index) const { return to_digest(blob(index)); }  // base.digest_length
  std::optional<int64_t> optional_integer(size_t index) const {
    return is_null(index) ? std::nullopt : std::optional(integer(index));
  }
  std::optional<std::string> optional_text(size_t index) const {
    return is_null(index) ? std::nullopt : std::optional(text(index));
  }
  std::optional<Bytes> optional_blob(size_t index) const {
    return is_null(index) ? std::nullopt : std::optional(blob(index));
  }
  bool operator==(const Row& other) const { return values_ == other.values_; }

 private:
  std::vector<Value> values_;
  Names names_;
};

}  // namespace chengxin::sql
