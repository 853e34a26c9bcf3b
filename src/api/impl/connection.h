#pragma once
#include <boost/beast/core/flat_buffer.hpp>
#include <list>

#include "api/dispatch.h"
#include "api/impl/secure.h"

namespace chengxin::api {

// One client's connection: reads a request, answers it, then the next; never two at a time. It lives on one
// io thread. Time limits cost a request nothing: the thread's sweeper looks at the deadlines a few times a
// second. Reading and writing have a deadline each, since an answer may be streamed while the request's body
// still arrives; an operation that was cancelled for the other's sake is begun again.
class Connection : public BodySource, public BodySink {
 public:
  Connection(App& app, Socket socket, std::string id);

  Task<void> run();
  void sweep(int64_t steady_now_ns);  // ends what took too long
  void begin_stop();                  // closes it when idle; else after the answer under way
  bool idle() const { return phase_ == Phase::idle; }

  Task<Result<std::string_view>> next() override;
  Task<Result<std::string_view>> next(int64_t until_ns) override;
  Task<Status> write(std::string_view bytes) override;
  void abort() override;

 private:
  enum class Phase { idle, header, body, handling, closing };
  void enter(Phase phase, int timeout_ms);  // 0: no limit
  void cancel();
  Task<Result<std::string_view>> next_chunk();
  Task<bool> shake_hands();
  Task<Status> begin_session();
  Task<void> note_handshake(const Error& error);
  Task<size_t> read_some(asio::mutable_buffer into, boost::system::error_code& error);
  Task<size_t> write_some(std::span<const asio::const_buffer> parts, boost::system::error_code& error);
  Task<bool> fill();                 // reads once; false at the end, an error or past the deadline
  Task<Result<bool>> read_header();  // false: the client left between two requests
  Task<void> answer(Outgoing& outgoing);
  Task<bool> send(std::string_view head, std::string_view body, std::string_view tail = {});
  void wipe_read();  // what was read of a request and is held here
  void write_head(const Response& response, bool keep, bool chunked);
  Task<void> linger();  // lets the client read the answer before the connection is reset
  Error parse_error(const boost::system::error_code& error) const;

  App& app_;
  Socket socket_;
  std::unique_ptr<SecureSocket> secure_;  // over the socket, when the interface is protected
  const std::string id_;
  std::string peer_;      // its address
  bool exposed_ = false;  // another host, in clear
  uint64_t count_ = 0;
  beast::flat_buffer buffer_;
  Head head_;
  std::string body_, chunk_, out_;
  std::optional<RequestParser> parser_;
  Phase phase_ = Phase::idle;
  int64_t deadline_ns_ = 0, body_deadline_ns_ = 0, write_deadline_ns_ = 0;
  uint64_t body_bytes_ = 0;
  bool expired_ = false, write_expired_ = false;  // their deadlines have passed, or abort()
  bool stopping_ = false, close_ = false, expect_continue_ = false, head_only_ = false;
  bool both_ways_ = false;  // both ways: the answer began before the body ended
};

}  // namespace chengxin::api
