#pragma once
#include <atomic>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "crypto/tls.h"
#include "link/impl/frames.h"
#include "net/coroutine.h"

namespace chengxin::link {

using net::Acceptor;
using net::Executor;
using net::Socket;
using net::Task;
using net::tcp;
using net::Timer;
using net::use_task;
namespace asio = boost::asio;

class Carrier;

// An event loop, its thread, and what the links of this thread share.
struct Loop {
  asio::io_context context{1};
  Timer ticker{context};
  std::array<uint8_t, 64 << 10> buffer;  // what was just read: an idle link holds none
  std::list<Carrier*> carriers;          // this thread only
  std::thread thread;
};

// Has the loop know the link while it lives; on the loop's thread.
class Listed {
 public:
  Listed(Loop& loop, Carrier* link) : loop_(loop), at_(loop.carriers.insert(loop.carriers.end(), link)) {}
  ~Listed() { loop_.carriers.erase(at_); }
  Listed(const Listed&) = delete;

 private:
  Loop& loop_;
  std::list<Carrier*>::iterator at_;
};

// One link over its connection. What is marked so is for any thread, the rest for its loop's. Invariants:
// - after cut() returned, nothing more is read, delivered or written;
// - only the writer writes to the socket once it runs, so that records keep their order.
class Carrier : public Connection, public std::enable_shared_from_this<Carrier> {
 public:
  // `topic`: of one that is dialled.
  Carrier(std::shared_ptr<Loop> loop, const Options& options, std::optional<Topic> topic);

  const Peer& peer() const override { return peer_; }
  const Topic& topic() const override { return topic_; }
  Status send(Bytes message) override;        // any thread
  void close(std::string_view why) override;  // any thread; what waits is written first, for a moment
  void cut(Error why);                        // any thread
  bool is_cut() const { return cut_flag_; }   // any thread
  bool is_open() const { return open_; }      // any thread
  bool is_identified() const {
    return identified_;
  }                            // any thread: topic, peer and certificates stay from here on
  Error why() const;           // any thread: why it ended
  Links::State state() const;  // any thread, once identified
  const crypto::TlsPeer& certificates() const { return certificates_; }
  bool dialled() const { return dialled_; }
  const std::string& remote() const { return peer_.address; }

  Loop& loop() { return *loop_; }
  const std::shared_ptr<Loop>& loop_ptr() { return loop_; }
  Socket& socket() { return socket_; }
  void connected();  // the socket is: it can be cut from other threads now
  Task<Status> shake_hands(std::unique_ptr<crypto::TlsSession> session);
  Peer make_peer(crypto::Certificate root, int64_t clock_ahead_ms) const;
  void identify(const Topic& topic, Peer peer);
  Task<Status> write_now(ByteView frame);  // before open() only
  void open();                             // agreed: the writer starts, deadlines change
  // The next frame; end only when `may_end`.
  Task<Result<FrameReader::Frame>> next(size_t max_bytes, bool may_end);
  void end_writing();   // after what waits
  Task<bool> room();    // until little waits; false: cut
  Task<void> finish();  // at the end: lets the writer end, closes the socket
  void sweep(int64_t now_ns);

 private:
  Error ended() const;
  void tell(std::string_view event, const std::string& reason) const;
  Task<Status> fill();
  Task<Status> flush();
  Task<void> write_queued();
  Bytes next_batch();
  Task<void> say_goodbye();
  void wake();       // the writer
  void post_wake();  // the same from any thread, with mutex_ held
  void set_deadline(int ms);

  const std::shared_ptr<Loop> loop_;
  const Options options_;
  const bool dialled_;
  Socket socket_;
  Timer wake_timer_, room_timer_;
  std::unique_ptr<crypto::TlsSession> session_;
  FrameReader frames_;
  Topic topic_;
  Peer peer_;
  crypto::TlsPeer certificates_;
  int64_t since_ms_ = 0;
  int64_t deadline_ns_ = 0, closing_deadline_ns_ = 0, sent_ns_ = 0;
  bool reading_ = false, writing_ = false, alive_due_ = false, end_sent_ = false;
  Bytes current_;  // a large message under way
  size_t current_at_ = 0;
  std::atomic<bool> open_ = false, identified_ = false, cut_flag_ = false;
  std::atomic<uint64_t> sent_bytes_ = 0, received_bytes_ = 0;

  mutable std::mutex mutex_;  // what follows
  std::deque<Bytes> queue_;
  size_t queued_bytes_ = 0;
  bool end_ = false, closing_ = false, wake_posted_ = false;
  std::string closing_why_;
  std::optional<Error> why_;
  int fd_ = -1;
};
using CarrierPtr = std::shared_ptr<Carrier>;

}  // namespace chengxin::link
