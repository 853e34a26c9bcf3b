#include "simulator/world.h"

#include <algorithm>

#include "comet/impl/standing.h"
#include "format/proposal.h"

namespace chengxin::simulator {
namespace {

constexpr size_t kSpare = 2;  // nodes that are no members at first
constexpr int kIdle = 4;      // times that nothing moved: a round may begin without a word
constexpr int kMostRestEvents = 20'000;

}  // namespace

World::World(Plan plan, fs::path folder)
    : plan_(plan),
      folder_(std::move(folder)),
      random_(plan.seed),
      checker_([this](bool holds, const std::string& what) { expect(holds, what); }) {}

void World::expect(bool holds, const std::string& what) {
  if (holds || violation_) return;
  violation_ = what;
  trace("VIOLATION " + what);
}

void World::trace(const std::string& line) const {
  if (plan_.trace) fmt::print("{}\n", line);
}

std::string World::summary() const {
  return fmt::format("heights {} blocks {} acknowledged {} crashes {} bent {}",
                     nodes_[0]->engine.store().size(), checker_.ledger_blocks(), checker_.acknowledgements(),
                     crashes_, bent_);
}

void World::start() {
  std::vector<uint64_t> weights;
  for (size_t i = 0; i < plan_.nodes; ++i) weights.push_back(chance(0.7) ? 1 : 1 + pick(3));
  const size_t bad = chance(0.15) ? 0 : 1 + pick((plan_.nodes - 1) / 3);
  const format::Consortium consortium = make_consortium(weights);
  chain_ = format::Genesis::chain_id(make_genesis(consortium).encode());
  Voters voters;
  for (size_t i = 0; i < plan_.nodes; ++i) voters[material().members[i].engine_keys[0]] = weights[i];
  for (size_t i = 0; i < plan_.nodes + kSpare; ++i) {
    nodes_.push_back(std::make_unique<Node>(*this, i, folder_ / std::to_string(i), voters));
    std::error_code ignored;
    fs::create_directories(nodes_.back()->folder, ignored);
    auto created = nodes_.back()->create(consortium);
    expect(created.has_value(), created ? "" : created.error().to_string());
    if (failed()) return;
  }
  // Of all, not only of the first: whoever is chosen last has another place among the proposers.
  for (size_t i = 0; i < bad; ++i) {
    const size_t who = pick(plan_.nodes);
    nodes_[who]->byzantine = true;
    if (!safe(consortium)) nodes_[who]->byzantine = false;
  }
  crashes_left_ = int(pick(5));
  changes_left_ = int(pick(4));

  pb::RequestInitChain request;
  request.set_chain_id(hex(chain_).substr(0, 48));
  request.set_initial_height(1);
  request.mutable_consensus_params()->mutable_abci()->set_vote_extensions_enable_height(1);
  for (const auto& [key, power] : voters) {
    auto& each = *request.add_validators();
    each.mutable_pub_key()->set_ed25519(to_string(key));
    each.set_power(int64_t(power));
  }
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const auto answer =
        ask_surely(i, "init", [&](abci::Application& app) { return app.init_chain(request); });
    genesis_app_hash_ = to_digest(view(answer.app_hash())).value_or(Digest());
  }
}

std::optional<std::string> World::run() {
  start();
  for (int i = 0; i < plan_.events && !failed(); ++i) event();
  adversary_ = false;
  silent_ = chance(0.5);
  if (!failed()) rest();
  if (!failed()) checker_.at_rest(nodes_);
  if (!failed()) last_words();
  return violation_;
}

void World::event() {
  now_ms_ += int64_t(1 + pick(30));
  for (auto& node : nodes_)
    if (node->restarted && chance(0.3)) {
      node->restarted = false;
      node->engine.after_restart();
    }
  const size_t node = pick(nodes_.size());
  if (chance(0.05)) probe(node);
  const size_t what = pick(1000);
  if (what < 800) {
    if (!deliver_one(false)) nodes_[node]->engine.begin();
  } else if (what < 870) {
    nodes_[node]->engine.timeout();
  } else if (what < 920) {
    nodes_[node]->engine.begin();
  } else if (what < 965) {
    submit();
  } else if (what < 975) {
    change_consortium();
  } else if (what < 985) {
    nodes_[node]->isolated = !nodes_[node]->isolated && chance(0.5);
  } else if (what < 995) {
    catch_up(node);
  } else if (what < 998) {
    if (!byzantine(node)) hand_on(node);
  } else {
    now_ms_ += int64_t(pick(120'000));  // the chain rested
  }
}

// No more faults: what is on its way arrives, and the chain comes to rest with everything done.
void World::rest() {
  for (auto& node : nodes_) {
    node->isolated = false;
    node->fetch_denied = false;
    if (std::exchange(node->restarted, false)) node->engine.after_restart();
  }
  const auto waiting = [&] {
    return std::any_of(nodes_.begin(), nodes_.end(),
                       [](const auto& node) { return !node->byzantine && !node->pool->empty(); });
  };
  int handed_again = 0, idle = 0;
  bool pushed = false;
  for (int events = 0; !failed(); ++events) {
    if (events > kMostRestEvents) {
      for (const auto& node : nodes_) trace(fmt::format("node {} {}", node->number, node->engine.describe()));
      return expect(false, "the chain does not come to rest");
    }
    now_ms_ += 1;
    if (silent_)
      std::erase_if(
          bag_, [&](const InFlight& each) { return nodes_[each.from]->byzantine && each.from != each.to; });
    if (deliver_one(true)) {
      idle = 0;
      continue;
    }
    for (auto& node : nodes_)
      if (!silent_ || !node->byzantine) node->engine.begin();
    if (!bag_.empty()) continue;
    for (auto& node : nodes_)
      if (!node->byzantine) hand_on(node->number);
    if (!bag_.empty()) continue;
    for (auto& node : nodes_) node->engine.timeout();
    if (!bag_.empty()) continue;
    bool moved = false;
    for (auto& node : nodes_) moved = catch_up(node->number) || moved;
    if (moved || !bag_.empty() || ++idle < kIdle) continue;
    if (handed_again++ < 3) {
      for (auto& node : nodes_)
        if (auto left = node->pool->unsettled(INT64_MAX, SIZE_MAX); !left.empty())
          broadcast_contents(node->number, left);
      idle = 0;
      continue;
    }
    // What only one node has, and no other may take any more, goes with the next block of the ledger.
    if (std::exchange(pushed, true) || !waiting()) return;
    now_ms_ += 600'000;
    submit(true);
    idle = 0;
  }
}

// A chain at rest takes a transaction, makes the two blocks that its certificate needs, and rests again; and
// what a node holds is what it finds again.
void World::last_words() {
  size_t honest = 0;
  while (nodes_[honest]->byzantine) ++honest;
  const uint64_t before = nodes_[honest]->engine.store().size();
  const size_t acknowledged = checker_.acknowledgements();
  submit(true);
  rest();
  const uint64_t after = nodes_[honest]->engine.store().size();
  expect(after == before + 3, fmt::format("{} engine blocks for one transaction", after - before));
  expect(checker_.acknowledgements() == acknowledged + 1, "the last transaction was not acknowledged");
  for (auto& node : nodes_) {
    const auto hash = ask_surely(node->number, "info", [](abci::Application& app) { return app.info({}); });
    auto reopened = node->reopen();
    expect(reopened.has_value(), reopened ? "" : reopened.error().to_string());
    if (failed()) return;
    const auto again = ask_surely(node->number, "info", [](abci::Application& app) { return app.info({}); });
    expect(hash.SerializeAsString() == again.SerializeAsString(), "another state after a start");
    auto verified = node->ledger->verify(nullptr);
    expect(verified.has_value(), verified ? "" : verified.error().to_string());
  }
  checker_.at_rest(nodes_);
}

bool World::deliver_one(bool to_isolated) {
  if (!urgent_.empty()) {
    InFlight what = std::move(urgent_.front());
    urgent_.pop_front();
    deliver(std::move(what));
    return true;
  }
  for (int tries = 0; tries < 8 && !bag_.empty(); ++tries) {
    const size_t at = pick(bag_.size());
    if (!to_isolated && bag_[at].to != bag_[at].from &&
        (nodes_[bag_[at].to]->isolated || nodes_[bag_[at].from]->isolated))
      continue;
    InFlight what = std::move(bag_[at]);
    std::swap(bag_[at], bag_.back());
    bag_.pop_back();
    deliver(std::move(what));
    return true;
  }
  return false;
}

void World::deliver(InFlight what) {
  Node& to = *nodes_[what.to];
  if (auto* message = std::get_if<Message>(&what.what)) {
    if (plan_.trace) {
      if (auto* vote = std::get_if<Vote>(&message->what))
        trace(fmt::format("{} -> {}: {} {}/{} of {} ({} bytes)  [{}]", what.from, what.to,
                          vote->precommit ? "precommit" : "prevote", message->height, vote->round,
                          vote->block ? int64_t(vote->block->id) : 0, vote->extension.size(),
                          to.engine.describe()));
      else
        trace(fmt::format("{} -> {}: proposal {}/{} {} {}", what.from, what.to, message->height,
                          std::get<Proposal>(message->what).round,
                          std::get<Proposal>(message->what).block->id,
                          std::get<Proposal>(message->what).block->bent));
    }
    to.engine.receive(*message);
  } else {
    to.pool->receive(nodes_[what.from]->key(), std::move(std::get<Contents>(what.what).envelopes));
  }
}

bool World::maybe_crash(size_t node, std::string_view where) {
  if (!adversary_ || crashes_left_ == 0 || !chance(0.01)) return false;
  --crashes_left_;
  ++crashes_;
  trace(fmt::format("node {} crashes before {}", node, where));
  auto reopened = nodes_[node]->reopen();
  expect(reopened.has_value(), reopened ? "" : reopened.error().to_string());
  nodes_[node]->restarted = true;
  nodes_[node]->engine.crashed();
  return true;
}

int64_t World::block_time(int64_t parent_ms, bool first) {
  if (first) return parent_ms;
  // The time of the last votes: behind, by as long as the chain rested.
  const int64_t behind = adversary_ ? int64_t(pick(chance(0.1) ? 60'000 : 300)) : 0;
  return std::max(parent_ms + 1, now_ms_ - behind);
}

uint64_t World::application_height(size_t node) {
  return uint64_t(
      ask_surely(node, "info", [](abci::Application& app) { return app.info({}); }).last_block_height());
}

bool World::ask_wake(size_t node) {
  pb::RequestCheckTx request;
  request.set_tx(std::string(comet::kWakeTransaction));
  return ask(node, "check", [&](abci::Application& app) { return app.check_tx(request); }).code() == 0;
}

void World::draw_fetch(size_t node) { nodes_[node]->fetch_denied = adversary_ && chance(0.1); }

void World::saw_verdict(uint64_t height, const Vote& vote, bool accepted) {
  checker_.verdict(height, vote.voter, vote.extension, accepted);
}

void World::decided(size_t node, const Decided& decided) {
  trace(fmt::format("node {} decided {} block {}", node, decided.block->height, decided.block->id));
  if (!nodes_[node]->byzantine) checker_.decided(*nodes_[node], decided);
  if (decided.block->transactions.size() == 1)
    if (auto data = comet::BlockData::decode(view(decided.block->transactions[0])); data && data->certificate)
      last_certificate_ = data->certificate;
  // A precommit that comes late is not shown to the application.
  for (size_t from = 0; adversary_ && from < nodes_.size(); ++from) {
    const auto& keys = material().members[from].engine_keys;
    if (!nodes_[from]->byzantine || !chance(0.4)) continue;
    for (const EngineKey& key : keys) {
      if (!nodes_[node]->engine.voters(decided.block->height).contains(key)) continue;
      Vote late{0, true, decided.block, key, {}};
      late.extension = bend_extension(decided.block->height, late);
      if (const auto at = comet::progress(*nodes_[node]->ledger);
          chance(0.5) && at && at->decided_before != 0)
        late.extension = to_string(comet::Extension{at->decided_before, {}}.encode());
      urgent_.push_back({from, node, Message{decided.block->height, late}});
    }
  }
}

void World::broadcast_contents(size_t from, const std::vector<Bytes>& envelopes) {
  for (size_t to = 0; to < nodes_.size(); ++to)
    if (to != from && !(adversary_ && chance(0.1))) bag_.push_back({from, to, Contents{envelopes}});
}

bool World::can_fetch(size_t node, const Digest& id) {
  if (nodes_[node]->fetch_denied) return false;
  if (foreign_.contains(id)) return true;
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& each) {
    return each->number != node && each->pool && !each->pool->give({&id, 1}, SIZE_MAX).empty();
  });
}

void World::answer(size_t to, std::span<const Digest> ids) {
  for (const auto& node : nodes_) {
    if (node->number == to || !node->pool) continue;
    auto envelopes = node->pool->give(ids, SIZE_MAX);
    for (const Digest& id : ids)
      if (auto found = foreign_.find(id); found != foreign_.end()) envelopes.push_back(found->second);
    if (!envelopes.empty()) nodes_[to]->pool->receive(node->key(), std::move(envelopes));
  }
}

void World::answer_blocks(size_t to, uint64_t from_height) {
  for (const auto& node : nodes_) {
    if (node->number == to || !node->ledger) continue;
    auto content = node->ledger->content(from_height, true);
    if (!content) continue;
    std::vector<Bytes> envelopes;
    for (const auto& each : content->transactions)
      envelopes.push_back(format::encode_transaction(each.transaction.body_bytes, each.transaction.signature,
                                                     each.transaction.attachments));
    nodes_[to]->pool->receive_block(node->key(), from_height, std::move(envelopes));
  }
}

bool World::catch_up(size_t node) {
  Engine& engine = nodes_[node]->engine;
  for (const auto& other : nodes_) {
    if (other->number == node || other->byzantine || other->engine.store().size() < engine.height()) continue;
    // A block that another node decided; this one may be in the middle of deciding it itself.
    trace(fmt::format("node {} takes block {} from {}", node, engine.height(), other->number));
    engine.take(Decided(other->engine.store()[engine.height() - 1]));
    return true;
  }
  return false;
}

void World::hand_on(size_t node) {
  for (const Message& message : nodes_[node]->engine.known())
    for (const auto& other : nodes_)
      if (other->number != node && !other->engine.has(message))
        bag_.push_back({node, other->number, message});
}

void World::submit(bool surely) {
  size_t at = pick(nodes_.size());
  while (surely && nodes_[at]->byzantine) at = pick(nodes_.size());
  const int64_t from = now_ms_ - (surely ? 1000 : int64_t(pick(1500)));
  const Window window{
      from, surely ? now_ms_ + 600'000 : now_ms_ + 1000 + int64_t(pick(chance(0.2) ? 5'000 : 600'000))};
  Bytes items(32 * (1 + pick(4)));
  for (uint8_t& byte : items) byte = uint8_t(random_());
  const Bytes envelope =
      make_transaction(chain_, material().writer, window, {evidence_call(items)}, {items}, random_);
  ++submitted_;
  auto admitted = nodes_[at]->ledger->admit(envelope, now_ms_);
  expect(admitted.has_value(), "a client's transaction is not admitted");
  if (!admitted) return;
  trace(fmt::format("node {} is given {}", at, hex((*admitted)->hash).substr(0, 8)));
  std::vector<order::Submission> one;
  one.push_back({*admitted, [this, at](Result<order::Committed> outcome) {
                   if (outcome && !nodes_[at]->byzantine) checker_.acknowledged(*outcome);
                 }});
  nodes_[at]->pool->submit(std::move(one));
}

// The bad ones stay below a third.
bool World::safe(const format::Consortium& consortium) const {
  uint64_t bad = 0, all = 0;
  for (const format::Node& node : consortium.nodes) {
    if (node.role != format::NodeRole::voter) continue;
    all += node.weight;
    for (const auto& each : nodes_)
      if (each->byzantine && fmt::format("node-{}", each->number) == node.name) bad += node.weight;
  }
  return 3 * bad < all;
}

void World::change_consortium() {
  if (changes_left_ == 0) return;
  size_t at = pick(nodes_.size());  // or who is ahead of it
  for (const auto& node : nodes_)
    if (node->ledger->head().header.height > nodes_[at]->ledger->head().header.height) at = node->number;
  if (last_change_ && !nodes_[at]->ledger->transaction(*last_change_)) return;
  const auto document = nodes_[at]->ledger->state(format::kConsortiumKey).value();
  const auto now = format::Consortium::decode(text(*document)).value();
  const size_t who = pick(nodes_.size());
  const Member& member = material().members[who];
  const std::string name = fmt::format("node-{}", who);
  format::Consortium next = now;
  const auto there =
      std::find_if(next.nodes.begin(), next.nodes.end(), [&](const auto& each) { return each.name == name; });
  format::Action action = format::RemoveNode{name};
  if (there == next.nodes.end()) {
    format::Node node = member.node(who);
    node.role = chance(0.8) ? format::NodeRole::voter : format::NodeRole::observer;
    next.nodes.push_back(node);
    action = format::AddNode{node};
  } else if (chance(0.3)) {
    next.nodes.erase(there);
  } else if (chance(0.5)) {
    there->weight = 1 + pick(3);
    there->role = chance(0.8) ? format::NodeRole::voter : format::NodeRole::observer;
    action = format::SetRole{name, there->role, there->weight};
  } else {
    const size_t k = 1 + pick(kKeysEach - 1);
    format::ReplaceNodeKeys keys{name, member.keys[k].public_key().point(), {}, {}, {}};
    if (chance(0.5)) keys.engine_key = member.engine_keys[k];
    action = keys;
  }
  if (!safe(next) || next.validators().members.size() < 2) return;
  --changes_left_;
  trace(fmt::format("proposed: {} {}", format::action_name(action), name));
  const Bytes envelope = make_transaction(
      chain_, material().governor, {now_ms_ - 1000, now_ms_ + 600'000},
      {{"consortium", "propose", format::Propose{{action}, "", 1000}.encode()}}, {}, random_);
  auto admitted = nodes_[at]->ledger->admit(envelope, now_ms_);
  expect(admitted.has_value(), "a governor's transaction is not admitted");
  if (!admitted) return;
  last_change_ = (*admitted)->hash;
  std::vector<order::Submission> one;
  one.push_back({*admitted, [](Result<order::Committed>) {}});
  nodes_[at]->pool->submit(std::move(one));
}

}  // namespace chengxin::simulator
