#include "ethereum/contract.h"
#include "ethereum/impl/session.h"

// What a signer of ours asks besides: names behind addresses, and the chain's whole id.
namespace chengxin::ethereum {
namespace {

Answer<Json> chain(Session& session, const Params&) {
  const auto& limits = session.head.limits;
  ASSIGN(const auto policy, session.ledger().state(kAdmitKey));
  return Json{{"id", hex_data(session.ledger().id())},    {"name", session.ledger().genesis().name},
              {"protocol", session.head.next_protocol()}, {"timeMs", session.head.header.time_ms},
              {"maxValidityMs", limits.max_validity_ms},  {"secp256k1", policy ? policy->at(0) : 0}};
}

Answer<Json> contract_name(Session& session, const Params& params) {
  ASSIGN(const Address address, read_address(params[0]));
  ASSIGN(const auto name, session.ledger().state(contract::address_key(address)));
  return name ? Json(to_string(*name)) : Json();
}

Answer<Json> contract_address(Session&, const Params& params) {
  if (!params[0].is_string() || !format::is_contract_name(params[0].get_ref<const std::string&>()))
    return invalid("the name of a contract is wanted");
  return Json(hex_data(format::contract_address(params[0].get_ref<const std::string&>())));
}

// Which call of ours call data is: {contract, method, arguments}. Null: none that has a name.
Answer<Json> describe_call(Session& session, const Params& params) {
  ASSIGN(const Address address, read_address(params[0]));
  ASSIGN(const Bytes input, read_data(params[1]));
  ASSIGN(const auto name, session.ledger().state(contract::address_key(address)));
  if (!name || input.size() < 4) return Json();
  ASSIGN(const auto loaded, session.contract_at(text(*name), session.head.header.height));
  if (!loaded) return Json();
  for (const contract::Entry& entry : loaded->interface.entries)
    if (entry.kind == contract::Entry::Kind::function && equal(entry.selector(), ByteView(input).first(4)))
      return Json{{"contract", to_string(*name)},
                  {"method", entry.signature()},
                  {"arguments", hex_data(ByteView(input).subspan(4))}};
  return Json();
}

// The canonical form of an interface, which a package holds.
Answer<Json> canonical_interface(Session&, const Params& params) {
  if (!params[0].is_string()) return invalid("the text of an interface is wanted");
  ASSIGN(const auto interface, contract::parse_interface(params[0].get_ref<const std::string&>()));
  return Json(interface.json());
}

constexpr Row kRows[] = {
    {"chengxin_interface", 1, 1, canonical_interface}, {"chengxin_chain", 0, 0, chain},
    {"chengxin_contractName", 1, 1, contract_name},    {"chengxin_contractAddress", 1, 1, contract_address},
    {"chengxin_describeCall", 2, 2, describe_call},
};

}  // namespace

std::span<const Row> own_methods() { return kRows; }

}  // namespace chengxin::ethereum
