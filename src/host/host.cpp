#include "host/host.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/random.h"

namespace chengxin::host {
namespace {

// A consortium's block holds up to 20,000 transactions and takes some tenths of a second: what is not ahead
// of it when it begins waits for the one after the next.
constexpr size_t kConsortiumAhead = 20'000;

void observe(const ChainPtr& chain, const Host::OnBlock& on_block) {
  chain->sequencer->subscribe([on_block, weak = std::weak_ptr(chain)](uint64_t height) {
    if (ChainPtr held = weak.lock()) on_block(held, height);
  });
}

tl::unexpected<Error> bad_name() {
  return fail(Code::invalid_argument, "chain.name",
              "a name is 1 to 40 of a-z, 0-9 and -, and begins with no -");
}

}  // namespace

bool valid_name(std::string_view name) {
  bool characters = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return characters && !name.empty() && name.size() <= 40 && name.front() != '-';
}

Status Host::open_all() {
  TRY(make_folder(options_.root));
  std::error_code error;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(options_.root, error))
    if (entry.is_directory() && valid_name(entry.path().filename().string())) folders.push_back(entry.path());
  if (error) return fail(Code::unavailable, "file.io", "{}: {}", options_.root.string(), error.message());
  std::sort(folders.begin(), folders.end());
  for (const fs::path& folder : folders) {
    auto opened = ledger::Ledger::open(folder, options_.ledger);
    if (!opened) {
      Error failure = std::move(opened).error();
      failure.detail = folder.filename().string() + ": " + failure.detail;
      return tl::unexpected(std::move(failure));
    }
    ASSIGN(ChainPtr chain, start(std::move(*opened)));
    log::info("chain.opened", {{"chain", chain->name}, {"height", chain->ledger->head().header.height}});
  }
  return {};
}

Result<ChainPtr> Host::create(const std::string& name, std::vector<format::GenesisAccount> accounts,
                              int64_t now_ms) {
  if (!valid_name(name)) return bad_name();
  if (find(name)) return fail(Code::conflict, "chain.exists", "{}", name);
  format::Genesis genesis;
  genesis.name = name;
  genesis.created_ms = now_ms;
  genesis.protocol = options_.ledger.highest_protocol;
  crypto::random_fill(genesis.salt);
  genesis.validators.members = {{options_.validator_key.public_key().point(), 1}};
  genesis.accounts = options_.accounts;
  genesis.accounts.insert(genesis.accounts.end(), accounts.begin(), accounts.end());
  ASSIGN(auto ledger, ledger::Ledger::create(options_.root / name, genesis.encode(), options_.ledger));
  return start(std::move(ledger));
}

Result<ChainPtr> Host::create_from(std::string_view document) {
  ASSIGN(auto genesis, format::Genesis::decode(document));
  if (!valid_name(genesis.name)) return bad_name();
  if (find(genesis.name)) return fail(Code::conflict, "chain.exists", "{}", genesis.name);
  const fs::path folder = options_.root / genesis.name;
  ASSIGN(auto ledger, ledger::Ledger::create(folder, document, options_.ledger));
  auto started = start(std::move(ledger));
  std::error_code ignored;
  if (!started)
    fs::remove_all(folder, ignored);  // it holds nothing yet, and would be in the way of another try
  return started;
}

Result<std::unique_ptr<order::Sequencer>> Host::sequencer_of(ledger::Ledger& ledger) const {
  if (!ledger.genesis().consortium)
    return order::make_solo(ledger, options_.validator_key, now_ms, options_.solo);
  if (options_.sequencer_of) return options_.sequencer_of(ledger);
  return fail(Code::unsupported, "chain.no_consortium", "{} is run by a consortium", ledger.genesis().name);
}

void Host::stop() {
  for (const ChainPtr& chain : list()) chain->stop();
}

Result<ChainPtr> Host::find(std::string_view name_or_id) const {
  std::lock_guard lock(mutex_);
  auto by_name = chains_.find(std::string(name_or_id));
  if (by_name != chains_.end()) return by_name->second;
  for (const auto& [name, chain] : chains_)
    if (hex(chain->ledger->id()) == name_or_id) return chain;
  return fail(Code::not_found, "chain.not_found", "{}", name_or_id);
}

std::vector<ChainPtr> Host::list() const {
  std::lock_guard lock(mutex_);
  std::vector<ChainPtr> out;
  for (const auto& [name, chain] : chains_) out.push_back(chain);
  return out;
}

void Host::subscribe(OnBlock on_block) {
  std::lock_guard lock(mutex_);
  observers_.push_back(on_block);
  for (const auto& [name, chain] : chains_) observe(chain, on_block);
}

Result<ChainPtr> Host::start(std::unique_ptr<ledger::Ledger> ledger) {
  auto chain = std::make_shared<Chain>();
  chain->name = ledger->genesis().name;
  chain->ledger = std::move(ledger);
  ASSIGN(chain->sequencer, sequencer_of(*chain->ledger));
  const ledger::Ledger& admits = *chain->ledger;
  admission::Options admission = options_.admission;
  if (admits.genesis().consortium) admission.max_ahead_items = kConsortiumAhead;
  chain->admission = std::make_unique<admission::Gatherer>(
      [&admits](std::span<const ByteView> envelopes, int64_t time_ms) {
        return admits.admit(envelopes, time_ms);
      },
      *chain->sequencer, now_ms, admission);
  // Observers first: nobody can hand it a transaction before it is among the others, so they miss no block.
  for (const OnBlock& on_block : observers_) {
    on_block(chain, 0);
    observe(chain, on_block);
  }
  std::lock_guard lock(mutex_);
  if (!chains_.emplace(chain->name, chain).second)
    return fail(Code::conflict, "chain.exists", "{}", chain->name);
  return chain;
}

}  // namespace chengxin::host
