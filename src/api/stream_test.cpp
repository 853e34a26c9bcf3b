#include <atomic>
#include <thread>

#include <boost/asio/co_spawn.hpp>

#include "api/app.h"
#include "api/impl/submission_results.h"
#include "api/platform_for_tests.h"

namespace chengxin::api {
namespace {

const std::string kPath = "/api/v1/chains/default/transactions/stream";
constexpr const char* kLines = "application/x-ndjson";
constexpr const char* kBinary = "application/vnd.chengxin.transactions";

std::string prefixed(const std::string& bytes) {
  Bytes out;
  put_be(out, uint32_t(bytes.size()));
  return to_string(out) + bytes;
}

std::string start(const std::string& type, const std::string& query = "", const std::string& fields = "",
                  const std::string& token = kToken) {
  return "POST " + kPath + query + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token +
         "\r\nContent-Type: " + type + "\r\nTransfer-Encoding: chunked\r\n" + fields + "\r\n";
}

// One request that is written, and whose answer is read, piece by piece.
class StreamClient : public TestClient {
 public:
  StreamClient(uint16_t port, const std::string& request) : TestClient(port) { send(request); }
  bool put(const std::string& bytes) { return send(fmt::format("{:x}\r\n", bytes.size()) + bytes + "\r\n"); }
  void end() { send("0\r\n\r\n"); }

  // The head of the answer; its status.
  int head() {
    const std::string line = read_line();
    while (!read_line().empty()) {
    }
    return line.size() < 12 ? 0 : std::stoi(line.substr(9, 3));
  }
  // The next result; null at the end.
  Json line() {
    size_t end;
    while ((end = body_.find('\n')) == body_.npos)
      if (!more_body()) return nullptr;
    Json out = Json::parse(body_.substr(0, end), nullptr, false);
    body_.erase(0, end + 1);
    return out;
  }
  std::string record() {
    while (body_.size() < 4 || body_.size() < 4 + get_be<uint32_t>(view(body_).data()))
      if (!more_body()) return {};
    const size_t length = get_be<uint32_t>(view(body_).data());
    std::string out = body_.substr(4, length);
    body_.erase(0, 4 + length);
    return out;
  }

 private:
  bool more_body() {
    const size_t size = std::stoul("0" + read_line(), nullptr, 16);
    body_ += read_bytes(size);
    read_line();
    return size > 0;
  }
  std::string body_;
};

struct StreamTest : PlatformTest {
  std::string one() { return envelope({random_digest()}); }
  static std::string encoded(const std::string& envelope) {
    return Json{{"envelope", base64(view(envelope))}}.dump() + "\n";
  }
  std::string hash_of(const std::string& envelope) {
    return hex(format::decode_transaction(view(envelope))->hash);
  }
  std::string bent(std::string envelope) {
    auto transaction = *format::decode_transaction(view(envelope));
    transaction.signature[40] ^= 1;
    return to_string(
        format::encode_transaction(transaction.body_bytes, transaction.signature, transaction.attachments));
  }
  bool committed(const std::string& envelope) {
    return get("/api/v1/chains/default/transactions/" + hash_of(envelope)).status == 200;
  }
};

TEST_F(StreamTest, LinesAreAnsweredOneByOneWithTheirReasons) {
  const std::string good = one(), other = one(), bad = bent(one());
  const auto taken_apart = *format::decode_transaction(view(other));
  StreamClient client(port(), start(kLines));
  client.put(encoded(good));
  ASSERT_EQ(client.head(), 200);
  const Json first = client.line();
  EXPECT_EQ(first["index"], 0) << "it came while the body was still open";
  EXPECT_EQ(first["transaction"], hash_of(good));
  EXPECT_EQ(first["status"], 0);
  EXPECT_EQ(first["height"], 1);
  EXPECT_TRUE(committed(good));

  const Json parts = {{"body", base64(taken_apart.body_bytes)},
                      {"signature", base64(taken_apart.signature)},
                      {"attachments", {base64(taken_apart.attachments[0])}}};
  client.put(parts.dump() + "\n\n{\"envelope\":\n" + encoded(bad) + encoded(good) +
             "{\"envelope\":\"AA==\",\"x\":1}\n" + "{\"envelope\":\"AA==\"}");
  client.end();
  std::map<int, Json> results;
  Json last;
  for (Json line = client.line(); !line.is_null(); line = client.line())
    line.contains("end") ? last = line : results[line["index"]] = line;
  ASSERT_EQ(results.size(), 6u);
  EXPECT_EQ(results[1]["transaction"], hash_of(other));
  EXPECT_EQ(results[2]["reason"], "json.syntax");
  EXPECT_EQ(results[3]["reason"], "transaction.signature_invalid");
  EXPECT_EQ(results[4]["reason"], "transaction.duplicate");
  EXPECT_EQ(results[5]["reason"], "api.unknown_field");
  EXPECT_EQ(results[6]["reason"], "transaction.malformed") << "the last line needs no end";
  EXPECT_EQ(last["accepted"], 2);
  EXPECT_EQ(last["rejected"], 5);
  EXPECT_EQ(last["failed"], 0);
  EXPECT_FALSE(last.contains("reason"));
}

TEST_F(StreamTest, ToAnOldClientTheEndOfTheConnectionIsTheEnd) {
  const std::string body = encoded(one());
  TestClient client(port());
  client.send("POST " + kPath + " HTTP/1.0\r\nAuthorization: Bearer " + kToken + "\r\nContent-Type: " +
              kLines + fmt::format("\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  const std::string whole = client.read_all();
  const size_t head_end = whole.find("\r\n\r\n");
  EXPECT_EQ(whole.substr(0, head_end).find("Content-Length"), whole.npos)
      << "it is not known, so none is named";
  const std::string results = whole.substr(head_end + 4), first = results.substr(0, results.find('\n') + 1);
  EXPECT_EQ(Json::parse(first, nullptr, false)["status"], 0) << whole;
  EXPECT_EQ(Json::parse(results.substr(first.size()), nullptr, false)["accepted"], 1) << whole;
}

TEST_F(StreamTest, BinaryItemsAreAnsweredInBinary) {
  const std::string good = one(), bad = bent(one());
  for (bool full : {false, true}) {
    const std::string item = full ? one() : good;
    StreamClient client(port(), start(kBinary, full ? "?receipts=full" : ""));
    client.put(prefixed(item) + prefixed(bad) + prefixed(""));
    client.end();
    ASSERT_EQ(client.head(), 200);
    std::map<uint64_t, std::string> results;
    std::string last;
    for (std::string record = client.record(); !record.empty(); record = client.record()) {
      if (record[0] == 4)
        last = record;
      else
        results[get_be<uint64_t>(view(record).data() + 1)] = record;
    }
    ASSERT_EQ(results.size(), 3u);
    Reader in(view(results[0]));
    EXPECT_EQ(in.be<uint8_t>(), full ? 2 : 1);
    in.be<uint64_t>();
    EXPECT_EQ(hex(in.digest()), hash_of(item));
    if (full) {
      EXPECT_EQ(format::Receipt::decode(in.take(92))->status, 0u);
    } else {
      EXPECT_EQ(in.be<uint64_t>(), 1u) << "height";
      EXPECT_EQ(in.be<uint32_t>(), 0u) << "status";
    }
    EXPECT_TRUE(in.done());
    Reader refused(view(results[1]));
    EXPECT_EQ(refused.be<uint8_t>(), 3);
    refused.be<uint64_t>();
    EXPECT_EQ(text(refused.take(refused.be<uint16_t>())), "transaction.signature_invalid");
    Reader end(view(last));
    end.be<uint8_t>();
    EXPECT_EQ(end.be<uint64_t>(), 1u);
    EXPECT_EQ(end.be<uint64_t>(), 0u);
    EXPECT_EQ(end.be<uint64_t>(), 2u);
    EXPECT_EQ(end.be<uint64_t>(), prefixed(item).size() + prefixed(bad).size() + 4);
    EXPECT_EQ(end.be<uint16_t>(), 0u) << "no reason";
  }
}

TEST_F(StreamTest, ACutLosesNothingThatWasWholeAndLeavesNothingHalf) {
  const std::string whole = "the first item is whole";
  for (size_t keep : {size_t(0), size_t(3), size_t(4), size_t(50), size_t(100'000)}) {
    for (bool half_closed : {true, false}) {
      SCOPED_TRACE(keep);
      const std::string first = one(), second = one();
      StreamClient client(port(), start(kBinary));
      client.put(prefixed(first) + prefixed(second).substr(0, keep));
      if (half_closed) {
        client.end_writing();
        ASSERT_EQ(client.head(), 200);
        std::string last;
        std::vector<uint8_t> kinds;
        for (std::string record = client.record(); !record.empty(); record = client.record()) {
          kinds.push_back(uint8_t(record[0]));
          last = record;
        }
        EXPECT_EQ(kinds.size(), keep > 1000 ? 3u : 2u);
        EXPECT_NE(last.find("api.malformed"), last.npos) << "the end says that the body was cut";
      } else {
        client.close();
      }
      for (int tries = 0; tries < 200 && !committed(first); ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      EXPECT_TRUE(committed(first));
      EXPECT_TRUE(keep > 1000 || !committed(second));
    }
  }
}

TEST_F(StreamTest, BrokenFramingEndsTheStreamAndTooLongALineDoesNot) {
  const std::string good = one();
  StreamClient client(port(), start(kBinary));
  client.put(prefixed(good) + std::string("\xff\xff\xff\xff and more", 13));
  ASSERT_EQ(client.head(), 200);
  const std::string result = client.record(), last = client.record();
  ASSERT_FALSE(result.empty());
  EXPECT_EQ(result[0], 1);
  ASSERT_FALSE(last.empty());
  EXPECT_EQ(last[0], 4);
  EXPECT_NE(last.find("transaction.too_large"), last.npos);

  StreamClient lines(port(), start(kLines));
  ASSERT_EQ(lines.head(), 200);
  std::thread sender([&] {
    const std::string piece(1 << 20, 'a');
    for (int i = 0; i < 8; ++i) lines.put(piece);
    lines.put("\n" + encoded(one()));
    lines.end();
  });
  EXPECT_EQ(lines.line()["reason"], "transaction.too_large");
  EXPECT_EQ(lines.line()["status"], 0);
  EXPECT_EQ(lines.line()["accepted"], 1);
  sender.join();
}

TEST_F(StreamTest, AnItemThatDripsIsCutAndAPauseBetweenItemsIsNot) {
  close();
  options.body_timeout_ms = 300;
  options.idle_timeout_ms = 3000;
  open();
  StreamClient client(port(), start(kLines));
  ASSERT_EQ(client.head(), 200);
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  client.put(encoded(one()));
  EXPECT_EQ(client.line()["status"], 0) << "it may rest between two items";
  for (int i = 0; i < 8; ++i) {
    client.put(" ");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const Json last = client.line();
  EXPECT_EQ(last["reason"], "api.timeout");
  EXPECT_EQ(last["accepted"], 1);
}

TEST_F(StreamTest, WhoNeverReadsIsHeldBackThenCut) {
  close();
  options.write_timeout_ms = 500;
  open();
  const std::string good = one();
  StreamClient client(port(), start(kLines));
  int small = 4096;
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  client.put(encoded(good));
  const std::string rubbish(20'000, '\n'), lines = [] {
    std::string out;
    for (int i = 0; i < 10'000; ++i) out += "x\n";
    return out;
  }();
  size_t sent = 0;
  std::atomic<bool> cut = false;
  std::thread sender([&] {
    while (sent < 3000 && client.put(lines)) ++sent;
    cut = true;
  });
  double most = 0;
  while (!cut) {
    const std::string metrics = get("/metrics").body;
    const size_t at = metrics.find("\nchengxin_receipts_awaited ");
    ASSERT_NE(at, metrics.npos);
    most = std::max(most, std::stod(metrics.substr(at + 27)));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  sender.join();
  EXPECT_LT(sent, 3000u) << "the server stopped reading, and closed the connection";
  EXPECT_LE(most, 4096) << "what is rejected counts as well";
  EXPECT_TRUE(committed(good));
}

TEST_F(StreamTest, AFullQueueHoldsStreamsBackAndRefusesSingleCalls) {
  close();
  admission.max_items = 20;
  admission.max_ahead_items = 10;
  solo.block_interval_ms = 100;
  open();
  StreamClient client(port(), start(kBinary));
  std::string all;
  for (int i = 0; i < 100; ++i) all += prefixed(one());
  std::thread sender([&] {
    client.put(all);
    client.end();
  });
  ASSERT_EQ(client.head(), 200);
  bool refused = false;
  for (int i = 0; i < 100 && !refused; ++i) {  // the stream goes on for ten blocks at least
    const Reply reply = submit(one(), "?wait=none");
    refused = reply.status == 429;
    if (refused) {
      EXPECT_EQ(reply.reason(), "order.queue_full");
      EXPECT_FALSE(reply.header("retry-after").empty());
    }
  }
  EXPECT_TRUE(refused) << "the stream uses up the share of its credential";
  for (uint64_t i = 0; i < 100; ++i) {
    const std::string record = client.record();
    ASSERT_EQ(record.size(), 53u) << "nothing in a stream is refused for want of room";
    EXPECT_EQ(get_be<uint64_t>(view(record).data() + 1), i);
  }
  sender.join();
}

TEST_F(StreamTest, ACredentialHoldsAsManyAsAreStillFree) {
  close();
  options.max_transaction_streams = 4;
  open();
  const std::string other = post("/api/v1/tokens", {{"name", "other"}}).json()["token"];
  auto open_one = [&](const std::string& token) {
    return std::make_unique<StreamClient>(port(), start(kBinary, "", "", token));
  };
  auto first = open_one(kToken), second = open_one(kToken);
  EXPECT_EQ(first->head(), 200);
  EXPECT_EQ(second->head(), 200);
  EXPECT_EQ(open_one(kToken)->receive().reason(), "api.busy") << "half of them are its share";
  auto third = open_one(other);
  EXPECT_EQ(third->head(), 200) << "whoever comes new finds room";
  EXPECT_EQ(open_one(other)->receive().reason(), "api.busy");
  second->end();
  EXPECT_EQ(second->record()[0], 4);
  int status = 0;
  for (int tries = 0; tries < 200 && status != 200; ++tries) {
    second = open_one(kToken);
    status = second->head();
    if (status != 200) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(status, 200) << "the place was given back";
}

TEST_F(StreamTest, AStopEndsItInOrder) {
  const std::string good = one();
  StreamClient client(port(), start(kLines));
  client.put(encoded(good));
  ASSERT_EQ(client.head(), 200);
  EXPECT_EQ(client.line()["status"], 0);
  std::thread stopping([&] { server->stop(); });
  const Json last = client.line();
  EXPECT_EQ(last["reason"], "api.stopping");
  EXPECT_EQ(last["accepted"], 1);
  client.close();
  stopping.join();
}

TEST_F(StreamTest, ManyStreamsOfOneSourceKeepTheirOrderAndLoseNothing) {
  constexpr int kStreams = 3, kItems = 400;
  std::vector<std::thread> threads;
  std::atomic<int> accepted = 0;
  for (int s = 0; s < kStreams; ++s)
    threads.emplace_back([&, s] {
      StreamClient client(port(), start(s % 2 ? kBinary : kLines));
      std::vector<std::string> items;
      for (int i = 0; i < kItems; ++i) items.push_back(one());
      std::string all;
      for (const auto& item : items) all += s % 2 ? prefixed(item) : encoded(item);
      for (size_t at = 0; at < all.size(); at += 7001) client.put(all.substr(at, 7001));
      client.end();
      ASSERT_EQ(client.head(), 200);
      for (uint64_t i = 0; i < kItems; ++i) {
        if (s % 2) {
          const std::string record = client.record();
          ASSERT_EQ(record.size(), 53u);
          EXPECT_EQ(get_be<uint64_t>(view(record).data() + 1), i);
        } else {
          EXPECT_EQ(client.line()["index"], i);
        }
        ++accepted;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(accepted, kStreams * kItems);
}

// A peer that sends one bad item and then nothing, and to whom writing throws.
struct ThrowingPeer : BodySource, BodySink {
  Task<Result<std::string_view>> next() override { co_return co_await next(0); }
  Task<Result<std::string_view>> next(int64_t) override {
    if (!std::exchange(begun, true)) co_return std::string_view("\0\0\0\1x", 5);
    reading = true;
    while (!cut) co_await told.wait();
    reading = false;
    co_return fail(Code::invalid_argument, "api.malformed");
  }
  Task<Status> write(std::string_view) override {
    while (!reading) co_await asio::post(co_await asio::this_coro::executor, use_task);
    throw std::runtime_error("no memory, say");
  }
  void abort() override {
    cut = true;
    told.set();
  }
  Signal told;
  bool begun = false, reading = false, cut = false;
};

TEST_F(StreamTest, AWriterThatThrowsWaitsForTheReader) {
  Options alone;
  alone.owner_token = kToken;
  App app(
      alone,
      Services{host.get(), evidence.get(), blobs.get(), database.get(), mirror.get(), jobs.get(), {}, {}});
  auto route = std::find_if(app.routes.begin(), app.routes.end(),
                            [](const Route& each) { return each.id == "streamTransactions"; });
  ASSERT_NE(route, app.routes.end());
  auto thread = std::make_shared<IoThread>();
  IoThread::current = thread.get();
  ThrowingPeer peer;
  Call call{.app = app, .route = *route, .request_id = "1"};
  call.principal = {"owner", true};
  call.path.set("chain", "default");
  call.media = kBinary;
  call.stream = &peer;
  std::string reason;
  bool reading = true;
  auto serve = [&]() -> Task<void> {
    auto response = co_await route->handler(call);
    if (!response) co_return;
    auto status = co_await response->stream(peer);
    reading = peer.reading;
    reason = status ? "none" : status.error().reason;
  };
  asio::co_spawn(thread->context, serve, [](std::exception_ptr thrown) { EXPECT_FALSE(thrown); });
  thread->context.run_for(std::chrono::seconds(10));
  IoThread::current = nullptr;
  EXPECT_EQ(reason, "api.internal");
  EXPECT_FALSE(reading) << "nothing reads from a peer that is gone";
}

TEST_F(StreamTest, WhatIsNoStreamIsRefusedAtOnce) {
  auto refused = [&](const std::string& type, const std::string& target) {
    return ask(port(), {.method = "POST", .target = target, .token = kToken, .type = type, .body = "{}"})
        .reason();
  };
  EXPECT_EQ(refused("application/json", kPath), "api.media_type");
  EXPECT_EQ(refused(kLines, "/api/v1/chains/none/transactions/stream"), "chain.not_found");
  EXPECT_EQ(ask(port(), {.method = "POST", .target = kPath, .type = kLines, .body = "{}"}).status, 401);
  StreamClient expecting(port(), start(kBinary, "", "Expect: 100-continue\r\n"));
  EXPECT_EQ(expecting.receive().status, 100);
  EXPECT_EQ(expecting.head(), 200);
  expecting.end();
  EXPECT_EQ(expecting.record()[0], 4);
}

}  // namespace
}  // namespace chengxin::api
