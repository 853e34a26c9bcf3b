#include "ethereum/json_rpc.h"

namespace chengxin::ethereum {
namespace {

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string error_text(const Json& id, const RpcError& error) {
  Json told = {{"code", int(error.code)}, {"message", error.message}};
  if (!error.data.is_null()) told["data"] = error.data;
  return dump({{"jsonrpc", "2.0"}, {"id", id}, {"error", std::move(told)}});
}

// Empty: it was a notification.
std::string answer_one(const Json& request, const Dispatch& dispatch) {
  const auto malformed = [](std::string_view why) {
    return error_text({}, {RpcCode::invalid_request, "invalid request: " + std::string(why)});
  };
  if (!request.is_object()) return malformed("not an object");
  const Json id = request.value("id", Json());
  if (!id.is_null() && !id.is_string() && !id.is_number()) return malformed("id");
  const auto version = request.find("jsonrpc"), method = request.find("method");
  if (version == request.end() || *version != "2.0") return malformed("jsonrpc is not \"2.0\"");
  if (method == request.end() || !method->is_string()) return malformed("method");
  const Json params = request.value("params", Json::array());
  const auto result = params.is_array()
                          ? dispatch(*method, params)
                          : Answer<Json>(invalid("parameters are taken by position: an array is wanted"));
  if (!request.contains("id")) return {};
  return result ? dump({{"jsonrpc", "2.0"}, {"id", id}, {"result", *result}})
                : error_text(id, result.error());
}

std::string answer_batch(const Json& requests, const Dispatch& dispatch) {
  if (requests.empty()) return error_text({}, {RpcCode::invalid_request, "empty batch"});
  if (requests.size() > kMaxBatch)
    return error_text({}, {RpcCode::invalid_request, fmt::format("batch of {} requests, at most {} are taken",
                                                                 requests.size(), kMaxBatch)});
  std::string out;
  const Dispatch full = [](const std::string&, const Json&) -> Answer<Json> {
    return refuse(RpcCode::limit_exceeded, "the answers before are {} bytes already", kMaxAnswerBytes);
  };
  for (const Json& each : requests) {
    const std::string one = answer_one(each, out.size() < kMaxAnswerBytes ? dispatch : full);
    if (!one.empty()) out += (out.empty() ? "[" : ",") + one;
  }
  return out.empty() ? out : out + "]";
}

}  // namespace

std::string answer(std::string_view request, const Dispatch& dispatch) {
  const auto parsed = parse_json(request, {.max_bytes = kMaxRequestBytes, .max_depth = 16});
  if (!parsed) return error_text({}, {RpcCode::parse_error, parsed.error().to_string()});
  return parsed->is_array() ? answer_batch(*parsed, dispatch) : answer_one(*parsed, dispatch);
}

}  // namespace chengxin::ethereum
