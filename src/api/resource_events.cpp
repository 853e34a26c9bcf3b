#include "api/resource_events.h"

#include <charconv>

#include "api/describe.h"

namespace chengxin::api {
namespace {

// What was sent last: a block (index -1) or one of its receipts. The order of events is that of (height,
// index).
struct Position {
  uint64_t height = 0;
  int64_t index = -1;
};

Result<Position> parse_position(std::string_view text) {
  Position out;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, out.height);
  bool good = error == std::errc();
  if (good && at != end) {
    auto [last, index_error] = std::from_chars(at + 1, end, out.index);
    good = *at == ':' && index_error == std::errc() && last == end && out.index >= 0;
  }
  if (!good) return fail(Code::invalid_argument, "api.bad_event_id", "an event id is HEIGHT or HEIGHT:INDEX");
  return out;
}

struct Wanted {
  bool blocks = true, receipts = true;
  std::optional<Digest> transaction;
};

constexpr size_t kPieceBytes = 64 << 10;

// The events of one block after `from`, handed over in pieces. Blocks: runs on a worker.
struct BlockReader {
  explicit BlockReader(host::ChainPtr of) : chain(std::move(of)) {}
  host::ChainPtr chain;
  Wanted wanted = {};
  Position at = {};  // of the last event that was looked at

  // The next piece, empty when the block is exhausted. More than one piece only for large blocks.
  Result<std::string> piece() {
    std::string out;
    ASSIGN(auto block, chain->ledger->block(at.height));
    if (at.index < 0 && !begun_) {
      if (wanted.blocks && !wanted.transaction) {
        Json json = describe_header(block.header, format::Header::hash(block.header_bytes));
        json["transaction_count"] = block.transaction_count;
        out += fmt::format("id: {}\nevent: block\ndata: {}\n\n", at.height, json.dump());
      }
      begun_ = true;
    }
    if (!wanted.receipts) return out;
    while (size_t(at.index + 1) < block.transactions.size() && out.size() < kPieceBytes) {
      const Digest& hash = block.transactions[size_t(++at.index)];
      if (wanted.transaction && *wanted.transaction != hash) continue;
      ASSIGN(auto record, chain->ledger->transaction(hash));
      out += fmt::format("id: {}:{}\nevent: receipt\ndata: {}\n\n", at.height, at.index,
                         describe_receipt(hash, record.receipt_bytes, record.receipt).dump());
    }
    return out;
  }
  void enter(uint64_t height) {
    at = {height, -1};
    begun_ = false;
  }
  void resume(Position position) {
    at = position;
    begun_ = true;
  }

 private:
  bool begun_ = false;
};

Task<Status> wait_for_block(App& app, const host::Chain& chain, uint64_t height, BodySink& sink) {
  while (chain.ledger->head().header.height <= height) {
    Outcome<bool> rung;
    uint64_t ticket = app.bell->add(chain.name, rung.completion());
    if (chain.ledger->head().header.height > height) {  // it came before we stood in line
      app.bell->remove(ticket);
      break;
    }
    auto came = co_await rung.wait(std::chrono::milliseconds(app.options.heartbeat_ms));
    app.bell->remove(ticket);
    if (came && !app.stopping) continue;
    auto alive = co_await sink.write(": heartbeat\n\n");  // refuses when the server stops
    CO_TRY(alive);
  }
  co_return Status();
}

Task<Status> stream(App& app, BlockReader reader, BodySink& sink) {
  auto opened = co_await sink.write("retry: 1000\n: stream opened\n\n");
  CO_TRY(opened);
  for (;;) {
    if (reader.at.height > 0) {
      for (;;) {
        auto piece = co_await blocking(
            app, [&] { return reader.piece(); }, Workers::When::always);
        if (!piece) co_return tl::unexpected(piece.error());
        if (piece->empty()) break;
        auto sent = co_await sink.write(*piece);
        CO_TRY(sent);
      }
    }
    auto ready = co_await wait_for_block(app, *reader.chain, reader.at.height, sink);
    CO_TRY(ready);
    reader.enter(reader.at.height + 1);
  }
}

Task<Result<Response>> events(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  BlockReader reader(chain);
  if (auto* types = call.query.find("types")) {
    reader.wanted.blocks = std::find(types->begin(), types->end(), "block") != types->end();
    reader.wanted.receipts = std::find(types->begin(), types->end(), "receipt") != types->end();
  }
  if (call.query.find("transaction")) {
    CO_ASSIGN(reader.wanted.transaction, unhex_digest(call.query.text("transaction")));
  }
  std::string after(call.last_event_id.empty() ? call.query.text("after") : std::string(call.last_event_id));
  uint64_t head = chain->ledger->head().header.height;
  Position from{head, std::numeric_limits<int64_t>::max() - 1};
  if (!after.empty()) {
    CO_ASSIGN(from, parse_position(after));
    if (from.height > head)
      co_return fail(Code::invalid_argument, "api.bad_event_id", "height {}, the newest is {}", from.height,
                     head);
    if (reader.wanted.receipts && from.height + 1 < chain->ledger->oldest_height())
      co_return fail(Code::gone, "ledger.pruned", "the oldest block here is {}",
                     chain->ledger->oldest_height());
  }
  reader.resume(from);
  Response response{200, "text/event-stream", {}, {}, {}};
  response.stream = [&app = call.app, reader](BodySink& sink) { return stream(app, reader, sink); };
  co_return response;
}

}  // namespace

Resource events_resource() {
  Json types = list_schema(enum_schema({"block", "receipt"}));
  types["minItems"] = 1;
  Json id = {{"type", "string"}, {"minLength", 1}, {"maxLength", 48}};
  Resource resource;
  resource.routes = {
      {.path = "/api/v1/chains/{chain}/events",
       .id = "events",
       .summary = {"区块与回执的事件流，可断点续传",
                   "Stream of blocks and receipts; resumes by Last-Event-ID"},
       .tag = "events",
       .query = {{"after",
                  id,
                  {"从此事件之后开始（Last-Event-ID 优先）",
                   "Begin after this event; Last-Event-ID goes first"}},
                 {"types", types, {"只要这些事件", "Only these events"}},
                 {"transaction", sm3_schema(), {"只要此交易的回执", "Only the receipt of this transaction"}}},
       .answers = {{200, "text/event-stream", {}, {}}},
       .reasons = {"chain.not_found", "api.bad_event_id", "ledger.pruned"},
       .handler = events},
  };
  return resource;
}

}  // namespace chengxin::api
