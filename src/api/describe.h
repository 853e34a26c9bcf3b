#pragma once
#include "api/app.h"
#include "host/host.h"

// How things look in JSON, and helpers that several resources share.
namespace chengxin::api {

// The chain that the path names. chain.not_found.
Result<host::ChainPtr> chain_of(const Call& call);

Json describe_header(const format::Header& header, const Digest& hash);
Json describe_receipt(const Digest& transaction, ByteView bytes, const format::Receipt& receipt);

// One page of a list. A `next` that is not empty is handed out as the cursor of the following page.
Response page(const Call& call, Json items, const std::string& next);
inline int64_t page_limit(const Call& call) { return call.query.number("limit", 50); }
std::vector<Parameter> page_parameters(std::vector<Parameter> others = {});

// Pieces of schemas.
Json text_schema();
Json sm3_schema();
Json hex_schema();
Json integer_schema();
Json list_schema(Json items);
Json object_schema(Json properties, std::vector<std::string> required = {});
Json page_schema(std::string_view item);
Json enum_schema(std::vector<std::string> values);

}  // namespace chengxin::api
