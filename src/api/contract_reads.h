#pragma once
#include "contract/query.h"
#include "host/host.h"

// What a chain holds about its contracts. contract.unknown, contract.no_version.
namespace chengxin::api {

Result<format::ContractRecord> contract_record(const ledger::Ledger& ledger, std::string_view name);
Result<format::ContractVersionRecord> contract_version(const ledger::Ledger& ledger, std::string_view name,
                                                       uint32_t version);
Result<Bytes> package_bytes(const ledger::Ledger& ledger, const Digest& package);
Result<format::ContractPackage> contract_package(const ledger::Ledger& ledger, const Digest& package);

// Of the version that stands, or of the newest where none does yet.
struct Described {
  uint32_t version = 0;
  contract::Interface interface;
};
Result<Described> contract_interface(const ledger::Ledger& ledger, std::string_view name);

// Of whatever contract emitted an event.
class Interfaces {
 public:
  explicit Interfaces(const ledger::Ledger& ledger) : ledger_(ledger) {}
  const contract::Interface* at(std::string_view address_hex);  // null: it is not known

 private:
  const ledger::Ledger& ledger_;
  std::map<std::string, std::optional<contract::Interface>, std::less<>> known_;
};

// How many accounts must approve a version.
Result<size_t> approvals_needed(const ledger::Ledger& ledger);

}  // namespace chengxin::api
