#pragma once
#include <map>
#include <mutex>
#include <set>

#include "comet/replica.h"
#include "consortium/service.h"
#include "host/host.h"
#include "install/install.h"

namespace chengxin::app {

// This node's part in its consortium: engines, links and replicas of the chains that it runs with others,
// wired to the service that operators speak to. Where there is no consortium, nothing of it is started.
class Members final : public consortium::Chains {
 public:
  explicit Members(const install::Installation& installation);
  ~Members() override;

  // For host::Options. The host is given in begin().
  Result<std::unique_ptr<order::Sequencer>> sequencer_of(ledger::Ledger& ledger);
  // Links and everything that is under way. Errors: those of consortium::Service::open.
  Status begin(host::Host& host);
  void stop();  // and the host's chains

  consortium::Service& service() { return *service_; }
  std::optional<uint16_t> link_port() const;  // none: there are no links
  // For doctor: of the service, of each chain's engine, and of the disk.
  std::vector<install::Finding> findings() const;

  std::vector<LedgerPtr> list() const override;
  Result<Outcome> submit(const Digest& chain, Bytes envelope) override;
  Status start(std::string_view genesis) override;
  Status stop(const Digest& chain) override;
  Result<consortium::EngineKeys> engine_keys(const std::string& chain) override;
  Result<consortium::EngineKeys> next_engine_keys(const std::string& chain) override;
  State state(const Digest& chain) const override;

 private:
  Result<comet::Engine*> engine();
  void on_links(const std::shared_ptr<link::Links>& links);
  comet::Replica* find(const Digest& chain) const;

  const install::Installation& installation_;
  host::Host* host_ = nullptr;
  std::mutex engine_mutex_;
  std::unique_ptr<comet::Engine> engine_;
  std::mutex links_turn_;  // no replica is given older links after newer ones; mutex_ may be taken under it
  mutable std::mutex mutex_;
  std::map<Digest, comet::Replica*> replicas_;  // the host's chains own them
  std::set<Digest> twins_;                      // chains on which another node votes with this node's key
  std::shared_ptr<link::Links> links_;
  std::unique_ptr<consortium::Service> service_;
  std::atomic<consortium::Service*> serving_ = nullptr;  // it, once it is open
};

}  // namespace chengxin::app
