#pragma once
#include "contract/registry.h"
#include "ledger/ledger.h"

// The contracts that this program runs: the one place that knows them all.
namespace chengxin::app {

using Contracts = std::shared_ptr<const contract::Registry>;

// Engines of deployed contracts; what they compile is kept below the data folder, for the owner alone.
Result<Contracts> open_contracts(const fs::path& data);

// Native contracts and what runs the deployed ones.
ledger::Options with_contracts(const Contracts& contracts, ledger::Options options = {});

}  // namespace chengxin::app
