#pragma once
#include <openssl/ssl.h>

#include "crypto/impl/tongsuo.h"
#include "crypto/tls.h"

// What stands behind the contexts and sessions of tls.h.
namespace chengxin::crypto {

namespace tongsuo {
using SslContext = Ptr<SSL_CTX, SSL_CTX_free>;
using Ssl = Ptr<SSL, SSL_free>;
using X509Pointer = Ptr<X509, X509_free>;
}  // namespace tongsuo

struct TlsContext::Impl {
  TlsProtocol protocol = TlsProtocol::tlcp;
  bool has_identity = false;
  tongsuo::SslContext context;
};

// The verification callback of every context: hands over to the session.
int check_peer_certificates(X509_STORE_CTX* chain, void*);

}  // namespace chengxin::crypto
