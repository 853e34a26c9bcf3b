#include "link/impl/core.h"

namespace chengxin::link {
namespace {

class LinksImpl : public Links {
 public:
  explicit LinksImpl(std::unique_ptr<Core> core) : core_(std::move(core)) {}
  ~LinksImpl() override { core_->stop(); }

  uint16_t port() const override { return core_->port(); }
  void serve(const Topic& topic, Handlers handlers) override { core_->serve(topic, std::move(handlers)); }
  void stop_serving(const Topic& topic) override { core_->stop_serving(topic); }
  Keeper keep(const Topic& topic, const Address& address, const crypto::Sm2Point& key,
              Handlers handlers) override {
    return start(topic, address, key, std::move(handlers), true);
  }
  Keeper dial(const Topic& topic, const Address& address, const crypto::Sm2Point& key,
              Handlers handlers) override {
    return start(topic, address, key, std::move(handlers), false);
  }
  Result<Tunnel> tunnel(const Digest& chain, const Address& address, const crypto::Sm2Point& key) override {
    return core_->tunnel(chain, address, key);
  }
  void serve_engine(const Digest& chain, uint16_t port) override { core_->serve_engine(chain, port); }
  void stop_serving_engine(const Digest& chain) override { core_->stop_serving_engine(chain); }
  void recheck() override { core_->recheck(); }
  std::vector<State> list() const override { return core_->list(); }

 private:
  Keeper start(const Topic& topic, const Address& address, const crypto::Sm2Point& key, Handlers handlers,
               bool again) {
    auto what = std::make_shared<Dial>();
    what->topic = topic;
    what->address = address;
    what->key = key;
    what->served = std::make_shared<Served>();
    what->served->handlers = std::move(handlers);
    what->again = again;
    return core_->dial(std::move(what));
  }

  std::unique_ptr<Core> core_;
};

}  // namespace

Result<std::unique_ptr<Links>> Links::start(Credentials credentials, TrustOf trust, Admits admits,
                                            Options options) {
  auto core =
      std::make_unique<Core>(std::move(credentials), std::move(trust), std::move(admits), std::move(options));
  TRY(core->start());
  return std::make_unique<LinksImpl>(std::move(core));
}

}  // namespace chengxin::link
