#include "api/describe.h"

namespace chengxin::api {

Result<host::ChainPtr> chain_of(const Call& call) {
  return call.app.services.host->find(call.path.text("chain"));
}

Json describe_header(const format::Header& header, const Digest& hash) {
  return {{"height", header.height},
          {"hash", hex(hash)},
          {"time_ms", header.time_ms},
          {"previous", hex(header.previous)},
          {"log_size", header.log_size},
          {"log_root", hex(header.log_root)},
          {"state_root", hex(header.state_root)},
          {"validators_hash", hex(header.validators_hash)}};
}

Json describe_receipt(const Digest& transaction, ByteView bytes, const format::Receipt& receipt) {
  return {{"transaction", hex(transaction)},
          {"status", receipt.status},
          {"accepted", receipt.status == 0},
          {"gas", receipt.gas},
          {"height", receipt.height},
          {"time_ms", receipt.time_ms},
          {"events_digest", hex(receipt.events_digest)},
          {"output_digest", hex(receipt.output_digest)},
          {"bytes", base64(bytes)}};
}

Response page(const Call& call, Json items, const std::string& next) {
  Json body = {{"items", std::move(items)}};
  if (!next.empty()) body["next"] = next;
  Response response = json_response(body);
  if (next.empty()) return response;
  std::string link(call.target.substr(0, call.target.find('?')));
  char separator = '?';
  std::string_view query =
      call.target.size() > link.size() ? call.target.substr(link.size() + 1) : std::string_view();
  while (!query.empty()) {
    std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    if (part.starts_with("cursor=")) continue;
    link += separator;
    link += part;
    separator = '&';
  }
  response.headers.emplace_back("Link", fmt::format("<{}{}cursor={}>; rel=\"next\"", link, separator, next));
  return response;
}

std::vector<Parameter> page_parameters(std::vector<Parameter> others) {
  others.push_back({"limit",
                    {{"type", "integer"}, {"minimum", 1}, {"maximum", 500}, {"default", 50}},
                    {"每页条数", "Items a page"}});
  others.push_back({"cursor",
                    {{"type", "string"}, {"minLength", 1}, {"maxLength", 512}},
                    {"上一页的 next", "`next` of the page before"}});
  return others;
}

Json text_schema() { return {{"type", "string"}}; }
Json sm3_schema() { return {{"type", "string"}, {"format", "sm3"}}; }
Json hex_schema() { return {{"type", "string"}, {"format", "hex"}}; }
Json integer_schema() { return {{"type", "integer"}, {"minimum", 0}}; }
Json list_schema(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

Json object_schema(Json properties, std::vector<std::string> required) {
  Json out = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) out["required"] = required;
  return out;
}

Json page_schema(std::string_view item) {
  return object_schema({{"items", list_schema(reference(item))}, {"next", text_schema()}}, {"items"});
}

Json enum_schema(std::vector<std::string> values) { return {{"type", "string"}, {"enum", values}}; }

}  // namespace chengxin::api
