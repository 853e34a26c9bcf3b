#pragma once
#include <map>

#include "comet/messages.h"

// Which blocks to ask of whom while this node is behind: one question at a time, the next one as soon as the
// answer is there, each of the next peer in turn. Not thread-safe. So a peer that lies or is slow costs its
// turn only.
namespace chengxin::comet {

class CatchUp {
 public:
  static constexpr uint64_t kBehind = 3;  // blocks; nearer than that the engine's own course fetches them
  static constexpr uint32_t kPartBytes = 4 << 20;

  struct Question {
    crypto::Sm2Point peer{};
    AskBlocks ask;
  };
  struct Standing {
    uint64_t oldest = 0, height = 0;  // of its ledger
  };
  // What to ask now, and of whom; it then counts as asked. `room` is what the pool takes, `peers` are linked.
  std::optional<Question> next(uint64_t own_height, size_t room,
                               const std::map<crypto::Sm2Point, Standing>& peers, int64_t now_ns,
                               int64_t reply_ns);
  // Whether the parts are an answer to what was asked of this peer.
  bool take(const crypto::Sm2Point& peer, const GiveBlocks& answer);
  void gone(const crypto::Sm2Point& peer);  // its answer will not come
  void restart(uint64_t height);            // is needed now, whatever was thought to be on the way
  bool active() const { return active_; }

 private:
  struct Asked {
    Question question;
    int64_t at_ns = 0;
    bool fruitless = false;  // it was answered, with nothing: the next question waits as if it were not
  };
  uint64_t height_ = 1;  // next to ask for
  uint32_t first_ = 0;
  bool needed_ = false;  // somebody waits for it, there is no question of room or distance
  bool active_ = false;
  uint32_t requests_ = 0;
  crypto::Sm2Point last_{};  // who was asked last
  std::optional<Asked> asked_;
};

}  // namespace chengxin::comet
