#include "api/impl/secure.h"

#include <boost/asio/write.hpp>

namespace chengxin::api {
namespace {

constexpr size_t kMaxTaken = 64 << 10;

tl::unexpected<Error> gone() { return fail(Code::invalid_argument, "api.client_gone"); }

}  // namespace

Task<void> SecureSocket::flush(boost::system::error_code& error) {
  error = {};
  for (;;) {
    if (output_at_ == output_.size()) {
      output_ = session_->take_output();
      output_at_ = 0;
      if (output_.empty()) co_return;
    }
    auto rest = asio::buffer(output_) + output_at_;
    output_at_ += co_await socket_.async_write_some(rest, asio::redirect_error(use_task, error));
    if (error) co_return;
  }
}

Task<Status> SecureSocket::shake_hands() {
  Status status;
  for (;;) {
    boost::system::error_code error;
    co_await flush(error);  // also the alert that says why
    CO_TRY(status);
    if (error) co_return gone();
    if (session_->open()) co_return Status();
    size_t count =
        co_await socket_.async_read_some(asio::buffer(cipher_), asio::redirect_error(use_task, error));
    if (error) co_return gone();
    status = session_->receive(ByteView(cipher_).first(count), plain_);
  }
}

Task<size_t> SecureSocket::read_some(asio::mutable_buffer into, boost::system::error_code& error) {
  error = {};
  while (plain_at_ == plain_.size()) {
    plain_.clear();
    plain_at_ = 0;
    if (session_->ended()) {
      error = asio::error::eof;
      co_return 0;
    }
    size_t count =
        co_await socket_.async_read_some(asio::buffer(cipher_), asio::redirect_error(use_task, error));
    if (error == asio::error::eof) error = asio::error::connection_reset;  // cut short by who knows whom
    if (error) co_return 0;
    if (!session_->receive(ByteView(cipher_).first(count), plain_)) {
      finish();
      error = asio::error::connection_reset;
      co_return 0;
    }
  }
  size_t count = asio::buffer_copy(into, asio::buffer(plain_) + plain_at_);
  plain_at_ += count;
  co_return count;
}

Task<size_t> SecureSocket::write_some(std::span<const asio::const_buffer> parts,
                                      boost::system::error_code& error) {
  const bool again = taken_ > 0;  // the last call was cancelled: these bytes are protected already
  for (const auto& part : parts) {
    if (again || taken_ == kMaxTaken) break;
    size_t count = std::min(part.size(), kMaxTaken - taken_);
    if (!session_->send({static_cast<const uint8_t*>(part.data()), count})) {
      error = asio::error::connection_reset;
      co_return 0;
    }
    taken_ += count;
  }
  co_await flush(error);
  co_return error ? 0 : std::exchange(taken_, 0);
}

void SecureSocket::finish() {
  session_->finish();
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  if (output_at_ < output_.size()) return;  // amid a record
  Bytes last = session_->take_output();
  socket_.write_some(asio::buffer(last), ignored);
}

}  // namespace chengxin::api
