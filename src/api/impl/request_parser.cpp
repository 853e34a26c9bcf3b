#include "api/impl/request_parser.h"

#include <boost/beast/core/string.hpp>

namespace chengxin::api {

void Head::clear() {
  method.clear();
  target.clear();
  arena_.clear();
  fields_.clear();
  http11 = keep_alive = true;
  chunked = false;
  content_length.reset();
}

void Head::add(std::string_view name, std::string_view value) {
  fields_.push_back({uint32_t(arena_.size()), uint32_t(name.size()), uint32_t(value.size())});
  arena_.append(name).append(value);
}

std::string_view Head::field(std::string_view name) const {
  std::string_view all = arena_;
  for (const Span& span : fields_)
    if (span.name == name.size() && beast::iequals(all.substr(span.at, span.name), name))
      return all.substr(span.at + span.name, span.value);
  return {};
}

size_t Head::count(std::string_view name) const {
  std::string_view all = arena_;
  size_t found = 0;
  for (const Span& span : fields_)
    found += span.name == name.size() && beast::iequals(all.substr(span.at, span.name), name);
  return found;
}

void RequestParser::on_field_impl(http::field name, beast::string_view text, beast::string_view value,
                                  Error& error) {
  if (!in_header_ || (name == http::field::transfer_encoding && !beast::iequals(value, "chunked"))) {
    error = http::error::bad_transfer_encoding;
    return;
  }
  head_.add({text.data(), text.size()}, {value.data(), value.size()});
  if (head_.bytes() > max_) error = http::error::header_limit;
}

}  // namespace chengxin::api
