#include "simulator/engine.h"

#include "crypto/sha256.h"
#include "simulator/world.h"

namespace chengxin::simulator {
namespace {

void set_time(google::protobuf::Timestamp& out, int64_t time_ms) {
  out.set_seconds(time_ms / 1000);
  out.set_nanos(int32_t(time_ms % 1000) * 1'000'000);
}

std::string hash_of(const Block& block) {
  Bytes out(24);
  put_be(out, block.id);
  return to_string(out);
}

// What the calls about a block have in common.
template <typename Request>
Request request_of(const Block& block) {
  Request out;
  out.set_height(int64_t(block.height));
  out.set_hash(hash_of(block));
  out.set_proposer_address(engine_address(block.proposer));
  for (const auto& each : block.transactions) out.add_txs(each);
  for (const auto& each : block.misbehaviour) *out.add_misbehavior() = each;
  set_time(*out.mutable_time(), block.time_ms);
  return out;
}

uint64_t id_of(const Vote& vote) { return vote.block ? vote.block->id : 0; }

uint64_t total(const Voters& voters) {
  uint64_t sum = 0;
  for (const auto& [key, power] : voters) sum += power;
  return sum;
}

}  // namespace

std::string engine_address(const EngineKey& key) {
  const auto hash = crypto::Sha256().update(key).finish();
  return std::string(reinterpret_cast<const char*>(hash.data()), 20);
}

const EngineKey* Engine::own_key() const {
  for (const EngineKey& key : material().members[self_].engine_keys)
    if (voters_.at(height()).contains(key)) return &key;
  return nullptr;
}

const EngineKey& Engine::proposer(int round) const {
  const Voters& all = voters_.at(height());
  return std::next(all.begin(), std::ptrdiff_t((height() + uint64_t(round)) % all.size()))->first;
}

Engine::Tally Engine::tally(const std::map<int, Votes>& votes, int round) const {
  const Voters& voters = voters_.at(height());
  auto found = votes.find(round);
  if (found == votes.end()) return {};
  std::map<uint64_t, std::pair<uint64_t, BlockPtr>> weights;  // by id; 0: nil
  uint64_t any = 0;
  for (const auto& [voter, ballots] : found->second) {
    any += voters.at(voter);
    for (const auto& [id, vote] : ballots) {
      weights[id].first += voters.at(voter);
      weights[id].second = vote.block;
    }
  }
  Tally out;
  out.any = 3 * any > 2 * total(voters);
  for (const auto& [id, entry] : weights)
    if (3 * entry.first > 2 * total(voters)) {
      out.decided = true;
      out.block = entry.second;
    }
  return out;
}

void Engine::begin() {
  if (step_ != Step::wait || round_ != 0) return;
  const bool changed =
      store_.empty() || store_.back().result->app_hash() != to_string(store_.back().block->app_hash);
  if (changed || world_.ask_wake(self_)) {
    enter_round(0);
    progress();
  }
}

void Engine::enter_round(int round) {
  round_ = round;
  step_ = Step::propose;
  if (const EngineKey* key = own_key(); key && *key == proposer(round)) propose();
  try_prevote();
}

void Engine::propose() {
  BlockPtr block = valid_;
  if (!block) {
    auto fresh = std::make_shared<Block>();
    fresh->id = world_.next_id();
    fresh->height = height();
    fresh->time_ms =
        world_.block_time(store_.empty() ? kStartMs : store_.back().block->time_ms, store_.empty());
    fresh->proposer = *own_key();
    fresh->app_hash =
        store_.empty() ? world_.genesis_app_hash() : *to_digest(view(store_.back().result->app_hash()));
    fresh->misbehaviour = evidence_;
    pb::RequestPrepareProposal request;
    request.set_height(int64_t(height()));
    request.set_max_tx_bytes(world_.max_block_bytes());
    request.set_proposer_address(engine_address(fresh->proposer));
    set_time(*request.mutable_time(), fresh->time_ms);
    if (!store_.empty()) {
      for (const auto& [voter, power] : voters_.at(height() - 1)) {
        auto& info = *request.mutable_local_last_commit()->add_votes();
        info.mutable_validator()->set_address(engine_address(voter));
        info.mutable_validator()->set_power(int64_t(power));
        auto found = last_commit_.find(voter);
        info.set_block_id_flag(found == last_commit_.end() ? tendermint::types::BLOCK_ID_FLAG_ABSENT
                               : found->second.block       ? tendermint::types::BLOCK_ID_FLAG_COMMIT
                                                           : tendermint::types::BLOCK_ID_FLAG_NIL);
        if (found != last_commit_.end()) info.set_vote_extension(found->second.extension);
      }
    }
    const auto answer =
        world_.ask(self_, "prepare", [&](abci::Application& app) { return app.prepare_proposal(request); });
    size_t bytes = 0;
    for (const auto& each : answer.txs()) {
      fresh->transactions.push_back(each);
      bytes += each.size() + 8;
    }
    world_.expect(int64_t(bytes) <= request.max_tx_bytes(), "a proposal larger than was allowed");
    block = std::move(fresh);
    own_block_ = block->id;
  }
  world_.broadcast_proposal(self_, height(), {round_, valid_ ? valid_round_ : -1, block});
}

void Engine::receive(const Message& message) {
  if (message.height > height()) {
    early_.push_back(message);
    return;
  }
  if (const auto* proposal = std::get_if<Proposal>(&message.what)) {
    if (message.height != height() || proposal->block->height != height()) return;
    if (!proposals_.emplace(proposal->round, *proposal).second) return;
    if (step_ == Step::wait && proposal->round == 0) enter_round(0);
    if (proposal->round == round_ && step_ == Step::propose) try_prevote();
    progress();
    return;
  }
  const Vote& vote = std::get<Vote>(message.what);
  if (message.height == height()) {
    if (!voters_.at(height()).contains(vote.voter)) return;
    take_vote(vote);
    progress();
  } else if (message.height + 1 == height() && vote.precommit && step_ == Step::wait &&
             voters_.at(message.height).contains(vote.voter)) {
    // Late: nobody asks the application about its extension.
    if (vote.block && vote.block->id == store_.back().block->id) last_commit_.emplace(vote.voter, vote);
  }
}

bool Engine::verify(const Vote& precommit) {
  pb::RequestVerifyVoteExtension request;
  request.set_hash(hash_of(*precommit.block));
  request.set_validator_address(engine_address(precommit.voter));
  request.set_height(int64_t(height()));
  request.set_vote_extension(precommit.extension);
  const auto answer =
      world_.ask(self_, "verify", [&](abci::Application& app) { return app.verify_vote_extension(request); });
  const bool accepted = answer.status() == pb::ResponseVerifyVoteExtension::ACCEPT;
  world_.saw_verdict(height(), precommit, accepted);
  return accepted;
}

void Engine::take_vote(const Vote& vote) {
  const EngineKey* own = own_key();
  if (vote.precommit && vote.block && !(own && *own == vote.voter)) {
    if (!verify(vote)) {
      refused_.insert({vote.round, vote.voter, id_of(vote)});
      return;
    }
  }
  auto& ballots = (vote.precommit ? precommits_ : prevotes_)[vote.round][vote.voter];
  ballots.emplace(id_of(vote), vote);
  if (ballots.size() > 1) note_equivocation(vote.voter);
}

std::vector<Message> Engine::known() const {
  std::vector<Message> out;
  for (const auto& [round, proposal] : proposals_) out.push_back({height(), proposal});
  for (const auto* votes : {&prevotes_, &precommits_})
    for (const auto& [round, voters] : *votes)
      for (const auto& [voter, ballots] : voters)
        for (const auto& [id, vote] : ballots) out.push_back({height(), vote});
  return out;
}

bool Engine::has(const Message& message) const {
  if (message.height != height()) return true;
  if (const auto* proposal = std::get_if<Proposal>(&message.what))
    return proposals_.contains(proposal->round);
  const Vote& vote = std::get<Vote>(message.what);
  if (vote.precommit && refused_.contains({vote.round, vote.voter, id_of(vote)})) return true;
  const auto& votes = vote.precommit ? precommits_ : prevotes_;
  auto round = votes.find(vote.round);
  if (round == votes.end()) return false;
  auto voter = round->second.find(vote.voter);
  return voter != round->second.end() && voter->second.contains(id_of(vote));
}

void Engine::note_equivocation(const EngineKey& voter) {
  if (!reported_.insert({voter, height()}).second) return;
  pb::Misbehavior out;
  out.set_type(pb::DUPLICATE_VOTE);
  out.mutable_validator()->set_address(engine_address(voter));
  out.set_height(int64_t(height()));
  set_time(*out.mutable_time(), kStartMs);
  evidence_.push_back(out);
}

void Engine::try_prevote() {
  auto found = proposals_.find(round_);
  if (step_ != Step::propose || found == proposals_.end()) return;
  const Proposal& proposal = found->second;
  if (proposal.valid_round >= 0) {
    const Tally polka = tally(prevotes_, proposal.valid_round);
    if (!polka.decided || polka.block != proposal.block) return;
  }
  prevote(proposal.block);
}

void Engine::prevote(BlockPtr block) {
  step_ = Step::prevote;
  if (locked_) return vote(false, locked_);
  if (!block) return vote(false, nullptr);
  const Digest app_hash =
      store_.empty() ? world_.genesis_app_hash() : *to_digest(view(store_.back().result->app_hash()));
  if (block->app_hash != app_hash || (!store_.empty() && block->time_ms <= store_.back().block->time_ms))
    return vote(false, nullptr);
  const bool accepted = judge(*block);
  // It may have too few signatures for the certificate, and then proposes nothing.
  world_.expect(accepted || own_block_ != block->id || block->transactions.empty(),
                "its own proposal is refused");
  vote(false, accepted ? block : nullptr);
}

bool Engine::judge(const Block& block) {
  const auto request = request_of<pb::RequestProcessProposal>(block);
  world_.draw_fetch(self_);
  const auto answer =
      world_.ask(self_, "process", [&](abci::Application& app) { return app.process_proposal(request); });
  const bool accepted = answer.status() == pb::ResponseProcessProposal::ACCEPT;
  world_.expect(!accepted || block.bent.empty(), "a bent proposal was accepted: " + block.bent);
  return accepted;
}

std::string Engine::extend(const BlockPtr& block) {
  const auto request = request_of<pb::RequestExtendVote>(*block);
  const auto answer =
      world_.ask(self_, "extend", [&](abci::Application& app) { return app.extend_vote(request); });
  if (!answer.vote_extension().empty()) {
    pb::RequestVerifyVoteExtension own;
    own.set_hash(hash_of(*block));
    own.set_validator_address(engine_address(*own_key()));
    own.set_height(int64_t(height()));
    own.set_vote_extension(answer.vote_extension());
    const auto verdict = world_.ask(self_, "verify own",
                                    [&](abci::Application& app) { return app.verify_vote_extension(own); });
    world_.expect(verdict.status() == pb::ResponseVerifyVoteExtension::ACCEPT,
                  "its own extension is refused");
  }
  return answer.vote_extension();
}

void Engine::vote(bool precommit, BlockPtr block) {
  if (!own_key()) return;
  Vote out{round_, precommit, block, *own_key(), {}};
  if (precommit && block) {
    out.extension = extend(block);
    own_precommits_.push_back(out);
  }
  world_.broadcast_vote(self_, height(), out);
}

void Engine::enter_precommit() {
  step_ = Step::precommit;
  const Tally polka = tally(prevotes_, round_);
  if (!polka.decided) return vote(true, nullptr);
  if (!polka.block) {
    locked_ = nullptr;
    locked_round_ = -1;
    return vote(true, nullptr);
  }
  auto proposal = proposals_.find(round_);
  const bool have = proposal != proposals_.end() && proposal->second.block == polka.block;
  if (locked_ == polka.block || have) {
    locked_ = polka.block;
    locked_round_ = round_;
    return vote(true, polka.block);
  }
  locked_ = nullptr;
  locked_round_ = -1;
  vote(true, nullptr);
}

// Unlocks for a later polka, and remembers the newest valid block.
void Engine::follow_polkas() {
  for (const auto& [round, votes] : prevotes_) {
    const Tally polka = tally(prevotes_, round);
    if (!polka.decided) continue;
    if (locked_ && locked_round_ < round && round <= round_ && locked_ != polka.block) {
      locked_ = nullptr;
      locked_round_ = -1;
    }
    auto proposal = proposals_.find(round);
    if (polka.block && valid_round_ < round && round == round_ && proposal != proposals_.end() &&
        proposal->second.block == polka.block) {
      valid_ = polka.block;
      valid_round_ = round;
    }
  }
}

void Engine::progress() {
  for (;;) {
    if (try_commit()) return;
    follow_polkas();
    int latest = round_;
    for (const auto* votes : {&prevotes_, &precommits_})
      for (const auto& [round, ignored] : *votes)
        if (round > latest && tally(*votes, round).any) latest = round;
    if (latest > round_ || (step_ == Step::wait && (tally(prevotes_, 0).any || tally(precommits_, 0).any))) {
      enter_round(latest);
      continue;
    }
    const Step before = step_;
    if (step_ == Step::propose) try_prevote();
    const bool proposed = proposals_.contains(round_);
    if (step_ == Step::prevote) {
      const Tally polka = tally(prevotes_, round_);
      if (polka.decided && (!polka.block || proposed)) enter_precommit();
    }
    if (step_ == before) return;
  }
}

void Engine::timeout() {
  switch (step_) {
    case Step::wait:
      break;
    case Step::propose:
      prevote(proposals_.contains(round_) && proposals_[round_].valid_round < 0 ? proposals_[round_].block
                                                                                : nullptr);
      break;
    case Step::prevote:
      if (tally(prevotes_, round_).any) enter_precommit();
      break;
    case Step::precommit:
      if (tally(precommits_, round_).any) enter_round(round_ + 1);
      break;
  }
  progress();
}

bool Engine::try_commit() {
  for (const auto& [round, votes] : precommits_) {
    const Tally found = tally(precommits_, round);
    if (!found.decided || !found.block) continue;
    std::map<EngineKey, Vote> commit;
    for (const auto& [voter, ballots] : votes) {
      auto same = ballots.find(found.block->id);
      commit.emplace(voter, same != ballots.end() ? same->second : ballots.begin()->second);
    }
    decide(found.block, std::move(commit));
    return true;
  }
  return false;
}

void Engine::take(const Decided& decided) { decide(decided.block, decided.commit); }

void Engine::decide(BlockPtr block, std::map<EngineKey, Vote> commit) {
  world_.expect(block->bent.empty(), "a bent block was decided: " + block->bent);
  std::erase_if(commit, [&](const auto& entry) { return entry.second.block && entry.second.block != block; });
  for (const auto& each : block->misbehaviour) {
    std::erase_if(evidence_, [&](const auto& own) {
      return own.height() == each.height() && own.validator().address() == each.validator().address();
    });
  }
  last_commit_ = commit;
  store_.push_back({std::move(block), std::move(commit), {}});
  apply_last();
  next_height();
}

// What the engine does at a decision and, when the application has fallen behind in a crash, again.
void Engine::apply_last() {
  const uint64_t height = store_.size();
  Decided& last = store_.back();
  for (;;) {
    if (world_.failed()) {
      if (!last.result) last.result.emplace();
      break;
    }
    const uint64_t has = world_.application_height(self_);
    if (has == height && last.result) break;
    world_.expect(has + 1 == height,
                  fmt::format("the application is at height {} and the engine at {}", has, height));
    world_.maybe_crash(self_, "finalize");
    const auto request = request_of<pb::RequestFinalizeBlock>(*last.block);
    const auto result = world_.ask_surely(
        self_, "finalize", [&](abci::Application& app) { return app.finalize_block(request); });
    world_.expect(size_t(result.tx_results_size()) == last.block->transactions.size(),
                  "results of each transaction");
    world_.expect(!last.result || last.result->SerializeAsString() == result.SerializeAsString(),
                  "another result after a crash");
    last.result = result;
    if (world_.maybe_crash(self_, "commit")) continue;
    world_.ask_surely(self_, "commit", [](abci::Application& app) { return app.commit({}); });
    world_.maybe_crash(self_, "after commit");
  }
  Voters next = voters_.at(height + 1);
  for (const auto& update : last.result->validator_updates()) {
    EngineKey key{};
    std::copy_n(update.pub_key().ed25519().begin(), key.size(), key.begin());
    world_.expect(update.power() > 0 || next.contains(key),
                  "an update removes a validator that is not there");
    if (update.power() == 0)
      next.erase(key);
    else
      next[key] = uint64_t(update.power());
  }
  voters_[height + 2] = std::move(next);
  world_.decided(self_, store_.back());
}

void Engine::next_height() {
  step_ = Step::wait;
  round_ = 0;
  proposals_.clear();
  prevotes_.clear();
  precommits_.clear();
  refused_.clear();
  locked_ = valid_ = nullptr;
  locked_round_ = valid_round_ = -1;
  own_precommits_.clear();
  std::vector<Message> now;
  now.swap(early_);
  for (const Message& message : now) receive(message);
}

void Engine::crashed() { own_block_ = 0; }

void Engine::after_restart() {
  // The log of the engine is replayed: its votes are made again, with other signatures in their extensions.
  if (!own_key()) return;
  for (const Vote& each : std::vector<Vote>(own_precommits_)) {
    Vote again = each;
    again.extension = extend(each.block);
    world_.broadcast_vote(self_, height(), again);
  }
}

std::string Engine::describe() const {
  return fmt::format("height {} round {} step {} locked {}", height(), round_, int(step_),
                     locked_ ? int64_t(locked_->id) : -1);
}

}  // namespace chengxin::simulator
