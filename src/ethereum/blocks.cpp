#include <algorithm>

#include "contract/keccak.h"
#include "ethereum/impl/session.h"
#include "ethereum/impl/shown.h"

// Blocks, the chain, and what every Ethereum node is asked besides.
namespace chengxin::ethereum {
namespace {

// Keccak-256 of the RLP of an empty list: the uncles of every block.
constexpr std::string_view kNoUncles = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";

Json show_block(const Block& block, const Chain& chain, bool whole) {
  std::vector<const Log*> logs;
  uint64_t gas = 0, size = format::kHeaderBytes;
  Json transactions = Json::array();
  for (const Mapped& each : block.transactions) {
    for (const Log& log : each.logs) logs.push_back(&log);
    gas += each.gas_used;
    size += each.input.size();
    transactions.push_back(whole ? show_transaction(each, block, chain) : Json(hex_data(each.hash)));
  }
  const format::Header header = block.header.value_or(format::Header());
  return {{"number", quantity(block.height)},
          {"hash", hex_data(block.hash)},
          {"parentHash", hex_data(block.parent)},
          {"timestamp", quantity(uint64_t(block.time_ms / 1000))},
          {"stateRoot", hex_data(header.state_root)},
          {"transactionsRoot", hex_data(header.log_root)},
          {"receiptsRoot", hex_data(header.log_root)},
          {"logsBloom", bloom(logs)},
          {"mixHash", hex_data(block.parent)},
          {"miner", hex_data(Address{})},
          {"difficulty", "0x0"},
          {"totalDifficulty", "0x0"},
          {"nonce", "0x0000000000000000"},
          {"extraData", "0x"},
          {"sha3Uncles", kNoUncles},
          {"uncles", Json::array()},
          {"size", quantity(size)},
          {"gasLimit", quantity(ledger::kBlockGas)},
          {"gasUsed", quantity(gas)},
          {"baseFeePerGas", "0x0"},
          {"transactions", std::move(transactions)}};
}

Answer<Json> get_block(Session& session, const Json& which, const Json& whole) {
  if (!whole.is_null() && !whole.is_boolean()) return invalid("the second argument is true or false");
  ASSIGN(const auto height, session.find_block(which));
  if (!height) return Json();
  ASSIGN(const BlockPtr block, session.block(*height));
  if (block->pruned) return refuse(RpcCode::pruned, "the transactions of block {} were dropped", *height);
  const bool with_transactions = whole.is_boolean() && whole.get<bool>();
  if (with_transactions) TRY(session.show(block->transactions));
  return show_block(*block, session.chain, with_transactions);
}

Answer<Json> by_hash(const Json& value) {
  ASSIGN(const Digest hash, read_hash(value));
  return Json{{"blockHash", hex_data(hash)}};
}

Answer<Json> block_by_number(Session& session, const Params& params) {
  if (!params[0].is_string()) return invalid("a number or a tag is wanted");
  return get_block(session, params[0], params[1]);
}

Answer<Json> block_by_hash(Session& session, const Params& params) {
  ASSIGN(const Json which, by_hash(params[0]));
  return get_block(session, which, params[1]);
}

Answer<Json> count_in(Session& session, const Json& which) {
  ASSIGN(const auto height, session.find_block(which));
  if (!height) return Json();
  ASSIGN(const BlockPtr block, session.block(*height));
  return Json(quantity(block->count));
}
Answer<Json> count_by_number(Session& session, const Params& params) { return count_in(session, params[0]); }
Answer<Json> count_by_hash(Session& session, const Params& params) {
  ASSIGN(const Json which, by_hash(params[0]));
  return count_in(session, which);
}

// Fees are always zero; the ratios are true.
Answer<Json> fee_history(Session& session, const Params& params) {
  ASSIGN(const uint64_t asked, params[0].is_number_unsigned() ? Answer<uint64_t>(params[0].get<uint64_t>())
                                                              : read_quantity(params[0]));
  ASSIGN(const uint64_t newest, session.height_of(params[1]));
  if (!params[2].is_null() && (!params[2].is_array() || params[2].size() > 100))
    return invalid("reward percentiles: a list of at most 100 numbers");
  const uint64_t count = std::min({asked, newest + 1, uint64_t(1024)});
  Json ratios = Json::array(), rewards = Json::array();
  for (uint64_t height = newest + 1 - count; height <= newest && count > 0; ++height) {
    ASSIGN(const BlockPtr block, session.block(height));
    uint64_t gas = 0;
    for (const Mapped& each : block->transactions) gas += each.gas_used;
    ratios.push_back(std::min(1.0, double(gas) / double(ledger::kBlockGas)));
    rewards.push_back(std::vector<std::string>(params[2].size(), "0x0"));
  }
  Json out = {{"oldestBlock", quantity(newest + 1 - count)},
              {"gasUsedRatio", std::move(ratios)},
              {"baseFeePerGas", std::vector<std::string>(count + 1, "0x0")}};
  if (params[2].is_array()) out["reward"] = std::move(rewards);
  return out;
}

Answer<Json> sha3(Session&, const Params& params) {
  ASSIGN(const Bytes bytes, read_data(params[0]));
  return Json(hex_data(contract::keccak256(bytes)));
}

Answer<Json> zero(Session&, const Params&) { return Json("0x0"); }
Answer<Json> no(Session&, const Params&) { return Json(false); }

constexpr Row kRows[] = {
    {"web3_clientVersion", 0, 0,
     [](Session& session, const Params&) -> Answer<Json> {
       return Json("Chengxin/v" + session.chain.version);
     }},
    {"web3_sha3", 1, 1, sha3},
    {"net_version", 0, 0,
     [](Session& session, const Params&) -> Answer<Json> {
       return Json(std::to_string(chain_number(session.ledger().id())));
     }},
    {"net_listening", 0, 0, [](Session&, const Params&) -> Answer<Json> { return Json(true); }},
    {"net_peerCount", 0, 0, zero},
    {"eth_chainId", 0, 0,
     [](Session& session, const Params&) -> Answer<Json> {
       return Json(quantity(chain_number(session.ledger().id())));
     }},
    {"eth_blockNumber", 0, 0,
     [](Session& session, const Params&) -> Answer<Json> {
       return Json(quantity(session.head.header.height));
     }},
    {"eth_syncing", 0, 0, no},
    {"eth_mining", 0, 0, no},
    {"eth_accounts", 0, 0, [](Session&, const Params&) -> Answer<Json> { return Json::array(); }},
    {"eth_gasPrice", 0, 0, zero},
    {"eth_maxPriorityFeePerGas", 0, 0, zero},
    {"eth_feeHistory", 2, 3, fee_history},
    {"eth_getBlockByNumber", 1, 2, block_by_number},
    {"eth_getBlockByHash", 1, 2, block_by_hash},
    {"eth_getBlockTransactionCountByNumber", 1, 1, count_by_number},
    {"eth_getBlockTransactionCountByHash", 1, 1, count_by_hash},
};

}  // namespace

std::span<const Row> chain_methods() { return kRows; }

std::string bloom(const std::vector<const Log*>& logs) {
  std::array<uint8_t, 256> bits{};
  const auto add = [&](ByteView bytes) {
    const Digest hash = contract::keccak256(bytes);
    for (int i = 0; i < 6; i += 2) {
      const unsigned bit = unsigned(hash[i] << 8 | hash[i + 1]) & 2047;
      bits[255 - bit / 8] |= uint8_t(1 << bit % 8);
    }
  };
  for (const Log* log : logs) {
    add(log->address);
    for (const Digest& topic : log->topics) add(topic);
  }
  return hex_data(bits);
}

}  // namespace chengxin::ethereum
