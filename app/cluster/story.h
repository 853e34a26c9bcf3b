#pragma once
#include <memory>

#include "cluster/node.h"

namespace chengxin::app::cluster {

// Four organisations on one machine, from nothing to a chain that they run together, told step by step.
class Story {
 public:
  // `folder` is made, and left as it is.
  static Result<std::unique_ptr<Story>> begin(const fs::path& folder,
                                              std::function<void(const std::string&)> tell);

  Status found();  // identities, invitations, votes, the chain "registry" of all four
  Status found_chain(const std::string& chain);  // of all four
  Status prove();                                // a file notarised on one node, proved on another
  Status survive();                              // a node dies, work goes on; it comes back and has caught up
  Status offline();                              // all platforms are stopped, and the proofs still hold

  std::vector<std::unique_ptr<Node>>& nodes() { return nodes_; }
  const std::string& chain() const { return chain_; }
  const fs::path& folder() const { return folder_; }

 private:
  Story(Network network, fs::path folder, std::function<void(const std::string&)> tell);
  Status join(Node& node);
  Status pass(uint64_t proposal);
  Status notarise_and_prove(Node& by, Node& prover, const std::string& what);

  Network network_;
  fs::path folder_;
  std::function<void(const std::string&)> tell_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::string chain_ = "registry";
  std::vector<std::string> proved_;
};

}  // namespace chengxin::app::cluster
