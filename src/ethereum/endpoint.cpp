#include "ethereum/endpoint.h"

#include "ethereum/impl/session.h"
#include "ethereum/json_rpc.h"

namespace chengxin::ethereum {

struct Endpoint::Parts {
  Chain chain;
  Hashes hashes;
  Filters filters;
};

Endpoint::Endpoint(Chain chain) : parts_(new Parts{std::move(chain), {}, {}}) {}
Endpoint::~Endpoint() = default;

namespace {

const Row* find(std::string_view name) {
  static const auto kTable = [] {
    std::unordered_map<std::string_view, const Row*> out;
    for (const auto rows : {chain_methods(), transaction_methods(), log_methods(), call_methods(),
                            trace_methods(), own_methods()})
      for (const Row& row : rows) out.emplace(row.name, &row);
    return out;
  }();
  const auto found = kTable.find(name);
  return found == kTable.end() ? nullptr : found->second;
}

Answer<Json> dispatch(Session& session, const std::string& method, const Json& params) {
  const Row* row = find(method);
  if (!row)
    return refuse(RpcCode::method_not_found, "the method {} does not exist/is not available",
                  method.substr(0, 64));
  if (params.size() > row->most)
    return invalid("too many arguments: {}, at most {} are taken", params.size(), row->most);
  for (size_t i = 0; i < row->required; ++i)
    if (i >= params.size() || params[i].is_null())
      return invalid("missing value for required argument {}", i);
  return row->run(session, Params(params));
}

}  // namespace

std::string Endpoint::answer(std::string_view request, const Send& send, const std::string& caller) {
  Session session(parts_->chain, parts_->hashes, parts_->filters, send, caller);
  return ethereum::answer(request, [&](const std::string& method, const Json& params) {
    return dispatch(session, method, params);
  });
}

}  // namespace chengxin::ethereum
