#include "simulator/world.h"

// What nodes of the adversary send instead of what their engines and applications made.
namespace chengxin::simulator {
namespace {

size_t owner_of(const EngineKey& key) {
  const auto& members = material().members;
  for (size_t i = 0; i < members.size(); ++i)
    if (std::find(members[i].engine_keys.begin(), members[i].engine_keys.end(), key) !=
        members[i].engine_keys.end())
      return i;
  return members.size();
}

}  // namespace

void World::broadcast_proposal(size_t from, uint64_t height, Proposal proposal) {
  blocks_[height].push_back(proposal.block);
  BlockPtr other;
  if (byzantine(from) && chance(0.8)) {
    other = bend(*proposal.block);
    ++bent_;
    blocks_[height].push_back(other);
  }
  const double part = chance(0.5) ? 1.0 : 0.5;  // of those who get the other one
  for (size_t to = 0; to < nodes_.size(); ++to) {
    Proposal each = proposal;
    if (other && to != from && chance(part)) each = {proposal.round, -1, other};
    if (byzantine(from) && to != from && chance(0.1)) continue;  // says nothing
    bag_.push_back({from, to, Message{height, each}});
  }
}

void World::broadcast_vote(size_t from, uint64_t height, const Vote& vote) {
  if (vote.precommit && vote.block && !nodes_[from]->byzantine)
    checker_.sent(*nodes_[from], height, vote.voter, vote.extension);
  if (!vote.extension.empty()) {
    extensions_.push_back(vote.extension);
    if (extensions_.size() > 32) extensions_.erase(extensions_.begin());
  }
  for (size_t to = 0; to < nodes_.size(); ++to) {
    Vote each = vote;
    if (byzantine(from) && to != from) {
      if (chance(0.15)) continue;  // withheld
      if (chance(0.5)) each = bend_vote(height, vote);
    }
    bag_.push_back({from, to, Message{height, each}});
  }
}

Vote World::bend_vote(uint64_t height, const Vote& vote) {
  Vote out = vote;
  if (chance(0.5)) {
    const auto& all = blocks_[height];
    out.block = all.empty() || chance(0.4) ? nullptr : all[pick(all.size())];
  }
  if (!out.precommit || !out.block) {
    out.extension.clear();
  } else if (out.extension.empty() || chance(0.5)) {
    out.extension = bend_extension(height, out);
  }
  return out;
}

std::string World::bend_extension(uint64_t height, const Vote& vote) {
  const size_t who = owner_of(vote.voter);
  const auto& keys = material().members[who].keys;
  const auto sign = [&](const Digest& header) {
    return keys[pick(keys.size())].sign(format::certificate_message(header)).value();
  };
  Digest forged;
  for (uint8_t& byte : forged) byte = uint8_t(random_());
  const uint64_t ledger_height = nodes_[who]->ledger->head().header.height + pick(3);
  switch (pick(8)) {
    case 0:
      return {};
    case 1:
      return std::string(1 + pick(200), char(random_()));
    case 2:
      return std::string(300'000, 'x');
    case 3:  // a header that nobody decided
      return to_string(comet::Extension{ledger_height, sign(forged)}.encode());
    case 4:  // another's
      return extensions_.empty() ? std::string() : extensions_[pick(extensions_.size())];
    case 5: {  // one bit
      std::string out = extensions_.empty() ? std::string(73, '\1') : extensions_.back();
      out[pick(out.size())] ^= char(1 << pick(8));
      return out;
    }
    case 6: {  // a real header, under another height
      const auto head = nodes_[who]->ledger->head();
      return to_string(comet::Extension{head.header.height + 1, sign(head.header_hash)}.encode());
    }
    default: {  // a real header, perhaps of another height of the engine
      (void)height;
      const auto head = nodes_[who]->ledger->head();
      return to_string(comet::Extension{head.header.height, sign(head.header_hash)}.encode());
    }
  }
}

Digest World::foreign_transaction(int64_t from_ms, int64_t until_ms) {
  Bytes items(32, uint8_t(random_()));
  const Bytes envelope = make_transaction(chain_, material().writer, {from_ms, until_ms},
                                          {evidence_call(items)}, {items}, random_);
  const auto id = format::decode_transaction(envelope).value().hash;
  foreign_[id] = envelope;
  return id;
}

// A proposal of a round that is not reached, and an extension that nobody sent: verdicts on them change
// nothing.
void World::probe(size_t node) {
  Engine& engine = nodes_[node]->engine;
  const auto& all = blocks_[engine.height()];
  if (nodes_[node]->byzantine || all.empty()) return;
  const BlockPtr block = all[pick(all.size())];
  if (block->bent.empty()) {
    const BlockPtr bent = bend(*block);
    ++bent_;
    if (bent->app_hash == block->app_hash) engine.judge(*bent);
  }
  for (const auto& [voter, power] : engine.voters(engine.height())) {
    Vote vote{0, true, block, voter, {}};
    vote.extension = bend_extension(engine.height(), vote);
    engine.verify(vote);
  }
}

BlockPtr World::bend(const Block& block) {
  auto out = std::make_shared<Block>(block);
  out->id = next_id();
  comet::BlockData data;
  if (!block.transactions.empty()) data = comet::BlockData::decode(view(block.transactions[0])).value();
  const bool owed = data.certificate.has_value();
  std::vector<int> kinds = {0, 1, 2, 9, 12, 13, 15, 16, 17, 18, 19};
  if (owed) kinds.insert(kinds.end(), {3, 4, 5, 6, 7});
  if (!owed && last_certificate_) kinds.push_back(8);
  if (!data.contents.empty()) kinds.insert(kinds.end(), {10, 20});
  const auto executed = checker_.executed_before(block.height);
  if (!executed.empty()) kinds.push_back(11);
  if (chance(0.02)) kinds.push_back(14);
  bool encode = true;
  Digest unknown;
  for (uint8_t& byte : unknown) byte = uint8_t(random_());
  switch (kinds[pick(kinds.size())]) {
    case 0:
      out->bent = "garbage";
      out->transactions = {std::string(pick(300), char(random_()))};
      encode = false;
      break;
    case 1:
      out->bent = "two transactions";
      out->transactions = {to_string(data.encode()), to_string(data.encode())};
      encode = false;
      break;
    case 2:
      out->bent = "a byte too many";
      out->transactions = {to_string(data.encode()) + "x"};
      encode = false;
      break;
    case 3:
      out->bent = "without the certificate";
      data.certificate.reset();
      break;
    case 4:
      out->bent = "the certificate of another height";
      data.certificate->height += 1;
      break;
    case 5:
      out->bent = "a certificate of nobody";
      data.certificate->certificate.entries.clear();
      break;
    case 6:
      out->bent = "a forged signature in the certificate";
      data.certificate->certificate.entries[0].signature[pick(64)] ^= 1;
      break;
    case 7:
      out->bent = "a member twice in the certificate";
      data.certificate->certificate.entries.push_back(data.certificate->certificate.entries.back());
      break;
    case 8:
      out->bent = "a certificate that nobody owes";
      data.certificate = last_certificate_;
      break;
    case 9:
      out->bent = "an unknown content";
      data.contents.push_back(unknown);
      break;
    case 10:
      out->bent = "a name twice";
      data.contents.push_back(data.contents.front());
      break;
    case 11:
      out->bent = "executed already";
      data.contents.push_back(executed[pick(executed.size())]);
      break;
    case 12:
      out->bent = "expired";
      data.contents.push_back(foreign_transaction(block.time_ms - 2000, block.time_ms - 1));
      break;
    case 13:
      out->bent = "not yet valid";
      data.contents.push_back(foreign_transaction(block.time_ms + 1, block.time_ms + 2000));
      break;
    case 14:
      out->bent = "too many names";
      data.contents.assign(comet::kMaxContents + 1, unknown);
      for (size_t i = 0; i < data.contents.size(); ++i) std::memcpy(data.contents[i].data(), &i, sizeof i);
      break;
    case 15:
      out->bent = "the alarm";
      out->transactions = {std::string(comet::kWakeTransaction)};
      encode = false;
      break;
    case 16:
      out->bent = "a block that says nothing";
      out->transactions = {to_string(comet::BlockData().encode())};
      encode = false;
      break;
    case 17:
      out->bent = "another state";
      out->app_hash[0] ^= 1;
      break;
    case 20:
      out->bent = "a time too late for what is in it";
      out->time_ms += 3'600'000;
      break;
    case 18:  // nothing wrong with it
      data.contents.resize(data.contents.size() / 2);
      break;
    default:  // nor with this one: a transaction that no other node has seen
      data.contents.push_back(foreign_transaction(block.time_ms - 1000, block.time_ms + 60'000));
      break;
  }
  if (encode) {
    out->transactions.clear();
    if (data.certificate || !data.contents.empty()) out->transactions.push_back(to_string(data.encode()));
  }
  return out;
}

}  // namespace chengxin::simulator
