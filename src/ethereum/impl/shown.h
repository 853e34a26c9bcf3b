#pragma once
#include "ethereum/impl/session.h"

// Blocks' parts as Ethereum's JSON has them.
namespace chengxin::ethereum {

// Filter of 2048 bits over addresses and topics (Ethereum's yellow paper, M3:2048).
std::string bloom(const std::vector<const Log*>& logs);
Json show_transaction(const Mapped& transaction, const Block& block, const Chain& chain);
Json show_log(const Log& log, uint64_t index, const Mapped& transaction, const Block& block);

}  // namespace chengxin::ethereum
