#include "api/route.h"
#include "base/percent.h"

namespace chengxin::api {
namespace {

// Splits without copying; "a//b" gives an empty part.
template <typename Each>
void split(std::string_view text, char separator, Each each) {
  for (;;) {
    size_t end = text.find(separator);
    each(text.substr(0, end));
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

// Well-formed UTF-8 without control characters (RFC 3629: no surrogates, no overlong forms).
bool is_clean_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x20 || lead == 0x7f) return false;
    size_t length = lead < 0x80                   ? 1
                    : lead >= 0xc2 && lead < 0xe0 ? 2
                    : (lead & 0xf0) == 0xe0       ? 3
                    : lead >= 0xf0 && lead < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || i + length > text.size()) return false;
    uint32_t point = length == 1 ? lead : lead & (0x7f >> length);
    for (size_t k = 1; k < length; ++k) {
      auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3f);
    }
    if ((length == 3 && point < 0x800) || (length == 4 && (point < 0x10000 || point > 0x10ffff)))
      return false;
    if (point >= 0xd800 && point < 0xe000) return false;
    i += length;
  }
  return true;
}

Result<std::string> decoded(std::string_view text, bool plus_is_space) {
  auto out = percent_decode(text, plus_is_space);
  if (!out) return fail(Code::invalid_argument, "api.bad_path", "a broken percent escape");
  if (!is_clean_utf8(*out))
    return fail(Code::invalid_argument, "api.bad_path", "not UTF-8, or a control character");
  return *std::move(out);
}

Status parse_path(std::string_view path, std::vector<std::string>& segments) {
  if (path.empty() || path[0] != '/')
    return fail(Code::invalid_argument, "api.bad_path", "a path begins with /");
  path.remove_prefix(1);
  if (path.empty()) return {};
  Status status;
  split(path, '/', [&](std::string_view part) {
    if (!status) return;
    auto segment = decoded(part, false);
    if (!segment) {
      status = tl::unexpected(segment.error());
    } else if (segment->empty() || *segment == "." || *segment == ".." ||
               segment->find_first_of("/\\") != std::string::npos) {
      status = fail(Code::invalid_argument, "api.bad_path", "an empty, dot or slash-bearing segment");
    } else {
      segments.push_back(std::move(*segment));
    }
  });
  return status;
}

Status parse_query(std::string_view query, std::vector<std::pair<std::string, std::string>>& pairs) {
  Status status;
  split(query, '&', [&](std::string_view part) {
    if (!status || part.empty()) return;
    size_t equals = part.find('=');
    auto name = decoded(part.substr(0, equals), true);
    auto value = decoded(equals == part.npos ? std::string_view() : part.substr(equals + 1), true);
    if (!name || !value) {
      status = tl::unexpected(Error{Code::invalid_argument, "api.bad_path", "the query is not well-formed"});
    } else {
      pairs.emplace_back(std::move(*name), std::move(*value));
    }
  });
  return status;
}

}  // namespace

Result<Target> parse_target(std::string_view target) {
  Target out;
  size_t question = target.find('?');
  TRY(parse_path(target.substr(0, question), out.segments));
  if (question != target.npos) TRY(parse_query(target.substr(question + 1), out.query));
  return out;
}

std::string_view method_name(Method method) {
  constexpr std::string_view names[] = {"GET", "POST", "PUT", "DELETE"};
  return names[int(method)];
}

std::vector<std::string> Router::parameter_names(std::string_view path) {
  std::vector<std::string> names;
  split(path.substr(1), '/', [&](std::string_view part) {
    if (!part.empty() && part.front() == '{') names.emplace_back(part.substr(1, part.size() - 2));
  });
  return names;
}

Router::Router(const std::vector<Route>& routes) {
  for (const Route& route : routes) {
    Node* node = &root_;
    split(std::string_view(route.path).substr(1), '/', [&](std::string_view part) {
      auto& next = part.front() == '{' ? node->parameter : node->literals[std::string(part)];
      if (!next) next = std::make_unique<Node>();
      node = next.get();
    });
    CHECK(node->routes.emplace(route.method, &route).second);
    if (route.takes_rest)
      rest_.emplace_back(std::string_view(route.path).substr(0, route.path.find('{')), &route);
  }
}

Result<Router::Match> Router::find_rest(Method method, std::string_view target) const {
  Match match;
  for (const auto& [before, route] : rest_) {
    if (method != route->method || !target.starts_with(before)) continue;
    ASSIGN(std::string rest, decoded(target.substr(before.size()), false));
    match.route = route;
    match.values = {std::move(rest)};
  }
  return match;
}

Router::Match Router::find(Method method, const std::vector<std::string>& segments) const {
  Match match;
  const Node* node = &root_;
  for (const auto& segment : segments) {
    if (auto literal = node->literals.find(segment); literal != node->literals.end()) {
      node = literal->second.get();
    } else if (node->parameter) {
      node = node->parameter.get();
      match.values.push_back(segment);
    } else {
      return match;
    }
  }
  if (auto found = node->routes.find(method); found != node->routes.end()) {
    match.route = found->second;
  } else {
    for (auto& [other, route] : node->routes) match.allowed.push_back(other);
  }
  return match;
}

}  // namespace chengxin::api
