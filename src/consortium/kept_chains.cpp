#include "base/log.h"
#include "consortium/impl/service.h"

// What brings a chain back whose folder was lost: its genesis, and its members as this node saw them last. A
// genesis alone would not do: the nodes that it names may be elsewhere by now, and this one need not be among
// them. The chain itself comes from the others and is believed as it proves itself.
namespace chengxin::consortium {

// Written when the members change, which is rare.
void ServiceImpl::keep_chain(const ledger::Ledger& ledger, const Record& record) {
  const std::string id = hex(record.chain), members = record.consortium.encode();
  std::lock_guard keeping(keeping_mutex_);
  {
    std::lock_guard lock(mutex_);
    auto kept = kept_chains_.find(id);
    if (kept != kept_chains_.end() && (kept->second.at("height").get<uint64_t>() > record.height ||
                                       kept->second.at("consortium").get<std::string>() == members))
      return;
  }
  Json document = {{"chain", id},
                   {"name", record.name},
                   {"genesis", ledger.genesis_document()},
                   {"height", record.height},
                   {"consortium", members}};
  if (auto kept = keep(chain_files_, kept_chains_, id, std::move(document)); !kept)
    log::error("consortium.keep", {{"chain", record.name}, {"error", kept.error().to_string()}});
}

Status ServiceImpl::know_kept_chains() {
  for (const auto& [id, kept] : kept_chains_) TRY(know_from(kept));
  return {};
}

// Chains of this node that have no folder any more, and name it still.
void ServiceImpl::begin_lost_chains() {
  Documents all;
  {
    std::lock_guard lock(mutex_);
    all = kept_chains_;
  }
  auto identity = own();
  if (!identity) return;
  for (const auto& [id, kept] : all) {
    if (ledger_of(id)) continue;
    auto members = format::Consortium::decode(kept.at("consortium").get<std::string>());
    if (!members || !members->find_node(identity->names().node)) continue;
    log::warn("consortium.chain_lost",
              {{"chain", kept.at("name").get<std::string>()},
               {"what", "its folder is gone: it is begun again, from the other nodes"}});
    auto started = chains_.start(kept.at("genesis").get<std::string>());
    if (!started)
      log::error("consortium.chain_lost", {{"chain", id}, {"error", started.error().to_string()}});
  }
}

}  // namespace chengxin::consortium
