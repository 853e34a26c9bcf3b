#include "api/contract_reads.h"

#include "format/consortium.h"

namespace chengxin::api {
namespace {

contract::Read reader(const ledger::Ledger& ledger) {
  return [&ledger](std::string_view key) { return ledger.state(key); };
}

}  // namespace

Result<format::ContractRecord> contract_record(const ledger::Ledger& ledger, std::string_view name) {
  ASSIGN(auto found, contract::record_of(reader(ledger), name));
  if (!found) return fail(Code::not_found, "contract.unknown", "{}", name);
  return std::move(*found);
}

Result<format::ContractVersionRecord> contract_version(const ledger::Ledger& ledger, std::string_view name,
                                                       uint32_t version) {
  ASSIGN(auto found, contract::version_of(reader(ledger), name, version));
  if (!found) return fail(Code::not_found, "contract.no_version", "{} {}", name, version);
  return std::move(*found);
}

Result<Bytes> package_bytes(const ledger::Ledger& ledger, const Digest& package) {
  ASSIGN(auto found, ledger.state(format::package_key(package)));
  if (!found) return fail(Code::data_loss, "ledger.damaged", "no package {}", hex(package));
  return std::move(*found);
}

Result<format::ContractPackage> contract_package(const ledger::Ledger& ledger, const Digest& package) {
  ASSIGN(const Bytes bytes, package_bytes(ledger, package));
  return format::ContractPackage::decode(bytes);
}

Result<Described> contract_interface(const ledger::Ledger& ledger, std::string_view name) {
  ASSIGN(const auto record, contract_record(ledger, name));
  Described out;
  out.version = record.current ? record.current : record.latest;
  ASSIGN(const auto version, contract_version(ledger, name, out.version));
  ASSIGN(const auto package, contract_package(ledger, version.package));
  ASSIGN(out.interface, contract::parse_interface(package.interface));
  return out;
}

const contract::Interface* Interfaces::at(std::string_view address_hex) {
  auto found = known_.find(address_hex);
  if (found == known_.end()) {
    const auto look = [&]() -> Result<contract::Interface> {
      ASSIGN(const Bytes bytes, unhex(address_hex));
      format::Address address{};
      if (bytes.size() != address.size()) return fail(Code::not_found, "contract.unknown");
      std::copy(bytes.begin(), bytes.end(), address.begin());
      ASSIGN(const auto name, ledger_.state(contract::address_key(address)));
      if (!name) return fail(Code::not_found, "contract.unknown");
      ASSIGN(auto described, contract_interface(ledger_, text(*name)));
      return std::move(described.interface);
    };
    auto interface = look();
    found =
        known_.emplace(address_hex, interface ? std::optional(std::move(*interface)) : std::nullopt).first;
  }
  return found->second ? &*found->second : nullptr;
}

Result<size_t> approvals_needed(const ledger::Ledger& ledger) {
  const auto policy = ledger.head().contract_policy;
  if (policy && policy->approvals > 0) return size_t(policy->approvals);
  ASSIGN(const auto document, ledger.state(format::kConsortiumKey));
  if (!document) return size_t(1);
  ASSIGN(const auto consortium, format::Consortium::decode(text(*document)));
  return consortium.votes_needed();
}

}  // namespace chengxin::api
