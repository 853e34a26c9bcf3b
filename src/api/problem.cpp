#include "api/problem.h"

#include "texts/texts.h"

namespace chengxin::api {
namespace {

// Where HTTP has a status of its own that a Code cannot name.
constexpr std::pair<std::string_view, int> kByReason[] = {
    {"api.method_not_allowed", 405}, {"api.timeout", 408},      {"api.length_required", 411},
    {"api.uri_too_long", 414},       {"api.media_type", 415},   {"api.host_refused", 421},
    {"api.header_too_large", 431},   {"api.http_version", 505},
};

int by_code(Code code) {
  switch (code) {
    case Code::invalid_argument:
      return 400;
    case Code::unauthenticated:
      return 401;
    case Code::forbidden:
      return 403;
    case Code::not_found:
      return 404;
    case Code::conflict:
      return 409;
    case Code::gone:
      return 410;
    case Code::too_large:
      return 413;
    case Code::busy:
      return 429;
    case Code::unavailable:
      return 503;
    case Code::unsupported:
      return 501;
    case Code::data_loss:
    case Code::internal:
      break;
  }
  return 500;
}

}  // namespace

int http_status(const Error& error) {
  for (auto& [reason, status] : kByReason)
    if (error.reason == reason) return status;
  return by_code(error.code);
}

Response problem(const Error& error, std::string_view request_id) {
  int status = http_status(error);
  Json body = {{"type", "/problems/" + error.reason},
               {"title", texts::reason(error.reason, texts::Language::zh)},
               {"title_en", texts::reason(error.reason, texts::Language::en)},
               {"status", status},
               {"reason", error.reason},
               {"request_id", request_id}};
  if (!error.detail.empty()) body["detail"] = error.detail;
  Response response = json_response(body, status);
  response.type = "application/problem+json";
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 429 || status == 503)
    response.headers.emplace_back("Retry-After",
                                  std::to_string(std::max(1, (error.retry_after_ms + 999) / 1000)));
  return response;
}

std::string_view status_text(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 303:
      return "See Other";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

}  // namespace chengxin::api
