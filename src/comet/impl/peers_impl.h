#pragma once
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "comet/impl/catch_up.h"
#include "comet/impl/inbox.h"
#include "comet/peers.h"

namespace chengxin::comet {

// Three threads: one takes what peers send, one answers what they ask, one keeps the time. Nothing is sent,
// read or checked under the lock.
class PeersImpl final : public LinkPeers, public std::enable_shared_from_this<PeersImpl> {
 public:
  PeersImpl(link::Links& links, const ledger::Ledger& ledger, Pool& pool, Self self, PeersOptions options)
      : links_(links),
        ledger_(ledger),
        pool_(pool),
        self_(std::move(self)),
        options_(options),
        topic_{ledger.id(), link::Purpose::content},
        inbox_(options.max_inbox_bytes, SIZE_MAX),
        questions_(kMaxQuestionBytes, options.max_questions) {}
  ~PeersImpl() override { stop(); }
  void start();

  void broadcast(std::vector<Bytes> envelopes) override;
  void ask(std::span<const Digest> ids, const crypto::Sm2Point* first) override;
  void ask_blocks(uint64_t from_height) override;
  void set_members(std::vector<Member> members) override;
  void decided() override;
  Result<Bytes> light_block(uint64_t engine_height, int timeout_ms) override;
  std::vector<Bytes> members(int timeout_ms) override;
  std::vector<PeerState> states() const override;
  bool catching_up() const override;
  void stop() override;

 private:
  static constexpr size_t kMaxQuestionBytes = size_t(4) << 20;

  struct Remote {
    std::optional<Member> member;
    link::Links::Keeper keeper;  // while this node dials
    link::ConnectionPtr connection;
    bool greet = false;  // it has not heard where this node stands
    Budget budget;
    PeerState state;
  };
  struct Waiter {  // for a light block, or a proof of the members
    crypto::Sm2Point asked{};
    std::optional<Bytes> bytes;
    bool answered = false;
  };

  link::Handlers handlers();
  void on_open(const link::ConnectionPtr& connection);
  void on_message(const link::ConnectionPtr& connection, Bytes message);
  void on_close(const link::ConnectionPtr& connection);
  bool dials(const Member& member) const { return self_.key < member.key; }

  // What peers send (intake.cpp).
  void take_in();
  void handle(const crypto::Sm2Point& peer, ByteView message);
  void note(const crypto::Sm2Point& peer, const HeadNotice& notice);
  void take_blocks(const crypto::Sm2Point& peer, GiveBlocks blocks);
  void found(const crypto::Sm2Point& peer, uint32_t request, std::optional<Bytes> bytes);
  void malformed(const crypto::Sm2Point& peer, const Error& why);

  // What peers ask (answers.cpp).
  void answer();
  uint64_t answer_one(const crypto::Sm2Point& peer, ByteView question);
  uint64_t give(const crypto::Sm2Point& peer, const Ask& question);
  GiveBlocks blocks(const AskBlocks& question);

  // What the time brings.
  void keep_time();
  std::vector<Bytes> take_gathered();  // under the lock
  void flush(std::vector<Bytes> envelopes);
  void send_heads(bool to_all);
  void hand_over_again();
  void ask_for_blocks();
  HeadNotice head_notice();

  // To a peer that is linked; link.closed when it is not.
  Status send(const crypto::Sm2Point& peer, Bytes message);
  std::vector<crypto::Sm2Point> linked_in_turn();

  link::Links& links_;
  const ledger::Ledger& ledger_;
  Pool& pool_;
  const Self self_;
  const PeersOptions options_;
  const link::Topic topic_;

  mutable std::mutex mutex_;
  std::condition_variable received_, asked_, due_, lit_;
  std::map<crypto::Sm2Point, Remote> remotes_;
  Inbox inbox_, questions_;
  CatchUp catch_up_;
  std::vector<Bytes> gathered_;
  size_t gathered_bytes_ = 0;
  int64_t flush_at_ns_ = 0;  // 0: nothing is gathered
  int64_t flushed_ns_ = 0;
  bool look_again_ = false;  // at what the time brings
  std::map<uint32_t, Waiter> waiters_;
  uint32_t requests_ = 0;
  size_t turn_ = 0;
  bool stopped_ = false;

  std::optional<HeadNotice>
      certified_;  // of the clock's thread: what a notice says of the newest certificate
  uint64_t certified_height_ = 0;
  std::optional<ledger::BlockContent> reading_;  // of the answers' thread: a block that is given in parts
  std::vector<std::thread> threads_;
};

}  // namespace chengxin::comet
