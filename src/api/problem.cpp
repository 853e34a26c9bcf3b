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

// The first is for those that are not in the table.
constexpr StatusText kStatuses[] = {
    {500, "Internal Server Error", "内部错误"},
    {200, "OK", "成功"},
    {201, "Created", "已创建"},
    {202, "Accepted", "已受理"},
    {204, "No Content", "成功，无内容"},
    {303, "See Other", "见另一地址"},
    {400, "Bad Request", "请求有误"},
    {401, "Unauthorized", "未认证"},
    {403, "Forbidden", "不允许"},
    {404, "Not Found", "不存在"},
    {405, "Method Not Allowed", "方法不允许"},
    {408, "Request Timeout", "请求超时"},
    {409, "Conflict", "冲突"},
    {410, "Gone", "已不再提供"},
    {411, "Length Required", "缺少长度"},
    {413, "Content Too Large", "内容过大"},
    {414, "URI Too Long", "地址过长"},
    {415, "Unsupported Media Type", "不支持的内容类型"},
    {421, "Misdirected Request", "不是本机的名称"},
    {429, "Too Many Requests", "请求过多，请稍后重试"},
    {431, "Request Header Fields Too Large", "请求头过大"},
    {501, "Not Implemented", "不支持"},
    {503, "Service Unavailable", "暂时不可用"},
    {505, "HTTP Version Not Supported", "不支持的 HTTP 版本"},
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

const StatusText& status_text(int status) {
  for (const auto& one : kStatuses)
    if (one.status == status) return one;
  return kStatuses[0];
}

}  // namespace chengxin::api
