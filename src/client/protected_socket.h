#pragma once
#include <sys/socket.h>

#include <list>
#include <string>
#include <thread>

#include "crypto/tls.h"

namespace chengxin::client {

// Sockets for libcurl whose other ends are carried under TLCP or TLS 1.3 with SM algorithms, which the
// libcurl of the system does not speak: it sees plain HTTP at a loopback port that takes its one socket and
// no other, and a thread carries that. (A socket pair would be simpler, but libcurl 7.88 connects even what
// it is told to be connected.) Not thread-safe.
class ProtectedSockets {
 public:
  ProtectedSockets(crypto::TlsContext context, std::shared_ptr<const crypto::TlsTrust> trust,
                   std::string host)
      : context_(std::move(context)), trust_(std::move(trust)), host_(std::move(host)) {}
  ~ProtectedSockets();  // after libcurl closed its ends

  // Connects and shakes hands within a few seconds; then `address` says where the returned socket is to be
  // connected. client.unreachable, or why the handshake failed.
  Result<int> open(sockaddr& address, unsigned& size);

 private:
  crypto::TlsContext context_;
  std::shared_ptr<const crypto::TlsTrust> trust_;
  std::string host_;
  std::list<std::thread> threads_;
};

}  // namespace chengxin::client
