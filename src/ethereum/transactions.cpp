#include "ethereum/contract.h"
#include "ethereum/impl/session.h"
#include "ethereum/impl/shown.h"

// Transactions and receipts: how ours are told in Ethereum's terms.
namespace chengxin::ethereum {
namespace {

std::optional<Address> address_of(std::string_view digits) {
  const auto bytes = digits.size() == 40 ? unhex(digits) : Result<Bytes>(Bytes());
  if (!bytes || bytes->size() != 20) return std::nullopt;
  Address out;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

// Of an event of a deployed contract: count || topics || data under its address.
std::optional<Log> log_of(const format::Event& event) {
  const auto address = event.type == "log" ? address_of(event.contract) : std::nullopt;
  if (!address) return std::nullopt;
  Reader in(event.data);
  Log out{*address, {}, {}};
  for (unsigned left = in.be<uint8_t>(); left > 0 && in.ok(); --left) out.topics.push_back(in.digest());
  out.data = to_bytes(in.take(in.remaining()));
  if (!in.ok() || out.topics.size() > 4) return std::nullopt;
  return out;
}

// Call data: the selector of the method, and its arguments. Of a native contract the arguments alone.
Answer<Bytes> call_data(Session& session, const format::Call& call, uint64_t height) {
  Bytes out;
  if (call.method.find('(') != call.method.npos) {
    append(out, ByteView(contract::keccak256(view(call.method))).first(4));
  } else {
    ASSIGN(const auto loaded, session.contract_at(call.contract, height));
    if (const auto* function = loaded ? loaded->interface.function(call.method) : nullptr)
      append(out, function->selector());
  }
  append(out, call.arguments);
  return out;
}

Json own_members(const ledger::TransactionRecord& record) {
  Json calls = Json::array();
  for (const format::Call& call : record.transaction.body.calls)
    calls.push_back({{"contract", call.contract}, {"method", call.method}});
  Json out = {{"hash", hex_data(record.transaction.hash)},
              {"signer", hex(record.transaction.body.signer)},
              {"status", record.receipt.status},
              {"calls", std::move(calls)}};
  if (record.receipt.status != 0 && record.receipt.status != uint32_t(format::ReceiptStatus::reverted))
    out["reason"] = to_string(record.output);
  return out;
}

// One that a secp256k1 key signed, inside an envelope.
Status tell_raw(const format::Call& call, const ledger::TransactionRecord& record, Mapped& out) {
  ASSIGN(const RawTransaction raw, decode_raw(call.arguments));
  out.envelope = out.hash;
  out.hash = raw.hash;
  out.to = raw.to;
  out.input = raw.input;
  out.signed_by_sender = describe(raw);
  if (record.receipt.status != 0) return {};  // of the envelope
  ASSIGN(const SendOutput told, SendOutput::decode(record.output));
  out.from = told.sender;
  out.created = told.created;
  out.accepted = told.ending == contract::Ending::returned;
  if (told.ending == contract::Ending::reverted) out.revert_data = told.data;
  return {};
}

Answer<Mapped> map(Session& session, const ledger::TransactionRecord& record) {
  const auto& body = record.transaction.body;
  const format::Call& first = body.calls.front();
  Mapped out;
  out.hash = record.transaction.hash;
  out.accepted = record.receipt.status == 0;
  out.gas_used = record.receipt.gas;
  out.own = own_members(record);
  if (record.receipt.status == uint32_t(format::ReceiptStatus::reverted)) out.revert_data = record.output;
  ASSIGN(out.from, session.account(body.signer));
  for (const format::Event& event : record.events)
    if (auto log = log_of(event)) out.logs.push_back(std::move(*log));
  if (first.contract == kContract && first.method == "send") {
    TRY(tell_raw(first, record, out));
  } else if (const auto ref = format::ContractVersionRef::decode(first.arguments);
             first.contract == "contract" && first.method == "deploy" && ref) {
    out.input = ref->input;
    if (out.accepted) out.created = format::contract_address(ref->name);
  } else if (const auto address = format::parse_address(first.contract)) {
    out.to = address;
    out.input = first.arguments;
  } else {
    out.to = format::contract_address(first.contract);
    ASSIGN(out.input, call_data(session, first, record.height));
  }
  return out;
}

}  // namespace

Answer<BlockPtr> read_block(Session& session, uint64_t height) {
  auto out = std::make_shared<Block>();
  out->height = height;
  if (height == 0) {
    out->hash = session.ledger().id();
    out->time_ms = int64_t(session.ledger().genesis().created_ms);
    return out;
  }
  ASSIGN(const auto content, session.ledger().content(height));
  out->header = content.block.header;
  out->hash = format::Header::hash(content.block.header_bytes);
  out->parent = content.block.header.previous;
  out->time_ms = content.block.header.time_ms;
  out->count = content.block.transaction_count;
  out->pruned = content.block.pruned;
  uint64_t gas = 0, logs = 0;
  for (const auto& record : content.transactions) {
    ASSIGN(Mapped mapped, map(session, record));
    mapped.index = out->transactions.size();
    mapped.gas_before = gas;
    mapped.logs_before = logs;
    gas += mapped.gas_used;
    logs += mapped.logs.size();
    out->transactions.push_back(std::move(mapped));
  }
  return out;
}

namespace {

Json none_or(const std::optional<Address>& address) { return address ? Json(hex_data(*address)) : Json(); }

}  // namespace

Answer<std::optional<Found>> find_transaction(Session& session, const Json& given) {
  ASSIGN(const Digest hash, read_hash(given));
  auto record = session.ledger().transaction(hash);
  if (!record && record.error().code == Code::not_found) {
    ASSIGN(const auto place, session.ledger().state(raw_key(hash)));
    if (!place) return std::optional<Found>();
    ASSIGN(const Digest own, to_digest(*place));
    record = session.ledger().transaction(own);
  }
  if (!record) return tl::unexpected(RpcError(record.error()));
  ASSIGN(BlockPtr block, session.block(record->height));
  if (block->pruned)
    return refuse(RpcCode::pruned, "the transactions of block {} were dropped", record->height);
  const size_t index = record->log_index - (block->header->log_size - block->count);
  const Mapped* transaction = &block->transactions.at(index);
  return std::optional(Found{std::move(block), transaction});
}

namespace {

Json show_receipt(const Mapped& each, const Block& block) {
  std::vector<const Log*> logs;
  Json shown = Json::array();
  for (const Log& log : each.logs) {
    shown.push_back(show_log(log, each.logs_before + logs.size(), each, block));
    logs.push_back(&log);
  }
  Json out = {{"transactionHash", hex_data(each.hash)},
              {"transactionIndex", quantity(each.index)},
              {"blockHash", hex_data(block.hash)},
              {"blockNumber", quantity(block.height)},
              {"from", hex_data(each.from)},
              {"to", none_or(each.to)},
              {"contractAddress", none_or(each.created)},
              {"gasUsed", quantity(each.gas_used)},
              {"cumulativeGasUsed", quantity(each.gas_before + each.gas_used)},
              {"effectiveGasPrice", "0x0"},
              {"logs", std::move(shown)},
              {"logsBloom", bloom(logs)},
              {"status", each.accepted ? "0x1" : "0x0"},
              {"type", each.signed_by_sender.is_null() ? Json("0x0") : each.signed_by_sender["type"]},
              {"chengxin", each.own}};
  if (each.revert_data) out["revertReason"] = hex_data(*each.revert_data);
  return out;
}

Answer<Json> transaction_by_hash(Session& session, const Params& params) {
  ASSIGN(const auto found, find_transaction(session, params[0]));
  return found ? show_transaction(*found->transaction, *found->block, session.chain) : Json();
}

Answer<Json> receipt(Session& session, const Params& params) {
  ASSIGN(const auto found, find_transaction(session, params[0]));
  return found ? show_receipt(*found->transaction, *found->block) : Json();
}

Answer<Json> at_index(Session& session, const Json& which, const Json& place) {
  ASSIGN(const auto height, session.find_block(which));
  ASSIGN(const uint64_t index, read_quantity(place));
  if (!height) return Json();
  ASSIGN(const BlockPtr block, session.block(*height));
  if (index >= block->transactions.size()) return Json();
  return show_transaction(block->transactions[index], *block, session.chain);
}

Answer<Json> by_number_and_index(Session& session, const Params& params) {
  return at_index(session, params[0], params[1]);
}
Answer<Json> by_hash_and_index(Session& session, const Params& params) {
  ASSIGN(const Digest hash, read_hash(params[0]));
  return at_index(session, {{"blockHash", hex_data(hash)}}, params[1]);
}

Answer<Json> block_receipts(Session& session, const Params& params) {
  ASSIGN(const auto height, session.find_block(params[0]));
  if (!height) return Json();
  ASSIGN(const BlockPtr block, session.block(*height));
  if (block->pruned) return refuse(RpcCode::pruned, "the transactions of block {} were dropped", *height);
  TRY(session.show(block->transactions));
  Json out = Json::array();
  for (const Mapped& each : block->transactions) out.push_back(show_receipt(each, *block));
  return out;
}

Answer<Json> send_raw(Session& session, const Params& params) {
  ASSIGN(Bytes bytes, read_data(params[0], kMaxRawBytes));
  ASSIGN(const RawTransaction raw, decode_raw(bytes));
  const uint64_t head = session.head.header.height;
  ASSIGN(const auto policy, session.ledger().state(kAdmitKey, head));
  if (!session.send || !policy)
    return tl::unexpected(RpcError(Error{Code::forbidden, "ethereum.secp256k1_off",
                                         "this chain takes transactions in SM2 envelopes alone"}));
  TRY(check_raw(raw, session.ledger().id()));
  ASSIGN(const uint64_t nonce, nonce_of(session.state_after(head), raw.sender));
  if (raw.nonce < nonce)
    return refuse(RpcCode::server_error, "nonce too low: next nonce {}, tx nonce {}", nonce, raw.nonce);
  if (raw.nonce > nonce)
    return refuse(RpcCode::server_error, "nonce too high: next nonce {}, tx nonce {}", nonce, raw.nonce);
  TRY(session.send(std::move(bytes)));
  return Json(hex_data(raw.hash));
}

Answer<Json> transaction_count(Session& session, const Params& params) {
  ASSIGN(const Address address, read_address(params[0]));
  // A block that a sender waits for was committed meanwhile: the newest state counts, not this request's
  // head.
  if (params[1].is_null() || params[1] == "latest" || params[1] == "pending") {
    ASSIGN(const uint64_t nonce,
           nonce_of([&](std::string_view key) { return session.ledger().state(key); }, address));
    return Json(quantity(nonce));
  }
  ASSIGN(const uint64_t height, session.height_of(params[1]));
  ASSIGN(const uint64_t nonce, nonce_of(session.state_after(height), address));
  return Json(quantity(nonce));
}

constexpr Row kRows[] = {
    {"eth_getTransactionByHash", 1, 1, transaction_by_hash},
    {"eth_getTransactionReceipt", 1, 1, receipt},
    {"eth_getTransactionByBlockNumberAndIndex", 2, 2, by_number_and_index},
    {"eth_getTransactionByBlockHashAndIndex", 2, 2, by_hash_and_index},
    {"eth_getBlockReceipts", 1, 1, block_receipts},
    {"eth_sendRawTransaction", 1, 1, send_raw},
    {"eth_getTransactionCount", 1, 2, transaction_count},
};

}  // namespace

std::span<const Row> transaction_methods() { return kRows; }

Json show_transaction(const Mapped& each, const Block& block, const Chain& chain) {
  Json out = {{"hash", hex_data(each.hash)},
              {"blockHash", hex_data(block.hash)},
              {"blockNumber", quantity(block.height)},
              {"transactionIndex", quantity(each.index)},
              {"from", hex_data(each.from)},
              {"to", none_or(each.to)},
              {"input", hex_data(each.input)},
              {"value", "0x0"},
              {"nonce", "0x0"},
              {"gas", quantity(ledger::kTransactionGas)},
              {"gasPrice", "0x0"},
              {"type", "0x0"},
              {"chainId", quantity(chain_number(chain.ledger->id()))},
              {"v", "0x0"},
              {"r", "0x0"},
              {"s", "0x0"},
              {"chengxin", each.own}};
  if (!each.signed_by_sender.is_null()) out.update(each.signed_by_sender);
  return out;
}

}  // namespace chengxin::ethereum
