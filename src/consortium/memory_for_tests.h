#pragma once
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <set>

#include "consortium/service.h"
#include "crypto/sm3.h"
#include "format/protocol.h"
#include "ledger/testing.h"

// Nodes of several organisations in one process: real ledgers that one orderer feeds, and links in memory
// that check certificates and admission as real ones do.
namespace chengxin::consortium::testing {

inline constexpr int64_t kStartMs = 1'790'000'000'000;

class MemoryLinks;

struct Network {
  std::mutex mutex;
  std::condition_variable answered;
  std::map<std::string, MemoryLinks*> listening;  // by address
  std::atomic<int64_t> now_ms = kStartMs;
  std::vector<std::string> said;  // "from call chain" of everything sent, to see who learnt what
};

class MemoryConnection : public link::Connection, public std::enable_shared_from_this<MemoryConnection> {
 public:
  MemoryConnection(Network& network, link::Topic topic, link::Peer peer, link::Handlers handlers)
      : network_(network), topic_(topic), peer_(std::move(peer)), handlers_(std::move(handlers)) {}
  void join(const std::shared_ptr<MemoryConnection>& other) { other_ = other; }
  const link::Peer& peer() const override { return peer_; }
  const link::Topic& topic() const override { return topic_; }
  Status send(Bytes message) override {
    auto other = other_.lock();
    if (!open || !other) return fail(Code::unavailable, "link.closed");
    {
      std::lock_guard lock(network_.mutex);
      network_.said.push_back(peer_.certificate.subject_text() + " " + to_string(message));
    }
    other->handlers_.on_message(other, std::move(message));
    return {};
  }
  void close(std::string_view why) override { end({Code::unavailable, "link.closed", std::string(why)}); }
  void end(const Error& why) {
    auto other = other_.lock();
    for (auto* each : {this, other.get()})
      if (each && each->open.exchange(false)) each->handlers_.on_close(each->shared_from_this(), why);
  }
  void begin() { handlers_.on_open(shared_from_this()); }
  std::atomic<bool> open = true;

 private:
  Network& network_;
  link::Topic topic_;
  link::Peer peer_;
  link::Handlers handlers_;
  std::weak_ptr<MemoryConnection> other_;
};

class MemoryLinks : public link::Links {
 public:
  MemoryLinks(Network& network, std::string address, link::Credentials credentials, link::TrustOf trust,
              link::Admits admits)
      : network_(network),
        address_(std::move(address)),
        credentials_(std::move(credentials)),
        trust_(std::move(trust)),
        admits_(std::move(admits)) {
    std::lock_guard lock(network_.mutex);
    if (!address_.empty()) network_.listening[address_] = this;
  }
  ~MemoryLinks() override {
    std::vector<std::shared_ptr<MemoryConnection>> all;
    {
      std::unique_lock lock(network_.mutex);
      if (!address_.empty() && network_.listening[address_] == this) network_.listening.erase(address_);
      network_.answered.wait(lock, [&] { return answering_ == 0; });
      all.swap(connections_);
    }
    for (auto& each : all) each->close("links end");
  }
  uint16_t port() const override { return 7443; }
  void serve(const link::Topic& topic, link::Handlers handlers) override {
    std::lock_guard lock(network_.mutex);
    if (topic.purpose == link::Purpose::member) member_ = std::move(handlers);
  }
  void stop_serving(const link::Topic&) override {}
  Keeper keep(const link::Topic& topic, const link::Address& to, const crypto::Sm2Point& key,
              link::Handlers handlers) override {
    return dial(topic, to, key, std::move(handlers));
  }
  Keeper dial(const link::Topic& topic, const link::Address& to, const crypto::Sm2Point& key,
              link::Handlers handlers) override {
    std::shared_ptr<MemoryConnection> mine, theirs;
    auto refuse = [&](const Error& why) { handlers.on_close(nullptr, why); };
    link::Handlers member;
    MemoryLinks* other = nullptr;
    {
      std::lock_guard lock(network_.mutex);
      auto found = network_.listening.find(to.host + ":" + std::to_string(to.port));
      if (found != network_.listening.end()) other = found->second;
      if (other && other->member_) member = *other->member_;
      if (other) ++other->answering_;
    }
    const auto done = [&](MemoryLinks* answering) {
      std::lock_guard lock(network_.mutex);
      --answering->answering_;
      network_.answered.notify_all();
    };
    const std::unique_ptr<MemoryLinks, decltype(done)> answering(other, done);
    if (!other || !member.on_message) {
      refuse({Code::unavailable, "link.unreachable", to.host});
      return nullptr;
    }
    const auto now = network_.now_ms.load();
    auto them = seen(trust_(topic), other->credentials_, now),
         us = seen(other->trust_(topic), credentials_, now);
    Status fine = them ? Status() : Status(tl::unexpected(them.error()));
    if (fine && !us) fine = tl::unexpected(us.error());
    if (fine && them->key != key) fine = fail(Code::forbidden, "link.other_key");
    if (fine) fine = admits_(topic, *them);
    if (fine) fine = other->admits_(topic, *us);
    if (!fine) {
      refuse(fine.error());
      return nullptr;
    }
    mine = std::make_shared<MemoryConnection>(network_, topic, *them, std::move(handlers));
    theirs = std::make_shared<MemoryConnection>(network_, topic, *us, member);
    mine->join(theirs);
    theirs->join(mine);
    {
      std::lock_guard lock(network_.mutex);
      other->connections_.push_back(theirs);
    }
    theirs->begin();
    mine->begin();
    return mine;
  }
  Result<Tunnel> tunnel(const Digest&, const link::Address&, const crypto::Sm2Point&) override {
    return fail(Code::unsupported, "test.tunnel");
  }
  void serve_engine(const Digest&, uint16_t) override {}
  void stop_serving_engine(const Digest&) override {}
  void recheck() override {}
  std::vector<State> list() const override { return {}; }

 private:
  Result<link::Peer> seen(const link::Trust& trust, const link::Credentials& shown, int64_t now_ms) {
    ASSIGN(auto chain,
           crypto::verify_chain(shown.sign, shown.chain, trust.roots,
                                {.at_ms = now_ms, .purpose = crypto::Purpose::tls_sign, .crls = trust.crls}));
    return link::Peer{shown.sign, shown.sign.public_key->point(), chain.back(), "memory", 0};
  }

  Network& network_;
  std::string address_;
  link::Credentials credentials_;
  link::TrustOf trust_;
  link::Admits admits_;
  std::optional<link::Handlers> member_;
  std::vector<std::shared_ptr<MemoryConnection>> connections_;
  int answering_ = 0;  // that dial this one now
};

// All chains of all nodes.
struct World {
  struct Member {
    std::string node;
    std::shared_ptr<ledger::Ledger> ledger;
    bool stopped = false;
    std::optional<size_t> away_from;  // the first block that it does not get
  };
  struct Chain {
    std::string genesis;
    std::vector<std::pair<Bytes, int64_t>> blocks;  // one transaction each
    std::vector<Member> members;
  };
  std::recursive_mutex mutex;
  Network network;
  std::map<Digest, Chain> chains;
  std::vector<std::function<std::vector<crypto::Sm2PrivateKey>()>> keys;
  std::vector<std::function<void(const Digest&)>> changed;

  Status add(ledger::Ledger& on, const Bytes& envelope, int64_t time_ms, ledger::Ledger::Executed* out) {
    ASSIGN(auto admitted, on.admit(envelope, time_ms));
    ASSIGN(auto executed, on.execute(std::span(&admitted, 1), time_ms));
    if (!executed.dropped.empty()) return tl::unexpected(executed.dropped[0].second);
    format::Certificate certificate;
    const auto set = on.head().next_validators;
    for (size_t i = 0; i < set.members.size(); ++i)
      for (const auto& of_node : keys)
        for (const auto& key : of_node())
          if (key.public_key().point() == set.members[i].public_key)
            certificate.entries.push_back(
                {uint16_t(i), *key.sign(format::certificate_message(executed.header_hash))});
    TRY(on.commit(executed, certificate));
    if (out) *out = std::move(executed);
    return {};
  }
  // A node that gets no blocks, until it is back and gets them all.
  void leave(const std::string& node) {
    std::lock_guard lock(mutex);
    for (auto& [id, chain] : chains)
      for (Member& member : chain.members)
        if (member.node == node) member.away_from = chain.blocks.size();
  }
  void come_back(const std::string& node) {
    std::lock_guard lock(mutex);
    for (auto& [id, chain] : chains) {
      for (Member& member : chain.members) {
        if (member.node != node || !member.away_from) continue;
        for (size_t i = *member.away_from; i < chain.blocks.size(); ++i)
          EXPECT_TRUE(add(*member.ledger, chain.blocks[i].first, chain.blocks[i].second, nullptr));
        member.away_from.reset();
      }
      for (const auto& tell : changed) tell(id);
    }
  }
};

class MemoryChains : public Chains {
 public:
  MemoryChains(World& world, std::string node, fs::path folder)
      : world_(world), node_(std::move(node)), folder_(std::move(folder)) {}

  std::vector<LedgerPtr> list() const override {
    std::lock_guard lock(world_.mutex);
    std::vector<LedgerPtr> out;
    for (const auto& [id, chain] : world_.chains)
      for (const auto& member : chain.members)
        if (member.node == node_) out.push_back(member.ledger);
    return out;
  }
  Result<Outcome> submit(const Digest& id, Bytes envelope) override {
    Outcome out;
    {
      std::lock_guard lock(world_.mutex);
      World::Chain& chain = world_.chains[id];
      const int64_t time_ms = world_.network.now_ms += 10;
      for (auto& member : chain.members) {
        if (member.away_from) continue;
        ledger::Ledger::Executed executed;
        TRY(world_.add(*member.ledger, envelope, time_ms, &executed));
        const auto receipt = format::Receipt::decode(executed.receipts[0]).value();
        const auto record = member.ledger->transaction(executed.included[0]->hash).value();
        out = {receipt.status, receipt.height, to_string(record.output)};
      }
      chain.blocks.emplace_back(std::move(envelope), time_ms);
    }
    for (const auto& tell : world_.changed) tell(id);
    return out;
  }
  Status start(std::string_view genesis) override {
    std::lock_guard lock(world_.mutex);
    const Digest id = format::Genesis::chain_id(genesis);
    World::Chain& chain = world_.chains[id];
    for (const auto& member : chain.members)
      if (member.node == node_) return fail(Code::conflict, "chain.exists");
    chain.genesis = genesis;
    ledger::Options options;
    options.highest_protocol = format::kNewestProtocol;
    ASSIGN(auto ledger, ledger::Ledger::create(folder_ / hex(id).substr(0, 16), genesis, options));
    for (const auto& [envelope, time_ms] : chain.blocks) TRY(world_.add(*ledger, envelope, time_ms, nullptr));
    chain.members.push_back({node_, std::move(ledger), false, std::nullopt});
    return {};
  }
  Status stop(const Digest& id) override {
    std::lock_guard lock(world_.mutex);
    for (auto& member : world_.chains[id].members)
      if (member.node == node_) member.stopped = true;
    return {};
  }
  Result<EngineKeys> engine_keys(const std::string& chain) override {
    if (no_keys) return fail(Code::unavailable, "engine.not_found");
    EngineKeys out;
    const Digest digest = crypto::sm3(view(node_ + "/" + chain));
    std::copy_n(digest.begin(), 32, out.key.begin());
    std::copy_n(digest.begin() + 4, 20, out.id.begin());
    return out;
  }
  Result<EngineKeys> next_engine_keys(const std::string& chain) override {
    return engine_keys(chain + ".next");
  }
  State state(const Digest&) const override {
    std::lock_guard lock(world_.mutex);
    return {7, 0, 3, trouble_.empty(), trouble_};
  }
  void stand(std::string trouble) {  // of every engine; empty: it runs
    std::lock_guard lock(world_.mutex);
    trouble_ = std::move(trouble);
  }
  bool stopped(const Digest& id) const {
    std::lock_guard lock(world_.mutex);
    for (const auto& member : world_.chains[id].members)
      if (member.node == node_) return member.stopped;
    return false;
  }
  bool no_keys = false;  // the engine cannot make any

 private:
  World& world_;
  std::string node_, trouble_;
  fs::path folder_;
};

// One installation.
struct TestNode {
  // With a port: links over TLCP on it, else in memory.
  TestNode(World& world, const fs::path& root, std::string node, std::string organisation, uint16_t port = 0)
      : names{std::move(organisation), "Office of " + node, node,
              port ? "127.0.0.1:" + std::to_string(port) : node + ".example:7443"},
        real_links(port != 0),
        folder(root / node),
        network(world.network),
        chains(world, node, folder / "chains") {
    fs::create_directories(folder / "chains");
    open();
    world.keys.push_back(
        [this] { return service ? service->signing_keys() : std::vector<crypto::Sm2PrivateKey>{validator}; });
    world.changed.push_back([this](const Digest& chain) {
      if (service) service->on_changed(chain);
    });
  }
  void open() {
    ServiceOptions options;
    options.folder = folder / "consortium";
    options.validator_key = validator;
    options.service_key = services.public_key().point();
    options.version = "1";
    options.tick_ms = 50;
    options.behind_ms = behind_ms;
    options.now_ms = [this] { return network.now_ms.load(); };
    options.start_links = [this](link::Credentials credentials, link::TrustOf trust, link::Admits admits,
                                 const link::Options& links) -> Result<std::unique_ptr<link::Links>> {
      const bool listens = links.listen != "127.0.0.1:0";
      if (listens) listened = links.listen;
      if (taken.contains(links.listen)) return fail(Code::conflict, "link.listen", "{}", links.listen);
      return std::unique_ptr<link::Links>(std::make_unique<MemoryLinks>(network, listens ? names.address : "",
                                                                        std::move(credentials),
                                                                        std::move(trust), std::move(admits)));
    };
    if (real_links) {
      options.start_links = link::Links::start;
      options.listen = names.address;
    }
    auto opened = Service::open(std::move(options), chains);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().to_string());
    service = std::move(*opened);
  }
  Names names;
  bool real_links = false;
  int behind_ms = 20;
  std::set<std::string> taken;  // where it cannot listen
  std::string listened;         // where it did last
  fs::path folder;
  Network& network;
  crypto::Sm2PrivateKey validator = *crypto::Sm2PrivateKey::generate(),
                        services = *crypto::Sm2PrivateKey::generate();
  MemoryChains chains;
  std::unique_ptr<Service> service;
};

}  // namespace chengxin::consortium::testing
