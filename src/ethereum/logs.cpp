#include <algorithm>

#include "base/clock.h"
#include "ethereum/impl/session.h"
#include "ethereum/impl/shown.h"

// Logs, and the filters that callers poll.
namespace chengxin::ethereum {
namespace {

constexpr size_t kMaxAlternatives = 100;

template <typename T, typename Read>
Answer<std::vector<T>> one_or_many(const Json& value, const Read& read) {
  std::vector<T> out;
  if (value.is_null()) return out;
  if (!value.is_array()) {
    ASSIGN(out.emplace_back(), read(value));
    return out;
  }
  if (value.size() > kMaxAlternatives) return invalid("more than {} alternatives", kMaxAlternatives);
  for (const Json& each : value) {
    ASSIGN(out.emplace_back(), read(each));
  }
  return out;
}

Answer<LogFilter> read_filter(const Json& given) {
  LogFilter out;
  ASSIGN(out.addresses, one_or_many<Address>(given.value("address", Json()), read_address));
  const Json topics = given.value("topics", Json::array());
  if (topics.is_null()) return out;
  if (!topics.is_array() || topics.size() > 4) return invalid("topics: a list of at most 4");
  for (const Json& each : topics) {
    // null among alternatives: any.
    const bool any = each.is_array() &&
                     std::any_of(each.begin(), each.end(), [](const Json& one) { return one.is_null(); });
    ASSIGN(out.topics.emplace_back(), one_or_many<Digest>(any ? Json() : each, read_hash));
  }
  return out;
}

bool matches(const LogFilter& filter, const Log& log) {
  const auto has = [](const auto& all, const auto& one) {
    return all.empty() || std::find(all.begin(), all.end(), one) != all.end();
  };
  if (!has(filter.addresses, log.address) || filter.topics.size() > log.topics.size()) return false;
  for (size_t i = 0; i < filter.topics.size(); ++i)
    if (!has(filter.topics[i], log.topics[i])) return false;
  return true;
}

Answer<void> search_block(Session& session, uint64_t height, const LogFilter& filter, Json& out) {
  ASSIGN(const BlockPtr block, session.block(height));
  if (block->pruned) return refuse(RpcCode::pruned, "the transactions of block {} were dropped", height);
  for (const Mapped& transaction : block->transactions)
    for (size_t i = 0; i < transaction.logs.size(); ++i) {
      if (!matches(filter, transaction.logs[i])) continue;
      TRY(Allowance::take(session.left.logs, 1, "logs"));
      TRY(Allowance::take(session.left.answer_bytes, 700 + 2 * transaction.logs[i].data.size(), "bytes"));
      out.push_back(show_log(transaction.logs[i], transaction.logs_before + i, transaction, *block));
    }
  return {};
}

// Heights from and to of a filter object; beyond the head: up to it.
struct Range {
  uint64_t from = 0, to = 0;
};
Answer<Range> read_range(const Session& session, const Json& given) {
  const uint64_t head = session.head.header.height;
  const auto bound = [&](const char* name) -> Answer<uint64_t> {
    const Json value = given.value(name, Json());
    if (value.is_null() || value == "latest" || value == "pending") return head;
    if (value == "earliest") return 0;
    if (value == "safe" || value == "finalized") return session.head.certified_height;
    return read_quantity(value);
  };
  ASSIGN(const uint64_t from, bound("fromBlock"));
  ASSIGN(const uint64_t to, bound("toBlock"));
  if (from > to) return invalid("invalid block range params: from {} to {}", from, to);
  return Range{from, to};
}

Answer<Json> search(Session& session, Range range, const LogFilter& filter) {
  range.to = std::min(range.to, session.head.header.height);
  if (range.to >= range.from && range.to - range.from >= session.left.blocks)
    return refuse(RpcCode::limit_exceeded, "a range of {} blocks, {} are searched at a time: ask in parts",
                  range.to - range.from + 1, session.left.blocks);
  Json out = Json::array();
  for (uint64_t height = range.from; height <= range.to; ++height)
    TRY(search_block(session, height, filter, out));
  return out;
}

Answer<Json> get_logs(Session& session, const Params& params) {
  const Json& given = params[0];
  if (!given.is_object()) return invalid("a filter object is wanted");
  ASSIGN(const LogFilter filter, read_filter(given));
  if (!given.contains("blockHash")) {
    ASSIGN(const Range range, read_range(session, given));
    return search(session, range, filter);
  }
  if (given.contains("fromBlock") || given.contains("toBlock"))
    return invalid("blockHash goes without fromBlock and toBlock");
  ASSIGN(const Digest hash, read_hash(given["blockHash"]));
  ASSIGN(const auto height, session.find_block({{"blockHash", hex_data(hash)}}));
  if (!height) return refuse(RpcCode::server_error, "unknown block");
  return search(session, {*height, *height}, filter);
}

Answer<Json> new_filter(Session& session, const Params& params) {
  if (!params[0].is_object() || params[0].contains("blockHash"))
    return invalid("a filter object without blockHash is wanted");
  Filters::Filter filter;
  filter.owner = session.caller;
  ASSIGN(filter.logs, read_filter(params[0]));
  ASSIGN(const Range range, read_range(session, params[0]));
  filter.from = range.from;
  // "latest" moves with the chain.
  const Json to = params[0].value("toBlock", Json());
  if (to.is_string() && to.get_ref<const std::string&>().starts_with("0x")) filter.to = range.to;
  filter.next = std::max(range.from, session.head.header.height + 1);
  return Json(quantity(session.filters.add(filter, now_ms())));
}

Answer<Json> new_block_filter(Session& session, const Params&) {
  Filters::Filter filter;
  filter.owner = session.caller;
  filter.next = session.head.header.height + 1;
  return Json(quantity(session.filters.add(filter, now_ms())));
}

Answer<Filters::Filter> find_filter(Session& session, const Json& given) {
  ASSIGN(const uint64_t id, read_quantity(given));
  const auto found = session.filters.find(id, now_ms());
  if (!found) return refuse(RpcCode::server_error, "filter not found");
  return *found;
}

// What the block has of what the filter wants.
Answer<void> tell_block(Session& session, uint64_t height, const Filters::Filter& filter, Json& out) {
  if (filter.logs) return search_block(session, height, *filter.logs, out);
  ASSIGN(const BlockPtr block, session.block(height));
  out.push_back(hex_data(block->hash));
  return {};
}

// As far as this request's allowance goes; the rest comes the next time.
Answer<Json> filter_changes(Session& session, const Params& params) {
  ASSIGN(const Filters::Filter filter, find_filter(session, params[0]));
  const uint64_t end = std::min(filter.to, session.head.header.height);
  Json out = Json::array();
  uint64_t next = filter.next;
  for (; next <= end; ++next) {
    const size_t before = out.size();
    const auto told = tell_block(session, next, filter, out);
    if (told) continue;
    if (next == filter.next || told.error().code != RpcCode::limit_exceeded)
      return tl::unexpected(told.error());
    out.erase(out.begin() + std::ptrdiff_t(before), out.end());
    break;
  }
  session.filters.told_up_to(filter.id, next);
  return out;
}

Answer<Json> filter_logs(Session& session, const Params& params) {
  ASSIGN(const Filters::Filter filter, find_filter(session, params[0]));
  if (!filter.logs) return refuse(RpcCode::server_error, "not a filter of logs");
  return search(session, {filter.from, filter.to}, *filter.logs);
}

Answer<Json> uninstall_filter(Session& session, const Params& params) {
  ASSIGN(const uint64_t id, read_quantity(params[0]));
  return Json(session.filters.drop(id));
}

constexpr Row kRows[] = {
    {"eth_getLogs", 1, 1, get_logs},
    {"eth_newFilter", 1, 1, new_filter},
    {"eth_newBlockFilter", 0, 0, new_block_filter},
    {"eth_getFilterChanges", 1, 1, filter_changes},
    {"eth_getFilterLogs", 1, 1, filter_logs},
    {"eth_uninstallFilter", 1, 1, uninstall_filter},
};

}  // namespace

std::span<const Row> log_methods() { return kRows; }

Json show_log(const Log& log, uint64_t index, const Mapped& transaction, const Block& block) {
  Json topics = Json::array();
  for (const Digest& each : log.topics) topics.push_back(hex_data(each));
  return {{"address", hex_data(log.address)},
          {"topics", std::move(topics)},
          {"data", hex_data(log.data)},
          {"blockNumber", quantity(block.height)},
          {"blockHash", hex_data(block.hash)},
          {"blockTimestamp", quantity(uint64_t(block.time_ms / 1000))},
          {"transactionHash", hex_data(transaction.hash)},
          {"transactionIndex", quantity(transaction.index)},
          {"logIndex", quantity(index)},
          {"removed", false}};
}

}  // namespace chengxin::ethereum
