#pragma once
#include <memory>
#include <optional>

#include "crypto/certificate.h"
#include "crypto/secret.h"

// Protected connections without any input or output of their own: bytes of the network go in and out as
// values. Three protocols, of which a context speaks exactly one:
// - tlcp: GB/T 38636-2020 with the SM2 certificates of signing and encipherment. Between two sides that both
//   show certificates ECDHE_SM4_GCM_SM3, which has forward secrecy; a client without certificates gets
//   ECC_SM4_GCM_SM3, the only one of the standard that does without them.
// - tls13_sm: TLS 1.3 (RFC 8446) with TLS_SM4_GCM_SM3, curveSM2 and sm2sig_sm3 only (RFC 8998).
// - tls13: TLS 1.3 with its usual algorithms; server only.
// No renegotiation, no resumption, no tickets, no early data, no older version.
namespace chengxin::crypto {

enum class TlsProtocol { tlcp, tls13_sm, tls13 };

// Who one is. tls13_sm has no use for `encrypt`.
struct TlsIdentity {
  Certificate sign, encrypt;
  Sm2PrivateKey sign_key, encrypt_key;
  std::vector<Certificate> chain;  // intermediate authorities, leaf's issuer first
};

// Whom to believe.
struct TlsTrust {
  std::vector<Certificate> roots;
  std::vector<Crl> crls;
  bool crl_required = false;
  std::vector<Certificate> others = {};  // authorities below the roots, which the peer need not send
  // The peer calls a service: its certificates are those of a client (clientAuth) instead of a node's.
  bool callers = false;
};

// The other side, once its certificates were checked.
struct TlsPeer {
  Certificate sign, encrypt;  // encrypt: of TLCP only
  std::vector<Certificate> others;
  Certificate root;
};

// Both certificates by verify_chain, with its reasons, and that they are one subject's of one issuer under
// one root (crypto.tls_pair); of tls13_sm there is only `sign`. Returns the root.
Result<Certificate> check_tls_peer(TlsProtocol protocol, const Certificate& sign, const Certificate& encrypt,
                                   std::span<const Certificate> others, const TlsTrust& trust, int64_t at_ms);

// Whether this can be an identity: the keys are the certificates', the usages fit, and both are one owner's
// (crypto.tls_identity). Whether it is valid now is verify_chain's to say.
Status check_tls_identity(TlsProtocol protocol, const TlsIdentity& identity);

class TlsSession;

// Settings and keys that sessions share; immutable, thread-safe, may go before its sessions.
class TlsContext {
 public:
  // tlcp or tls13_sm, for both roles. Without an identity: for clients that show none. crypto.tls_identity
  // when Tongsuo cannot use it; check_tls_identity says more.
  static Result<TlsContext> create(TlsProtocol protocol, std::optional<TlsIdentity> identity);
  // tls13 with what a PEM file holds: leaf first, its key unencrypted. crypto.tls_identity.
  static Result<TlsContext> create_tls13(std::string_view certificates_pem, std::string_view key_pem);

  // A server asks for certificates exactly when `trust` is given, which is of tlcp only. `optional`: a client
  // may show none; one that it shows is checked all the same.
  std::unique_ptr<TlsSession> accept(std::shared_ptr<const TlsTrust> trust = nullptr,
                                     bool optional = false) const;
  // `host` must be one of the certificate's names (crypto.tls_host); empty: not asked for.
  std::unique_ptr<TlsSession> connect(std::shared_ptr<const TlsTrust> trust, std::string host = {}) const;

  struct Impl;

 private:
  std::shared_ptr<const Impl> impl_;
};

// One connection. Not thread-safe. After an error it only has its last output (an alert) to give.
class TlsSession {
 public:
  virtual ~TlsSession() = default;

  // Takes all of `cipher` and appends what it holds for the application. The client's first message comes out
  // of receive({}). Errors: what check_tls_peer says, crypto.tls_handshake, crypto.tls_record (damaged, or
  // the peer tried to negotiate again), crypto.tls_alert (the peer refused; all with Tongsuo's words).
  virtual Status receive(ByteView cipher, Bytes& plain) = 0;
  // crypto.tls_closed before open() and after finish().
  virtual Status send(ByteView plain) = 0;
  virtual void finish() = 0;  // says that nothing follows (close_notify)

  // What is to be sent to the network; empties it.
  virtual Bytes take_output() = 0;
  virtual bool has_output() const = 0;

  virtual bool open() const = 0;   // the handshake is over and the peer was checked
  virtual bool ended() const = 0;  // the peer said that nothing follows
  // From open() on, when certificates were asked for and shown.
  virtual const std::optional<TlsPeer>& peer() const = 0;
  virtual std::string cipher() const = 0;  // its name in Tongsuo, for people
};

}  // namespace chengxin::crypto
