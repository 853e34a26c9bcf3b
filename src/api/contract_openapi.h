#pragma once
#include "contract/abi.h"

namespace chengxin::api {

struct ContractPlace {
  std::string chain, name;
  uint32_t version = 0;
};

// An OpenAPI 3.1 document of one contract: a function that only reads is a query, each other a call.
Json contract_openapi(const ContractPlace& place, const contract::Interface& interface);

// The JSON Schema of a value (docs/formats/contract.md, "JSON of values"); structs stand in `components`.
Json value_schema(const contract::Type& type, Json& components);

// A segment of a path, as an OpenAPI document and a client write it.
std::string path_segment(std::string_view text);

}  // namespace chengxin::api
