#include "cluster/story.h"

#include <thread>

#include "base/clock.h"

namespace chengxin::app::cluster {
namespace {

constexpr size_t kNodes = 4;

}  // namespace

Story::Story(Network network, fs::path folder, std::function<void(const std::string&)> tell)
    : network_(std::move(network)), folder_(std::move(folder)), tell_(std::move(tell)) {}

Result<std::unique_ptr<Story>> Story::begin(const fs::path& folder,
                                            std::function<void(const std::string&)> tell) {
  ASSIGN(Network network, Network::create());
  TRY(make_folder(folder));
  std::unique_ptr<Story> story(new Story(std::move(network), folder, std::move(tell)));
  for (size_t i = 1; i <= kNodes; ++i) {
    ASSIGN(const size_t host, story->network_.add_host());
    story->nodes_.push_back(
        std::make_unique<Node>(story->network_, host, folder / ("org" + std::to_string(host))));
    TRY(story->nodes_.back()->start());
  }
  return story;
}

Status Story::found() {
  Node& first = *nodes_[0];
  TRY(first.run({"consortium", "init", "--organisation", first.organisation(), "--title", "机构一", "--node",
                 first.name(), "--address", first.address()}));
  tell_(fmt::format("{} 建立联盟 makes the consortium", first.organisation()));
  for (size_t i = 1; i < nodes_.size(); ++i) TRY(join(*nodes_[i]));
  TRY(found_chain(chain_));
  tell_(fmt::format("四个机构共建链 the four found the chain {}", chain_));
  return {};
}

Status Story::found_chain(const std::string& chain) {
  TRY(nodes_[0]->run({"chain", "create", chain, "--consortium"}));
  for (size_t i = 1; i < nodes_.size(); ++i)
    TRY(wait_until("accepting the chain", [&]() -> Result<bool> {
      TRY(nodes_[i]->run({"consortium", "accept", chain}));
      return true;
    }));
  for (auto& node : nodes_)
    TRY(wait_until("the chain on " + node->name(), [&]() -> Result<bool> {
      TRY(node->height(chain));
      return true;
    }));
  return {};
}

Status Story::join(Node& node) {
  const fs::path invitation = folder_ / (node.organisation() + ".invitation");
  TRY(nodes_[0]->run(
      {"consortium", "invite", "--organisation", node.organisation(), "--out", invitation.string()}));
  TRY(node.run({"consortium", "join", invitation.string(), "--node", node.name(), "--address", node.address(),
                "--title", node.organisation(), "--role", "voter"}));
  TRY(wait_until(node.organisation() + " joins", [&]() -> Result<bool> {
    ASSIGN(Json proposals, nodes_[0]->run({"consortium", "proposals"}));
    for (const Json& each : proposals.at("items"))
      if (each.at("state") == "open") TRY(pass(each.at("number").get<uint64_t>()));
    ASSIGN(Json members, nodes_[0]->run({"consortium", "show"}));
    for (const Json& each : members.at("consortium").at("nodes"))
      if (each.at("name") == node.name()) return true;
    return false;
  }));
  ASSIGN(const uint64_t home, nodes_[0]->height("home"));
  TRY(node.reach("home", home));
  tell_(fmt::format("{} 凭邀请加入并经表决 joins by invitation, voted on", node.organisation()));
  return {};
}

// Whoever has not voted yet votes yes; those after the deciding vote are told that it is decided.
Status Story::pass(uint64_t proposal) {
  for (auto& node : nodes_) (void)node->run({"consortium", "vote", std::to_string(proposal), "yes"});
  return {};
}

Status Story::notarise_and_prove(Node& by, Node& prover, const std::string& what) {
  const fs::path file = folder_ / (what + ".txt"), bundle = folder_ / (what + ".cxproof");
  TRY(write_durable(file, view(fmt::format("{} {}\n", what, now_ms()))));
  ASSIGN(Json added, by.run({"evidence", "add", file.string(), "--chain", chain_, "--wait"}));
  const std::string digest = added.at("items").at(0).at("digest").get<std::string>();
  TRY(wait_until("a proof on " + prover.name(), [&]() -> Result<bool> {
    std::error_code ignored;
    fs::remove(bundle, ignored);
    TRY(prover.run({"evidence", "export", "--digest", digest, "--chain", chain_, "--out", bundle.string()}));
    return true;
  }));
  TRY(prover.run({"verify", bundle.string(), "--file", file.string()}));
  proved_.push_back(what);
  tell_(fmt::format("{} 存证,{} 出证并验证 notarised on {}, proved on {}", by.name(), prover.name(),
                    by.name(), prover.name()));
  return {};
}

Status Story::prove() { return notarise_and_prove(*nodes_[0], *nodes_[1], "first"); }

Status Story::survive() {
  nodes_[2]->kill();
  tell_(fmt::format("{} 被终止 is killed", nodes_[2]->name()));
  TRY(notarise_and_prove(*nodes_[0], *nodes_[3], "with-one-dead"));
  TRY(nodes_[2]->start());
  ASSIGN(const uint64_t height, nodes_[0]->height(chain_));
  TRY(nodes_[2]->reach(chain_, height));
  tell_(fmt::format("{} 重启并追平 is back and has caught up", nodes_[2]->name()));
  return {};
}

Status Story::offline() {
  for (auto& node : nodes_) TRY(node->stop());
  for (const std::string& what : proved_)
    TRY(nodes_[1]->run({"verify", (folder_ / (what + ".cxproof")).string(), "--file",
                        (folder_ / (what + ".txt")).string()}));
  tell_("全部停机后离线验证通过 all platforms stopped: the proofs hold offline");
  return {};
}

}  // namespace chengxin::app::cluster
