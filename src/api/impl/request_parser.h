#pragma once
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chengxin::api {

namespace beast = boost::beast;
namespace http = boost::beast::http;

// Start line and fields of one request; its memory is reused from request to request.
struct Head {
  std::string method, target;
  bool http11 = true, keep_alive = true, chunked = false;
  std::optional<uint64_t> content_length;

  void clear();
  void add(std::string_view name, std::string_view value);
  size_t bytes() const { return arena_.size() + target.size(); }
  std::string_view field(
      std::string_view name) const;  // the first of that name (any case), empty when absent
  size_t count(std::string_view name) const;

 private:
  struct Span {
    uint32_t at, name, value;
  };
  std::string arena_;
  std::vector<Span> fields_;
};

// Beast's parser over our own storage. Refuses what makes two readers of one request disagree: any transfer
// coding but "chunked", and fields after a body.
class RequestParser : public http::basic_parser<true> {
 public:
  RequestParser(Head& head, std::string& body, size_t max_header_bytes)
      : head_(head), body_(body), max_(max_header_bytes) {
    header_limit(uint32_t(max_header_bytes));
    body_limit(boost::none);  // set per route once the header is there
    head_.clear();
  }

 private:
  using Error = boost::system::error_code;
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int version,
                       Error&) override {
    head_.method.assign(method.data(), method.size());
    head_.target.assign(target.data(), target.size());
    head_.http11 = version == 11;
  }
  void on_response_impl(int, beast::string_view, int, Error&) override {}
  void on_field_impl(http::field name, beast::string_view text, beast::string_view value,
                     Error& error) override;
  void on_header_impl(Error&) override { in_header_ = false; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  size_t on_body_impl(beast::string_view bytes, Error&) override {
    body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, Error&) override {}
  size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, Error&) override {
    body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(Error&) override {}

  Head& head_;
  std::string& body_;
  size_t max_;
  bool in_header_ = true;
};

}  // namespace chengxin::api
