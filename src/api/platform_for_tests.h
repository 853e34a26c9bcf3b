#pragma once
// Everything below the API, real, in a temporary folder.
#include <gtest/gtest.h>

#include <cstdlib>

#include "access/service.h"
#include "api/pack_people.h"
#include "api/server.h"
#include "api/test_client.h"
#include "audit/log.h"
#include "authority/service.h"
#include "base/clock.h"
#include "blob/store.h"
#include "contract/registry.h"
#include "contract/testing.h"
#include "crypto/random.h"
#include "crypto/sm3.h"
#include "crypto/uuid.h"
#include "ethereum/contract.h"
#include "evidence/contract.h"
#include "evidence/service.h"
#include "host/host.h"
#include "jobs/jobs.h"
#include "merkle/item_tree.h"
#include "mirror/mirror.h"
#include "oidc/relying_party.h"
#include "record/installation.h"
#include "sql/database.h"

namespace chengxin::api {

inline const std::string kToken = "owner-token-of-the-tests-0123456789";

struct PlatformTest : testing::Test {
  fs::path folder;
  crypto::Sm2PrivateKey key = *crypto::Sm2PrivateKey::generate(), service_key = key;
  std::shared_ptr<const contract::Registry> contracts = std::make_shared<contract::Registry>(
      contract::Engines{{format::ContractEngine::wasm, std::make_shared<contract::testing::ScriptEngine>()}});
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<blob::Store> blobs;
  std::unique_ptr<host::Host> host;
  std::unique_ptr<mirror::Mirror> mirror;
  std::unique_ptr<evidence::Service> evidence;
  std::unique_ptr<record::Installation> packs;
  std::unique_ptr<PackPeople> staff;
  std::unique_ptr<cases::Desk> desk;  // with access
  std::vector<crypto::Sm2PublicKey> pack_signers;
  std::unique_ptr<jobs::Runner> jobs;
  std::unique_ptr<audit::Log> audit;
  std::unique_ptr<authority::Service> authority;
  std::unique_ptr<oidc::RelyingParty> oidc;
  std::unique_ptr<access::Service> access;  // none unless open_access() makes one
  std::unique_ptr<Server> server;
  order::SoloOptions solo;
  admission::Options admission;
  Options options;

  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "chengxin-api-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    open();
  }
  void TearDown() override {
    close();
    fs::remove_all(folder);
  }

  void open() {
    database = take(sql::Database::open({.url = "sqlite:" + (folder / "test.db").string()}));
    blobs = take(blob::Store::open_folder(folder / "blobs", Bytes(16, 7)));
    host::Options host_options{
        .root = folder / "chains", .validator_key = key, .ledger = {}, .solo = solo, .accounts = {}};
    host_options.ledger.contracts = evidence::contract();
    for (auto& each : ethereum::contract_methods(contracts)) host_options.ledger.contracts.push_back(each);
    host_options.ledger = contract::with_contracts(contracts, std::move(host_options.ledger));
    host_options.admission = admission;
    host_options.accounts = {{key.public_key().point(), {"governor", "writer"}}};
    host = std::make_unique<host::Host>(host_options);
    ASSERT_TRUE(host->open_all());
    if (host->list().empty()) {
      ASSERT_TRUE(host->create("default", {}, now_ms()));
    }
    mirror = take(mirror::Mirror::open(*database));
    auto chain = *host->find("default");
    mirror->add(mirror::reader_of({chain, chain->ledger.get()}));
    host->subscribe([this](const host::ChainPtr& one, uint64_t) { mirror->notify(one->ledger->id()); });
    evidence::Options evidence_options;
    evidence_options.service_key = service_key;
    evidence_options.now_ms = now_ms;
    evidence = take(evidence::Service::open(*host, *database, *blobs, evidence_options));
    const auto make_id = [] { return crypto::to_text(crypto::IdSource().next(now_ms())); };
    packs = take(record::Installation::open(*database, {Bytes(16, 5), now_ms, make_id}));
    jobs = std::make_unique<jobs::Runner>(now_ms);
    audit::Options audit_options = audit::options_for(folder, key);
    audit_options.now_ms = now_ms;
    audit_options.pause_ms = 50;
    audit = take(audit::Log::open(audit_options));
    authority = take(authority::Service::open(*database, {.folder = folder / "keys" / "ca",
                                                          .keys = std::make_shared<keys::OwnKeys>(folder),
                                                          .now_ms = now_ms}));
    open_access();
    if (access) {
      staff = std::make_unique<PackPeople>(*access, *packs);
      desk = take(cases::Desk::open(*database, *packs, *staff, now_ms));
    }
    start_server();
  }
  virtual void open_access() {}
  void start_server() {
    options.port = 0;
    options.owner_token = kToken;
    options.io_threads = 2;
    Services services;
    services.host = host.get();
    services.evidence = evidence.get();
    services.blobs = blobs.get();
    services.database = database.get();
    services.mirror = mirror.get();
    services.jobs = jobs.get();
    services.contracts = contracts;
    services.packs = packs.get();
    services.pack_signers = [this] { return pack_signers; };
    services.cases = desk.get();
    services.service_key = service_key;
    services.authority = authority.get();
    services.audit = audit.get();
    services.access = access.get();
    services.oidc = oidc.get();
    server = std::make_unique<Server>(options, std::move(services));
    auto status = server->start();
    ASSERT_TRUE(status) << status.error().to_string();
  }
  void close() {
    server.reset();
    audit.reset();
    desk.reset();
    staff.reset();
    access.reset();
    jobs.reset();
    packs.reset();
    authority.reset();
    if (evidence) evidence->stop();
    evidence.reset();
    if (host) host->stop();
    mirror.reset();
    host.reset();
  }

  uint16_t port() const { return server->port(); }
  Reply get(const std::string& target) { return ask(port(), {.target = target, .token = kToken}); }
  Reply post(const std::string& target, const Json& body, std::map<std::string, std::string> headers = {}) {
    return ask(port(), {.method = "POST",
                        .target = target,
                        .token = kToken,
                        .type = "application/json",
                        .body = body.dump(),
                        .headers = std::move(headers)});
  }

  // A signed transaction that anchors the digests.
  std::string envelope(const std::vector<Digest>& digests) {
    Bytes items;
    for (const auto& digest : digests) append(items, digest);
    format::TransactionBody body;
    auto chain = *host->find("default");
    body.chain = chain->ledger->id();
    body.signer = format::key_id(key.public_key().point());
    body.valid_from_ms = uint64_t(now_ms() - 1000);
    body.valid_until_ms = uint64_t(now_ms() + 60'000);
    crypto::random_fill(body.nonce);
    format::EvidenceAdd add{merkle::Items::root(merkle::Items::group_hashes(items, 32)), digests.size(), 32};
    body.calls = {{"evidence", "add", format::encode_evidence_add(add)}};
    return to_string(*format::sign_transaction(body, key, std::array{items}));
  }
  Digest random_digest() {
    Digest out;
    crypto::random_fill(out);
    return out;
  }
  Reply submit(const std::string& bytes, const std::string& query = "") {
    return ask(port(), {.method = "POST",
                        .target = "/api/v1/chains/default/transactions" + query,
                        .token = kToken,
                        .type = "application/x-protobuf",
                        .body = bytes});
  }

  template <typename T>
  T take(Result<T> result) {
    EXPECT_TRUE(result) << (result ? "" : result.error().to_string());
    return std::move(*result);
  }
};

}  // namespace chengxin::api
