#include "link/impl/carrier.h"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

namespace chengxin::link {
namespace {

constexpr size_t kBatchBytes = 128 << 10;  // of plain text that is protected and written at a time
constexpr size_t kLittleBytes = 256 << 10;
constexpr int kClosingMs = 2000;
constexpr size_t kFrameBytes = 4;

Error closed(std::string_view why) { return {Code::unavailable, "link.closed", std::string(why)}; }

}  // namespace

Carrier::Carrier(std::shared_ptr<Loop> loop, const Options& options, std::optional<Topic> topic)
    : loop_(std::move(loop)),
      options_(options),
      dialled_(topic.has_value()),
      socket_(loop_->context),
      wake_timer_(loop_->context, Timer::time_point::max()),
      room_timer_(loop_->context, Timer::time_point::max()),
      topic_(topic.value_or(Topic{})),
      since_ms_(now_ms()),
      sent_ns_(steady_ns()) {
  set_deadline(options.handshake_ms);
}

void Carrier::set_deadline(int ms) { deadline_ns_ = steady_ns() + int64_t(ms) * 1'000'000; }

void Carrier::connected() {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
  auto remote = socket_.remote_endpoint(ignored);
  peer_.address = fmt::format("{}:{}", remote.address().to_string(), remote.port());
  std::lock_guard lock(mutex_);
  if (why_)
    socket_.close(ignored);
  else
    fd_ = socket_.native_handle();
}

Status Carrier::send(Bytes message) {
  if (message.size() > options_.max_message_bytes)
    return fail(Code::too_large, "link.too_large", "{} bytes", message.size());
  std::lock_guard lock(mutex_);
  if (why_ || closing_ || end_ || !open_) return fail(Code::unavailable, "link.closed");
  if (message.empty()) return {};
  if (queued_bytes_ > options_.max_queued_bytes)
    return tl::unexpected(Error{Code::busy, "link.full", fmt::format("{} bytes wait", queued_bytes_), 100});
  queued_bytes_ += message.size() + kFrameBytes;
  queue_.push_back(std::move(message));
  post_wake();
  return {};
}

void Carrier::close(std::string_view why) {
  std::lock_guard lock(mutex_);
  if (why_ || closing_) return;
  closing_ = true;
  closing_why_ = why;
  asio::post(loop_->context, [self = shared_from_this()] {
    if (!self->open_) return self->cut(self->ended());
    self->closing_deadline_ns_ = steady_ns() + int64_t(kClosingMs) * 1'000'000;
    self->wake();
  });
}

void Carrier::cut(Error why) {
  std::lock_guard lock(mutex_);
  if (why_) return;
  why_ = std::move(why);
  cut_flag_ = true;
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
  asio::post(loop_->context, [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->socket_.close(ignored);
    self->wake();
    self->room_timer_.cancel();
  });
}

Error Carrier::why() const {
  std::lock_guard lock(mutex_);
  return why_.value_or(Error{});
}

// Why nothing more comes, when no more is known than that.
Error Carrier::ended() const {
  std::lock_guard lock(mutex_);
  if (why_) return *why_;
  return closed(closing_ ? closing_why_ : "the other side closed it");
}

Links::State Carrier::state() const {
  return {topic_, peer_, dialled_, since_ms_, sent_bytes_, received_bytes_};
}

void Carrier::wake() { wake_timer_.cancel(); }

void Carrier::post_wake() {
  if (std::exchange(wake_posted_, true)) return;
  asio::post(loop_->context, [self = shared_from_this()] {
    {
      std::lock_guard lock(self->mutex_);
      self->wake_posted_ = false;
    }
    self->wake();
  });
}

Task<Status> Carrier::flush() {
  Bytes output = session_->take_output();
  if (output.empty()) co_return Status();
  boost::system::error_code error;
  co_await asio::async_write(socket_, asio::buffer(output), asio::redirect_error(use_task, error));
  sent_ns_ = steady_ns();
  sent_bytes_ += output.size();
  if (error || cut_flag_) co_return tl::unexpected(ended());
  co_return Status();
}

// Reads once what has arrived, into the frames.
Task<Status> Carrier::fill() {
  boost::system::error_code error = asio::error::would_block;
  size_t count = 0;
  while (error == asio::error::would_block) {
    reading_ = true;
    co_await socket_.async_wait(tcp::socket::wait_read, asio::redirect_error(use_task, error));
    if (cut_flag_) co_return tl::unexpected(ended());
    if (!error) count = socket_.read_some(asio::buffer(loop_->buffer), error);
  }
  reading_ = false;
  if (error) co_return tl::unexpected(ended());
  received_bytes_ += count;
  auto status = session_->receive(ByteView(loop_->buffer).first(count), frames_.tail());
  if (session_->has_output() && open_) wake();
  co_return status;
}

Task<Status> Carrier::shake_hands(std::unique_ptr<crypto::TlsSession> session) {
  session_ = std::move(session);
  Status status = session_->receive({}, frames_.tail());
  for (;;) {
    Status written = co_await flush();  // also what tells the other side why
    CO_TRY(status);
    CO_TRY(written);
    if (session_->open()) break;
    status = co_await fill();
  }
  certificates_ = *session_->peer();
  co_return Status();
}

Peer Carrier::make_peer(crypto::Certificate root, int64_t clock_ahead_ms) const {
  const auto& sign = certificates_.sign;
  return {sign, sign.public_key->point(), std::move(root), peer_.address, clock_ahead_ms};
}

void Carrier::identify(const Topic& topic, Peer peer) {
  topic_ = topic;
  peer_ = std::move(peer);
  identified_ = true;
}

Task<Status> Carrier::write_now(ByteView frame) {
  CHECK(!open_);
  Bytes whole;
  put_be(whole, uint32_t(frame.size()));
  append(whole, frame);
  CO_TRY(session_->send(whole));
  co_return co_await flush();
}

void Carrier::open() {
  open_ = true;
  tell("link.open", "");
  set_deadline(options_.idle_ms);
  asio::co_spawn(loop_->context, write_queued(), asio::detached);
}

void Carrier::tell(std::string_view event, const std::string& reason) const {
  log::info(event, {{"address", peer_.address},
                    {"chain", hex(ByteView(topic_.chain).first(4))},
                    {"dialled", dialled_},
                    {"purpose", int(topic_.purpose)},
                    {"reason", reason},
                    {"subject", peer_.certificate.subject_text()}});
}

Task<Result<FrameReader::Frame>> Carrier::next(size_t max_bytes, bool may_end) {
  for (;;) {
    if (cut_flag_) co_return tl::unexpected(ended());
    CO_ASSIGN(auto frame, frames_.next(max_bytes, may_end));
    if (frame) co_return std::move(*frame);
    if (session_->ended()) co_return tl::unexpected(ended());
    if (open_) set_deadline(options_.idle_ms);
    CO_TRY(co_await fill());
  }
}

// What is to be sent now, in plain text; empty: nothing.
Bytes Carrier::next_batch() {
  Bytes batch;
  std::lock_guard lock(mutex_);
  while (batch.size() < kBatchBytes) {
    if (current_at_ == current_.size()) {
      if (queue_.empty()) break;
      current_ = std::move(queue_.front());
      current_at_ = 0;
      queue_.pop_front();
      put_be(batch, uint32_t(current_.size()));
      queued_bytes_ -= kFrameBytes;
    }
    size_t count = std::min(current_.size() - current_at_, kBatchBytes);
    append(batch, ByteView(current_).subspan(current_at_, count));
    current_at_ += count;
    queued_bytes_ -= count;
  }
  if (current_at_ == current_.size()) {
    Bytes().swap(current_);
    current_at_ = 0;
    if (queue_.empty() && end_ && !std::exchange(end_sent_, true)) put_be(batch, kEnd);
  }
  if (batch.empty() && std::exchange(alive_due_, false)) put_be(batch, kAlive);
  if (queued_bytes_ <= kLittleBytes) room_timer_.cancel();
  return batch;
}

// Does not cut when writing fails: what the other side wrote before is still read.
Task<void> Carrier::write_queued() {
  auto self = shared_from_this();
  writing_ = true;
  Status status;
  bool closing = false;
  while (status && !cut_flag_ && !closing) {
    Bytes batch = next_batch();
    if (!batch.empty()) status = session_->send(batch);
    if (status && session_->has_output()) {
      status = co_await flush();
      continue;
    }
    {
      std::lock_guard lock(mutex_);
      closing = closing_;
    }
    boost::system::error_code ignored;
    if (!closing) co_await wake_timer_.async_wait(asio::redirect_error(use_task, ignored));
  }
  if (closing && !cut_flag_) co_await say_goodbye();
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  writing_ = false;
  room_timer_.cancel();
}

// Ends what is sent, not the connection: closing it while something unread arrives would take back what was
// sent last. The reader meets the other side's end, or the sweeper its deadline.
Task<void> Carrier::say_goodbye() {
  session_->finish();
  (void)co_await flush();
  boost::system::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

void Carrier::end_writing() {
  std::lock_guard lock(mutex_);
  end_ = true;
  post_wake();
}

Task<bool> Carrier::room() {
  for (;;) {
    if (cut_flag_) co_return false;
    {
      std::lock_guard lock(mutex_);
      if (queued_bytes_ <= kLittleBytes) co_return true;
    }
    boost::system::error_code ignored;
    co_await room_timer_.async_wait(asio::redirect_error(use_task, ignored));
  }
}

Task<void> Carrier::finish() {
  if (open_) tell("link.ended", why().reason);
  boost::system::error_code ignored;
  while (writing_) {  // it was woken by the cut
    wake();
    co_await room_timer_.async_wait(asio::redirect_error(use_task, ignored));
  }
  {
    std::lock_guard lock(mutex_);
    fd_ = -1;
    queue_.clear();
  }
  socket_.close(ignored);
}

void Carrier::sweep(int64_t now_ns) {
  if (cut_flag_) return;
  if (!open_) {
    if (now_ns > deadline_ns_) cut({Code::unavailable, "link.timeout", "the handshake took too long"});
    return;
  }
  if (closing_deadline_ns_ && now_ns > closing_deadline_ns_)
    return cut({Code::unavailable, "link.closed", "closed here, with something left to send"});
  if (reading_ && now_ns > deadline_ns_) return cut({Code::unavailable, "link.silent", "no sign of life"});
  if (now_ns - sent_ns_ > int64_t(options_.idle_ms) * 1'000'000 / 3 && !alive_due_) {
    alive_due_ = true;
    wake();
  }
}

}  // namespace chengxin::link
