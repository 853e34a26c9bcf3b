#include <set>

#include "api/idempotency.h"
#include "api/platform_for_tests.h"
#include "proof/bundle.h"

namespace chengxin::api {
namespace {

using ApiTest = PlatformTest;
const std::string kChain = "/api/v1/chains/default";

void each_reference(const Json& value, const std::function<void(const std::string&)>& visit) {
  if (value.is_object() && value.contains("$ref")) visit(value["$ref"]);
  if (value.is_structured())
    for (const auto& child : value) each_reference(child, visit);
}

TEST_F(ApiTest, TheDocumentIsWholeAndItsRowsNeedTheirToken) {
  Json document = ask(port(), {.target = "/api/v1/openapi.json"}).json();
  ASSERT_EQ(document["openapi"], "3.1.0");
  each_reference(document, [&](const std::string& reference) {
    ASSERT_TRUE(reference.starts_with("#/"));
    EXPECT_TRUE(document.contains(Json::json_pointer(reference.substr(1)))) << reference;
  });
  const std::set<std::string> open = {"/healthz",
                                      "/readyz",
                                      "/docs",
                                      "/docs/docs.js",
                                      "/docs/docs.css",
                                      "/verify",
                                      "/api/v1/openapi.json",
                                      "/api/v1/verify",
                                      "/api/v1/authority/certificates/{id}",
                                      "/api/v1/authority/crl",
                                      "/api/v1/authority/ocsp",
                                      "/api/v1/authority/ocsp/{request}"};
  std::set<std::string> ids;
  size_t closed = 0;
  for (auto& [path, methods] : document["paths"].items())
    for (auto& [method, operation] : methods.items()) {
      EXPECT_TRUE(ids.insert(operation["operationId"]).second) << path;
      EXPECT_FALSE(operation["summary"].get<std::string>().empty()) << path;
      EXPECT_FALSE(operation["x-summary-en"].get<std::string>().empty()) << path;
      EXPECT_TRUE(operation["responses"].contains("default")) << path;
      for (auto& [status, answer] : operation["responses"].items()) {
        auto chinese = answer["description"].get<std::string>();
        EXPECT_TRUE(std::any_of(chinese.begin(), chinese.end(), [](char c) { return c < 0; }))
            << path << status;
        EXPECT_FALSE(answer.value("x-description-en", "").empty()) << path << status;
      }
      if (open.count(path)) {
        EXPECT_TRUE(operation["security"].empty()) << path;
        continue;
      }
      ++closed;
      EXPECT_EQ(operation["security"], Json::parse(R"([{"bearer":[]}])")) << path;
      std::string target = path, upper = method;
      for (size_t at; (at = target.find('{')) != target.npos;)
        target.replace(at, target.find('}') - at + 1, "0");
      for (char& c : upper) c = char(std::toupper(c));
      EXPECT_EQ(ask(port(), {.method = upper, .target = target}).status, 401) << method << ' ' << path;
      EXPECT_EQ(ask(port(), {.method = upper, .target = target, .token = "cxt_0123456789abcdef_00"}).reason(),
                "auth.invalid");
    }
  EXPECT_GT(closed, 25u);
}

TEST_F(ApiTest, JsonBodiesAreStrict) {
  auto send = [&](const std::string& body) {
    return ask(port(), {.method = "POST",
                        .target = "/api/v1/evidence",
                        .token = kToken,
                        .type = "application/json",
                        .body = body});
  };
  const std::string digest = "\"digest\":\"" + std::string(64, 'a') + "\"";
  struct Case {
    std::string body, reason, detail;
  };
  const Case cases[] = {
      {"", "json.syntax", ""},
      {"{", "json.syntax", ""},
      {"{} x", "json.syntax", ""},
      {"[]", "api.wrong_type", "/: "},
      {"{" + digest + "," + digest + "}", "json.duplicate_key", "digest"},
      {"{\"title\":\"\xff\"," + digest + "}", "json.not_utf8", ""},
      {"{\"capture\":" + std::string(100'000, '[') + "}", "json.too_deep", ""},
      {"{}", "api.missing_field", "/digest"},
      {"{" + digest + ",\"colour\":1}", "api.unknown_field", "/colour"},
      {"{\"digest\":7}", "api.wrong_type", "/digest"},
      {"{\"digest\":\"ab\"}", "api.bad_format", "/digest"},
      {"{\"digest\":\"" + std::string(64, 'g') + "\"}", "api.bad_format", "/digest"},
      {"{" + digest + ",\"tags\":[\"a\",1]}", "api.wrong_type", "/tags/1"},
      {"{" + digest + ",\"size\":-1}", "api.out_of_range", "/size"},
      {"{" + digest + ",\"size\":1.5}", "api.wrong_type", "/size"},
      {"{" + digest + ",\"further_digests\":{\"a/b\":\"zz\"}}", "api.bad_format", "/further_digests/a~1b"},
      {"{" + digest + ",\"chain\":\"nowhere\"}", "chain.not_found", ""},
  };
  for (const auto& one : cases) {
    Reply reply = send(one.body);
    EXPECT_EQ(reply.reason(), one.reason) << one.body.substr(0, 100);
    EXPECT_NE(reply.json().value("detail", "").find(one.detail), std::string::npos) << reply.body;
  }
}

TEST_F(ApiTest, BodiesAreJudgedByTheirHeaderFirst) {
  const std::string start =
      "POST /api/v1/evidence HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + kToken + "\r\n";
  auto raw = [&](const std::string& rest, bool end = false) {
    TestClient client(port());
    client.send(start + rest);
    if (end) client.end_writing();
    return client.receive();
  };
  EXPECT_EQ(raw("Content-Type: application/json\r\n\r\n").status, 411);
  EXPECT_EQ(raw("Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}").status, 415);
  EXPECT_EQ(
      raw("Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}").status,
      415);
  EXPECT_EQ(raw("Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n").status, 413);
  EXPECT_EQ(raw("Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{}", true).status, 400)
      << "truncated";
  std::string chunk(64 << 10, ' ');
  std::string chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(raw(chunked + "2\r\n{}\r\n0\r\n\r\n").reason(), "api.missing_field") << "a chunked body is read";
  EXPECT_EQ(raw(chunked + "zz\r\n{}\r\n0\r\n\r\n").status, 400);
  EXPECT_EQ(raw(chunked + "2\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n").status, 400);
  for (int i = 0; i < 20; ++i) chunked += "10000\r\n" + chunk + "\r\n";
  EXPECT_EQ(raw(chunked + "0\r\n\r\n").status, 413);
  TestClient expecting(port());
  expecting.send(start +
                 "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(expecting.receive().status, 100);
  expecting.send("{}");
  EXPECT_EQ(expecting.receive().reason(), "api.missing_field");
}

TEST_F(ApiTest, ATransactionIsSubmittedFoundAndProved) {
  std::vector<Digest> digests = {random_digest(), random_digest(), random_digest()};
  std::string bytes = envelope(digests);
  Reply submitted = submit(bytes);
  ASSERT_EQ(submitted.status, 201) << submitted.body;
  Json receipt = submitted.json();
  EXPECT_EQ(receipt["accepted"], true);
  std::string hash = receipt["transaction"];
  EXPECT_EQ(submitted.header("location"), kChain + "/transactions/" + hash);
  EXPECT_EQ(get(kChain + "/transactions/" + hash + "/receipt").json(), receipt);
  Json transaction = get(kChain + "/transactions/" + hash).json();
  EXPECT_EQ(transaction["calls"][0]["contract"], "evidence");
  EXPECT_EQ(transaction["receipt"], receipt);

  EXPECT_EQ(submit(bytes).reason(), "transaction.duplicate");
  Digest bent_digest = random_digest();
  std::string bent = envelope({bent_digest});
  bent[bent.find(std::string(text(bent_digest)))] ^= 1;
  EXPECT_NE(submit(bent).status, 409);
  EXPECT_EQ(get(kChain + "/items/" + hex(bent_digest)).json()["items"].size(), 0u);
  EXPECT_EQ(submit("nonsense").reason(), "transaction.malformed");

  Json found = get(kChain + "/items/" + hex(digests[1])).json();
  ASSERT_EQ(found["items"].size(), 1u) << found;
  EXPECT_EQ(found["items"][0]["index"], 1);
  Reply proof = get(kChain + "/items/" + hex(digests[1]) + "/proof?timestamp=false");
  ASSERT_EQ(proof.status, 200) << proof.body;
  auto facts = proof::verify(view(proof.body), {}, digests[1]);
  EXPECT_TRUE(facts) << facts.error().to_string();
  auto verdict = [&](const std::string& query, const std::string& body) {
    return ask(port(), {.method = "POST",
                        .target = "/api/v1/verify" + query,
                        .type = "application/x-cxproof",
                        .body = body})
        .json();
  };
  EXPECT_EQ(verdict("?chain=default&digest=" + hex(digests[1]), proof.body)["valid"], true);
  EXPECT_EQ(verdict("?digest=" + hex(digests[2]), proof.body)["reason"], "proof.file_mismatch");
  EXPECT_EQ(verdict("", "CXPROOF")["reason"], "proof.malformed");
  EXPECT_EQ(get(kChain + "/transactions/" + hex(random_digest())).status, 404);
  EXPECT_EQ(get("/api/v1/chains/nowhere").reason(), "chain.not_found");
}

TEST_F(ApiTest, JsonTransactionsAndNotWaiting) {
  auto decoded = *format::decode_transaction(view(envelope({random_digest()})));
  Json body = {{"body", base64(decoded.body_bytes)},
               {"signature", base64(decoded.signature)},
               {"attachments", {base64(decoded.attachments[0])}}};
  EXPECT_EQ(post(kChain + "/transactions", body).status, 201);
  Reply accepted = submit(envelope({random_digest()}), "?wait=none");
  EXPECT_EQ(accepted.status, 202);
  for (int i = 0; i < 500 && get(accepted.header("location")).status != 200; ++i) ::usleep(10'000);
  EXPECT_EQ(get(accepted.header("location")).status, 200);
  EXPECT_EQ(submit(envelope({random_digest()}), "?wait=forever").reason(), "api.out_of_range");
}

TEST_F(ApiTest, BlocksPagesConsistencyAndState) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(submit(envelope({random_digest()})).status, 201);
  std::vector<int> heights;
  std::string target = kChain + "/blocks?limit=2";
  while (!target.empty()) {
    Reply reply = get(target);
    ASSERT_EQ(reply.status, 200) << reply.body;
    Json body = reply.json();
    for (auto& block : body["items"]) heights.push_back(block["height"]);
    std::string link = reply.header("link");
    EXPECT_EQ(link.empty(), !reply.json().contains("next"));
    target = link.empty() ? "" : link.substr(1, link.find('>') - 1);
  }
  EXPECT_EQ(heights, (std::vector<int>{5, 4, 3, 2, 1}));
  EXPECT_EQ(get(kChain + "/blocks/3").json()["transactions"].size(), 1u);
  EXPECT_EQ(get(kChain + "/blocks/6").reason(), "ledger.no_block");
  EXPECT_EQ(get(kChain + "/blocks/x").reason(), "api.wrong_type");
  EXPECT_EQ(get(kChain + "/consistency?from=2&to=5").status, 200);
  EXPECT_EQ(get(kChain + "/consistency?from=5&to=2").status, 400);
  EXPECT_EQ(get(kChain + "/consistency?from=5").reason(), "api.missing_parameter");
  Json state = get(kChain + "/state/" + hex(view("chain/validators"))).json();
  EXPECT_TRUE(state["value"].is_string()) << state;
  Json absent = get(kChain + "/state/" + hex(view("no/such/key"))).json();
  EXPECT_TRUE(absent["value"].is_null()) << absent;
  EXPECT_EQ(get(kChain).json()["height"], 5);
  EXPECT_EQ(post("/api/v1/chains", {{"name", "second"}}).status, 201);
  EXPECT_EQ(post("/api/v1/chains", {{"name", "second"}}).reason(), "chain.exists");
  EXPECT_EQ(get("/api/v1/chains").json()["items"].size(), 2u);
  EXPECT_EQ(get(kChain + "/anchor").status, 200);
  auto chain = *host->find("default");
  ASSERT_TRUE(mirror->wait(chain->ledger->id(), 5000));
  EXPECT_EQ(get(kChain + "/transactions?limit=3").json()["items"].size(), 3u);
  EXPECT_EQ(get("/api/v1/mirror").json()["chains"][0]["height"], 5);
}

TEST_F(ApiTest, EvidenceFromRecordToBundle) {
  Digest digest = random_digest();
  Reply added = post("/api/v1/evidence?proof=true",
                     {{"digest", hex(digest)}, {"title", "合同"}, {"holder", "张三"}, {"tags", {"a"}}});
  ASSERT_EQ(added.status, 201) << added.body;
  Json one = added.json();
  EXPECT_EQ(one["state"], "anchored");
  auto inline_proof = unbase64(one["proof"].get<std::string>());
  ASSERT_TRUE(inline_proof);
  EXPECT_TRUE(proof::verify(*inline_proof, {}, digest));
  std::string id = one["id"];
  EXPECT_EQ(get("/api/v1/evidence/" + id).json()["title"], "合同");
  Reply bundle = get("/api/v1/evidence/" + id + "/bundle?disclose=title");
  ASSERT_EQ(bundle.status, 200) << bundle.body;
  auto facts = proof::verify(view(bundle.body), {}, digest);
  ASSERT_TRUE(facts) << facts.error().to_string();
  EXPECT_GT(facts->withheld_fields, 0u);

  Json items = Json::array();
  for (int i = 0; i < 30; ++i) items.push_back({{"digest", hex(random_digest())}, {"holder", "李四"}});
  items.push_back({{"digest", hex(digest)}});
  Reply batch = post("/api/v1/evidence/batch", {{"items", items}});
  ASSERT_EQ(batch.status, 201) << batch.body.substr(0, 300);
  EXPECT_EQ(batch.json()["items"].back()["same_digest"], Json::array({id}));
  std::set<std::string> seen;
  std::string target = "/api/v1/evidence?holder=%E6%9D%8E%E5%9B%9B&limit=7";
  while (!target.empty()) {
    Reply page = get(target);
    ASSERT_EQ(page.status, 200) << page.body;
    Json body = page.json();
    for (auto& item : body["items"]) EXPECT_TRUE(seen.insert(item["id"]).second);
    std::string link = page.header("link");
    target = link.empty() ? "" : link.substr(1, link.find('>') - 1);
  }
  EXPECT_EQ(seen.size(), 30u);
  EXPECT_EQ(get("/api/v1/evidence?digest=" + hex(digest)).json()["items"].size(), 2u);
  EXPECT_EQ(post("/api/v1/evidence?wait=accepted", {{"digest", hex(random_digest())}}).status, 202);
}

TEST_F(ApiTest, WhatTheChainRefusedIsAProblemAndStaysOne) {
  close();
  service_key = *crypto::Sm2PrivateKey::generate();  // no account of the chain
  open();
  Json one = {{"digest", hex(random_digest())}};
  for (int i = 0; i < 2; ++i) {
    Reply reply = post("/api/v1/evidence?proof=true", one, {{"Idempotency-Key", "refused"}});
    EXPECT_EQ(reply.status, 403) << reply.body;
    EXPECT_EQ(reply.reason(), "transaction.unknown_signer");
    EXPECT_EQ(reply.header("content-type"), "application/problem+json");
    EXPECT_EQ(get(reply.header("location")).json()["state"], "refused");
  }
  EXPECT_EQ(get("/api/v1/evidence").json()["items"].size(), 1u) << "the key kept the second from being added";
  Reply batch = post("/api/v1/evidence/batch", {{"items", {one, one}}});
  EXPECT_EQ(batch.status, 403) << batch.body;
  EXPECT_EQ(batch.reason(), "transaction.unknown_signer");
  EXPECT_EQ(post("/api/v1/evidence?wait=accepted", one).status, 202);
}

TEST_F(ApiTest, IdempotencyKeys) {
  const std::string target = "/api/v1/evidence";
  Json body = {{"digest", hex(random_digest())}}, other = {{"digest", hex(random_digest())}};
  Reply first = post(target, body, {{"Idempotency-Key", "k1"}});
  ASSERT_EQ(first.status, 201) << first.body;
  Reply again = post(target, body, {{"Idempotency-Key", "k1"}});
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("location"), first.header("location"));
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  EXPECT_EQ(post(target, other, {{"Idempotency-Key", "k1"}}).reason(), "idempotency.key_reused");
  EXPECT_EQ(post(target, body, {{"Idempotency-Key", "a b"}}).reason(), "idempotency.bad_key");
  EXPECT_EQ(
      post(target, {{"digest", hex(random_digest())}, {"chain", "nowhere"}}, {{"Idempotency-Key", "k2"}})
          .status,
      404);
  EXPECT_EQ(post(target, other, {{"Idempotency-Key", "k2"}}).status, 201) << "an error frees its key";

  // Of many at a time one is executed; the others get its answer or are told to wait.
  Json raced = {{"digest", hex(random_digest())}};
  std::vector<std::thread> threads;
  std::vector<Reply> replies(8);
  for (auto& reply : replies)
    threads.emplace_back([&, this] { reply = post(target, raced, {{"Idempotency-Key", "race"}}); });
  for (auto& thread : threads) thread.join();
  std::set<std::string> bodies;
  for (auto& reply : replies) {
    if (reply.status == 201)
      bodies.insert(reply.body);
    else
      EXPECT_EQ(reply.reason(), "idempotency.in_progress") << reply.body;
  }
  EXPECT_EQ(bodies.size(), 1u);
  EXPECT_EQ(get(target + "?digest=" + raced["digest"].get<std::string>()).json()["items"].size(), 1u);

  // A row that a dead process left behind.
  const std::string kept = hex(crypto::sm3(view("chengxin/api/idempotency/name/v1\nk1")));
  ASSERT_TRUE(database->transaction([&](sql::Session& session) -> Status {
    ASSIGN(auto row, session.row("select body from api_idempotency where key = ?", kept));
    EXPECT_EQ(to_string(row->blob(0)).find("digest"), std::string::npos) << "the answer is sealed";
    TRY(session.run("update api_idempotency set status = null where key = ?", kept));
    return {};
  }));
  EXPECT_EQ(post(target, body, {{"Idempotency-Key", "k1"}}).reason(), "idempotency.outcome_unknown");
  close();
  open();
  EXPECT_EQ(post(target, raced, {{"Idempotency-Key", "race"}}).body, *bodies.begin())
      << "kept over a restart";
}

TEST_F(ApiTest, OneCallersKeysDoNotTakeThoseOfOthers) {
  Idempotency keys(database.get());
  const auto begin = [&](const std::string& who, int key) {
    auto begun = keys.begin(who, std::to_string(key), random_digest(), now_ms());
    return begun ? "" : begun.error().reason;
  };
  const auto fill = [&](const std::string& who, int64_t rows) {
    ASSERT_TRUE(database->transaction([&](sql::Session& session) -> Status {
      TRY(session.run(
          "insert into api_idempotency (principal, key, digest, created_ms) with recursive n(i) as "
          "(select 1 union all select i + 1 from n where i < ?) select ?, 'x' || i, ?, ? from n",
          rows, who, random_digest(), now_ms()));
      return {};
    }));
    ASSERT_TRUE(keys.purge(now_ms()));
  };
  fill("a", Idempotency::kMaxRows / 4 - 1);
  ASSERT_EQ(begin("a", 1), "");
  EXPECT_EQ(begin("a", 2), "idempotency.full");
  EXPECT_EQ(begin("b", 1), "") << "others go on";
  ASSERT_TRUE(keys.abandon("a", "1"));
  EXPECT_EQ(begin("a", 2), "");
  for (const char* who : {"c", "d"}) fill(who, Idempotency::kMaxRows / 4);
  fill("e", Idempotency::kMaxRows / 4 - 2);  // one is left of all
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(begin("f", i), "") << "a failed call gives its place back";
    ASSERT_TRUE(keys.abandon("f", std::to_string(i)));
  }
  ASSERT_EQ(begin("f", 20), "");
  EXPECT_EQ(begin("g", 1), "idempotency.full") << "of all together";
}

TEST_F(ApiTest, TokensAreMadeUsedAndRevoked) {
  Json made = post("/api/v1/tokens", {{"name", "ci"}}).json();
  std::string token = made["token"];
  EXPECT_EQ(ask(port(), {.target = "/api/v1/chains", .token = token}).status, 200);
  EXPECT_EQ(ask(port(), {.target = "/api/v1/tokens", .token = token}).reason(), "auth.owner_only");
  std::string bent = token;
  bent.back() = bent.back() == '0' ? '1' : '0';
  EXPECT_EQ(ask(port(), {.target = "/api/v1/chains", .token = bent}).reason(), "auth.invalid");
  Json list = get("/api/v1/tokens").json();
  EXPECT_EQ(list["items"][0]["name"], "ci");
  EXPECT_EQ(list.dump().find(token.substr(21)), std::string::npos) << "the secret is not shown again";
  EXPECT_EQ(post("/api/v1/tokens", {{"name", "old"}, {"expires_ms", 5}}).reason(), "auth.expiry");
  Json brief = post("/api/v1/tokens", {{"name", "brief"}, {"expires_ms", now_ms() + 150}}).json();
  ::usleep(200'000);
  EXPECT_EQ(ask(port(), {.target = "/api/v1/chains", .token = brief["token"]}).reason(), "auth.expired");
  std::string path = "/api/v1/tokens/" + made["id"].get<std::string>();
  EXPECT_EQ(ask(port(), {.method = "DELETE", .target = path, .token = kToken}).status, 204);
  EXPECT_EQ(ask(port(), {.target = "/api/v1/chains", .token = token}).reason(), "auth.invalid");
  EXPECT_EQ(ask(port(), {.method = "DELETE", .target = path, .token = kToken}).reason(), "auth.no_token");
}

// Reads events until one has the id; heartbeats are skipped.
std::vector<std::string> read_ids(TestClient& client, const std::string& last) {
  std::vector<std::string> ids;
  std::string pending;
  while (ids.empty() || ids.back() != last) {
    size_t size = std::stoul("0" + client.read_line(), nullptr, 16);
    if (size == 0) break;
    pending += client.read_bytes(size);
    client.read_line();
    for (size_t end; (end = pending.find('\n')) != pending.npos; pending.erase(0, end + 1))
      if (pending.starts_with("id: ")) ids.push_back(pending.substr(4, end - 4));
  }
  return ids;
}

TEST_F(ApiTest, EventsComeOnceInOrderAndResume) {
  options.heartbeat_ms = 100;
  close();
  open();
  auto follow = [&](TestClient& client, const std::string& query, const std::string& last_id = "") {
    TestRequest request{.target = kChain + "/events" + query, .token = kToken};
    if (!last_id.empty()) request.headers["Last-Event-ID"] = last_id;
    client.send(request.text());
    std::string status = client.read_line();
    while (!client.read_line().empty()) {
    }
    return status;
  };
  TestClient live(port());
  EXPECT_NE(follow(live, "").find("200"), std::string::npos);
  ::usleep(150'000);
  std::string hash;
  for (int i = 0; i < 3; ++i) hash = submit(envelope({random_digest()})).json()["transaction"];
  EXPECT_EQ(read_ids(live, "3:0"), (std::vector<std::string>{"1", "1:0", "2", "2:0", "3", "3:0"}));
  TestClient resumed(port()), middle(port()), blocks(port()), one(port());
  follow(resumed, "?after=0", "1:0");
  EXPECT_EQ(read_ids(resumed, "3:0"), (std::vector<std::string>{"2", "2:0", "3", "3:0"}));
  follow(middle, "?after=2");
  EXPECT_EQ(read_ids(middle, "3:0"), (std::vector<std::string>{"2:0", "3", "3:0"}));
  follow(blocks, "?after=0&types=block");
  EXPECT_EQ(read_ids(blocks, "3"), (std::vector<std::string>{"1", "2", "3"}));
  follow(one, "?after=0&transaction=" + hash);
  EXPECT_EQ(read_ids(one, "3:0"), (std::vector<std::string>{"3:0"}));
  EXPECT_EQ(get(kChain + "/events?after=9").reason(), "api.bad_event_id");
  EXPECT_EQ(get(kChain + "/events?after=1:x").reason(), "api.bad_event_id");
  server->stop();  // ends the open streams
  EXPECT_TRUE(read_ids(live, "never").empty());
}

TEST_F(ApiTest, OriginalsAreStreamed) {
  std::string bytes(5'000'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = char(i * 2654435761u >> 24);
  Reply up = ask(port(), {.method = "POST",
                          .target = "/api/v1/originals",
                          .token = kToken,
                          .type = "application/octet-stream",
                          .body = bytes});
  ASSERT_EQ(up.status, 201) << up.body;
  EXPECT_EQ(up.json()["size"], bytes.size());
  EXPECT_EQ(up.json()["digest"], hex(crypto::sm3(view(bytes))));
  EXPECT_TRUE(get(up.header("location")).body == bytes);
  TestClient old(port());  // knows no chunks: the end of the connection is the end of the bytes
  old.send("GET " + up.header("location") + " HTTP/1.0\r\nAuthorization: Bearer " + kToken + "\r\n\r\n");
  const std::string whole = old.read_all();
  const size_t head_end = whole.find("\r\n\r\n");
  EXPECT_EQ(whole.substr(0, head_end).find("Content-Length"), whole.npos) << whole.substr(0, head_end);
  EXPECT_NE(whole.substr(0, head_end).find("Connection: close"), whole.npos);
  EXPECT_TRUE(whole.substr(head_end + 4) == bytes);
  EXPECT_EQ(get("/api/v1/originals/none").status, 404);
  Json record = {{"digest", up.json()["digest"]}, {"original", up.json()["original"]}};
  Json kept = post("/api/v1/evidence", record).json();
  EXPECT_EQ(kept["size"], bytes.size()) << kept;
  record["digest"] = hex(random_digest());
  Reply other = post("/api/v1/evidence", record);
  EXPECT_EQ(other.status, 400);
  EXPECT_EQ(other.reason(), "evidence.original_mismatch");
  Reply empty = ask(
      port(),
      {.method = "POST", .target = "/api/v1/originals", .token = kToken, .type = "application/octet-stream"});
  EXPECT_EQ(empty.json()["size"], 0);
}

// Each of them had a reader waiting for somebody to ask for the first piece, for ever.
TEST_F(ApiTest, ClientsThatResetTheirDownloadsTakeNoThreads) {
  server.reset();
  options.max_streams = 2;
  start_server();
  Reply up = ask(port(), {.method = "POST",
                          .target = "/api/v1/originals",
                          .token = kToken,
                          .type = "application/octet-stream",
                          .body = std::string(3'000'000, 'x')});
  ASSERT_EQ(up.status, 201) << up.body;
  const std::string target = up.header("location");
  for (int i = 0; i < 50; ++i) {
    TestClient client(port());
    client.send(TestRequest{.target = target, .token = kToken}.text());
    linger at_once{1, 0};
    ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  Reply down;
  for (int i = 0; i < 200 && down.status != 200; ++i) {
    down = get(target);
    if (down.status != 200) ::usleep(20'000);
  }
  EXPECT_EQ(down.status, 200) << down.body;
  EXPECT_EQ(down.body.size(), 3'000'000u);
}

TEST_F(ApiTest, ABrokenUploadLeavesNothing) {
  {
    TestClient client(port());
    client.send("POST /api/v1/originals HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + kToken +
                "\r\nContent-Type: application/octet-stream\r\nContent-Length: 9000000\r\n\r\n" +
                std::string(3'000'000, 'x'));
    client.end_writing();
    EXPECT_EQ(client.receive().reason(), "api.malformed");
  }
  size_t count = 0;
  ASSERT_TRUE(blobs->list([&](const std::string&) -> Status {
    ++count;
    return {};
  }));
  EXPECT_EQ(count, 0u);
}

TEST_F(ApiTest, BackPressureSaysWhenToComeAgain) {
  server.reset();
  options.max_queued_work = 0;
  start_server();
  Reply reply = get("/api/v1/chains");
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.reason(), "api.busy");
  EXPECT_GE(std::stoi(reply.header("retry-after")), 1);
  TestRequest verify{
      .method = "POST", .target = "/api/v1/verify", .type = "application/x-cxproof", .body = "?"};
  EXPECT_EQ(ask(port(), verify).json()["reason"], "proof.malformed") << "strangers' bundles have their own";
}

TEST_F(ApiTest, BodiesOfAllRequestsTogetherAreBounded) {
  server.reset();
  options.max_body_bytes_held = 1 << 20;
  start_server();
  TestRequest request{.method = "POST", .target = "/api/v1/verify", .type = "application/x-cxproof"};
  request.body = std::string(700'000, 'x');
  auto until = [&](int status) {
    Reply reply;
    for (int i = 0; i < 250 && reply.status != status; ++i) {
      reply = ask(port(), request);
      if (reply.status != status) ::usleep(20'000);
    }
    return reply;
  };
  EXPECT_EQ(until(200).status, 200);
  {
    TestClient slow(port());
    slow.send(request.text().substr(0, 600'000));
    Reply reply = until(429);
    EXPECT_EQ(reply.reason(), "api.busy") << reply.body;
  }
  EXPECT_EQ(until(200).status, 200) << "what the slow one held is free again";
}

TEST_F(ApiTest, TheDocumentationNeedsNothingFromOutside) {
  Reply page = ask(port(), {.target = "/docs"});
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.header("content-security-policy").find("default-src 'none'"), std::string::npos);
  for (std::string target : {"/docs", "/docs/docs.js", "/docs/docs.css"}) {
    Reply asset = ask(port(), {.target = target});
    EXPECT_GT(asset.body.size(), 500u) << target;
    EXPECT_EQ(asset.body.find("http:"), std::string::npos) << target;
    EXPECT_EQ(asset.body.find("https:"), std::string::npos) << target;
  }
}

}  // namespace
}  // namespace chengxin::api
