#include "pack/grammar.h"

namespace chengxin::pack {
namespace {

using Kind = Shape::Kind;

constexpr std::string_view kName = "^[a-z][a-z0-9_]{0,62}$";
constexpr std::string_view kKey = "^[a-z][a-z0-9_]{0,62}(\\.[a-z][a-z0-9_]{0,62})*$";
constexpr std::string_view kCode = "^[A-Za-z0-9_.-]{1,63}$";

class Writer {
 public:
  Json write(const Shape& shape) {
    if (shape.id.empty()) return body(shape);
    const std::string id(shape.id);
    if (!definitions_.contains(id)) {
      definitions_[id] = nullptr;  // it may name itself
      Json made = body(shape);
      definitions_[id] = std::move(made);
    }
    return {{"$ref", "#/$defs/" + id}};
  }
  const Json& definitions() const { return definitions_; }

 private:
  static Json with_pattern(std::string_view pattern) {
    return {{"type", "string"}, {"pattern", std::string(pattern)}};
  }

  static Json names(const Shape& shape) {
    return with_pattern(shape.kind == Kind::code ? kCode : shape.kind == Kind::key ? kKey : kName);
  }

  static Json choice(const Shape& shape) {
    Json words = Json::array();
    for (const std::string_view word : shape.words) words.push_back(std::string(word));
    if (words == Json::array({"true"})) return {{"const", true}};
    return {{"enum", std::move(words)}};
  }

  Json object(const Shape& shape) {
    Json properties = Json::object(), required = Json::array(), options = Json::array(), depends;
    for (const Row& row : shape.rows) {
      const std::string name(row.name);
      properties[name] = write(*row.shape);
      properties[name]["description"] = fmt::format("{} · {}", row.zh, row.en);
      if (row.required) required.push_back(name);
      if (row.only_with.empty()) continue;
      Json with = Json::array();
      for (std::string_view rest = row.only_with; !rest.empty();) {
        const size_t end = rest.find(' ');
        with.push_back({{"required", {std::string(rest.substr(0, end))}}});
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      }
      depends[name] = {{"anyOf", std::move(with)}};
    }
    for (const std::string_view name : shape.one_of) options.push_back({{"required", {std::string(name)}}});
    Json out = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
    if (!required.empty()) out["required"] = std::move(required);
    if (!options.empty()) out["oneOf"] = std::move(options);
    if (!depends.empty()) out["dependentSchemas"] = std::move(depends);
    return out;
  }

  Json body(const Shape& shape) {
    switch (shape.kind) {
      case Kind::name:
      case Kind::code:
      case Kind::key:
        return names(shape);
      case Kind::whole:
        return {{"type", "integer"}, {"minimum", shape.least}, {"maximum", shape.most}};
      case Kind::decimal:
        return {{"type", {"number", "string"}}};
      case Kind::flag:
        return {{"type", "boolean"}};
      case Kind::date:
        return with_pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$");
      case Kind::duration:
        return with_pattern("^[1-9][0-9]{0,3} (minute|hour|day|workday)s?$");
      case Kind::version:
        return with_pattern("^[0-9]+\\.[0-9]+\\.[0-9]+$");
      case Kind::choice:
        return choice(shape);
      case Kind::constant:
        return {{"type", {"string", "number", "boolean"}}};
      case Kind::object:
        return object(shape);
      case Kind::map:
        return {{"type", "object"},
                {"minProperties", 1},
                {"maxProperties", shape.most},
                {"propertyNames", names(*shape.names)},
                {"additionalProperties", write(*shape.of)}};
      case Kind::list:
        return {{"type", "array"}, {"minItems", 1}, {"maxItems", shape.most}, {"items", write(*shape.of)}};
      case Kind::either: {
        Json any = Json::array();
        for (const Shape* each : shape.either) any.push_back(write(*each));
        return {{"anyOf", std::move(any)}};
      }
      default:  // what looks like a number or a flag in YAML is a text here all the same
        return {{"type", {"string", "number", "boolean"}}};
    }
  }

  Json definitions_ = Json::object();
};

}  // namespace

Json grammar_schema(const FileKind& kind) {
  Writer writer;
  Json out = writer.write(*kind.shape);
  out["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  out["$id"] = fmt::format("urn:chengxin:pack:{}", kind.kind);
  out["title"] = fmt::format("{} · {}", kind.zh, kind.en);
  out["$defs"] = writer.definitions();
  return out;
}

}  // namespace chengxin::pack
