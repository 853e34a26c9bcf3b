#include "simulator/checker.h"

#include "crypto/sm3.h"
#include "proof/bundle.h"

namespace chengxin::simulator {
namespace {

// As comet/application.h says it, written once more.
std::string app_hash(const format::Header& head, uint64_t signed_height, const Digest& next_validators) {
  Bytes bytes = to_bytes(view("chengxin/app/v1"));
  bytes.push_back(0);
  put_be(bytes, head.version);
  put_be(bytes, signed_height);
  append(bytes, head.log_root);
  append(bytes, head.state_root);
  append(bytes, next_validators);
  return to_string(crypto::sm3(bytes));
}

}  // namespace

void Checker::decided(const Node& node, const Decided& decided) {
  const uint64_t height = decided.block->height;
  const ledger::Head head = node.ledger->head();
  uint64_t before = 0;
  for (uint64_t h = 1; h < height; ++h) before = std::max(before, heights_[h].ledger_height);
  Height now;
  now.app_hash = decided.result->app_hash();
  now.ledger_height = head.header.height > before ? head.header.height : 0;
  if (now.ledger_height != 0) now.header_hash = head.header_hash;
  expect_(head.header.height <= before + 1, "more than one block of the ledger at one height");
  const std::string what = fmt::format("node {} height {}: ", node.number, height);
  expect_(now.app_hash == app_hash(head.header, before, head.next_validators.hash()),
          what + "another app hash");
  auto [first, fresh] = heights_.emplace(height, now);
  expect_(first->second.app_hash == now.app_hash && first->second.header_hash == now.header_hash,
          what + "nodes decided differently");
  if (now.ledger_height != 0 && !headers_.contains(now.ledger_height)) {
    const auto set = node.ledger->state(format::kValidatorsKey, now.ledger_height - 1).value();
    headers_[now.ledger_height] = {now.header_hash, format::ValidatorSet::decode(*set).value()};
    expect_(headers_[now.ledger_height].second.hash() == head.header.validators_hash,
            what + "another set certifies");
    const auto content = node.ledger->content(now.ledger_height, true).value();
    for (const auto& each : content.transactions) executed_.emplace_back(height, each.transaction.hash);
  }
  // Every block has its certificate two heights later, and not before.
  uint64_t certified = 0;
  for (uint64_t h = 1; h + 2 <= height; ++h) certified = std::max(certified, heights_[h].ledger_height);
  expect_(head.certified_height == certified,
          what + fmt::format("certified up to {}, not {}", head.certified_height, certified));
  if (certified == 0) return;
  const auto block = node.ledger->block_header(certified).value();
  auto certificate = format::Certificate::decode(block.certificate_bytes);
  const auto& [hash, set] = headers_.at(certified);
  expect_(certificate && format::verify_certificate(*certificate, set, hash),
          what + "a certificate that does not hold");
}

// The signature of what the height before decided, by the key that the voter has in the set that certifies
// it; nothing, where nothing was decided.
bool Checker::good(uint64_t engine_height, const EngineKey& voter, const std::string& extension) const {
  const auto at = heights_.find(engine_height - 1);
  if (at == heights_.end() || at->second.ledger_height == 0) return extension.empty();
  const auto read = comet::Extension::decode(view(extension));
  if (!read || !*read || (*read)->height != at->second.ledger_height) return false;
  const Bytes message = format::certificate_message(at->second.header_hash);
  const auto& members = headers_.at(at->second.ledger_height).second.members;
  for (const Member& member : material().members) {
    if (std::find(member.engine_keys.begin(), member.engine_keys.end(), voter) == member.engine_keys.end())
      continue;
    for (const auto& key : member.keys)
      for (const auto& each : members)
        if (each.public_key == key.public_key().point() &&
            key.public_key().verify(message, (*read)->signature))
          return true;
  }
  return false;
}

void Checker::sent(const Node& node, uint64_t engine_height, const EngineKey& voter,
                   const std::string& extension) {
  expect_(good(engine_height, voter, extension),
          fmt::format("node {} height {}: sent something else than the signature of what was decided",
                      node.number, engine_height));
}

void Checker::verdict(uint64_t engine_height, const EngineKey& voter, const std::string& extension,
                      bool accepted) {
  auto [first, fresh] = verdicts_.emplace(std::tuple(engine_height, voter, extension), accepted);
  expect_(first->second == accepted, "two verdicts on the same extension");
  expect_(accepted == good(engine_height, voter, extension), "a wrong verdict on an extension");
}

std::vector<Digest> Checker::executed_before(uint64_t engine_height) const {
  std::vector<Digest> out;
  for (const auto& [height, id] : executed_)
    if (height < engine_height) out.push_back(id);
  return out;
}

void Checker::acknowledged(const order::Committed& committed) {
  auto [first, fresh] = acknowledged_.emplace(committed.transaction, committed);
  expect_(first->second.receipt == committed.receipt, "two receipts of one transaction");
}

void Checker::at_rest(const std::vector<std::unique_ptr<Node>>& nodes) {
  for (const auto& node : nodes)
    if (!node->byzantine) check_node(*node);
}

void Checker::check_node(const Node& node) {
  const std::string what = fmt::format("node {} at rest: ", node.number);
  const ledger::Head head = node.ledger->head();
  expect_(head.certified_height == head.header.height, what + "a block has no certificate");
  expect_(head.header.height == headers_.size(), what + "other blocks than were decided");
  for (const auto& each : node.pool->candidates(SIZE_MAX, 1))
    expect_(false, what + fmt::format("{} waits, until {}, {}", hex(each->hash).substr(0, 8),
                                      each->body.valid_until_ms,
                                      node.ledger->transaction(each->hash) ? "executed" : "not executed"));
  expect_(node.pool->empty(), what + "it says that something waits");
  std::map<Digest, ledger::TransactionRecord> all;
  for (uint64_t height = 1; height <= head.header.height; ++height) {
    auto content = node.ledger->content(height, true);
    expect_(content.has_value(), what + "a block cannot be read");
    if (!content) return;
    for (auto& each : content->transactions) {
      const Digest hash = each.transaction.hash;
      expect_(all.emplace(hash, std::move(each)).second, what + "executed twice");
    }
  }
  size_t proved = 0;
  for (const auto& [hash, committed] : acknowledged_) {
    auto found = all.find(hash);
    expect_(found != all.end(), what + "an acknowledged transaction is lost");
    if (found == all.end()) continue;
    expect_(found->second.receipt_bytes == committed.receipt, what + "another receipt than was acknowledged");
    if (found->second.transaction.attachments.empty() || ++proved > 3) continue;
    check_proof(node, found->second);
  }
}

void Checker::check_proof(const Node& node, const ledger::TransactionRecord& record) {
  const std::string what = fmt::format("node {} proof: ", node.number);
  auto item = node.ledger->prove_item({record.transaction.hash, 0, 0, record.height});
  expect_(item.has_value(), what + (item ? "" : item.error().to_string()));
  if (!item) return;
  auto header = format::Header::decode(item->header).value();
  proof::Bundle bundle;
  bundle.item = item->item;
  bundle.index = item->index;
  bundle.count = item->count;
  bundle.inner_path = item->inner_path;
  bundle.body = item->body;
  bundle.signer_key = item->signer_key;
  bundle.signature = item->signature;
  bundle.receipt = item->receipt;
  bundle.log_index = item->log_index;
  bundle.log_path = item->log_path;
  bundle.header = item->header;
  bundle.certificate = item->certificate;
  bundle.genesis = node.ledger->genesis_document();
  const auto transitions = node.ledger->transitions(header.height).value();
  for (const auto& each : transitions)
    bundle.transitions.push_back({each.header, each.certificate, each.next_validators, each.state_proof});
  auto verified = proof::verify(proof::encode(bundle));
  expect_(verified.has_value(), what + (verified ? "" : verified.error().to_string()));
}

}  // namespace chengxin::simulator
