#pragma once
#include <boost/asio/buffer.hpp>

#include "api/coroutine.h"
#include "crypto/tls.h"

namespace chengxin::api {

using Socket = net::Socket;

// A socket's bytes under the protection of a session. Reading and writing may each be under way at once;
// either may be cancelled and begun again: what was taken of a buffer is told exactly once.
class SecureSocket {
 public:
  SecureSocket(Socket& socket, std::unique_ptr<crypto::TlsSession> session)
      : socket_(socket), session_(std::move(session)) {}

  // Error: the session's; client_gone when the other side left or cancel() came.
  Task<Status> shake_hands();
  Task<size_t> read_some(asio::mutable_buffer into, boost::system::error_code& error);
  // Takes some of `parts`, whose beginning must be the same again after operation_aborted.
  Task<size_t> write_some(std::span<const asio::const_buffer> parts, boost::system::error_code& error);
  const crypto::TlsPeer* peer() const { return session_->peer() ? &*session_->peer() : nullptr; }
  void finish();  // says that nothing follows, as far as the socket takes it at once

 private:
  Task<void> flush(boost::system::error_code& error);

  Socket& socket_;
  std::unique_ptr<crypto::TlsSession> session_;
  std::array<uint8_t, 16 << 10> cipher_;
  Bytes plain_, output_;
  size_t plain_at_ = 0, output_at_ = 0;
  size_t taken_ = 0;  // of what is written: protected, but not all of it sent
};

}  // namespace chengxin::api
