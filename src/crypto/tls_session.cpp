#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>

#include "base/check.h"
#include "base/clock.h"
#include "crypto/impl/tls_context.h"

// Invariants:
// - open() only after both certificates of the peer, where they are asked for, were checked in this
// handshake;
// - there is one handshake: what begins another ends the session.
namespace chengxin::crypto {
namespace {
using namespace tongsuo;

constexpr size_t kRecordBytes = 16 << 10;

struct Wire {
  ByteView input;
  Bytes output;
};

int wire_write(BIO* bio, const char* data, size_t size, size_t* written) {
  auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  append(wire.output, {reinterpret_cast<const uint8_t*>(data), size});
  *written = size;
  return 1;
}

int wire_read(BIO* bio, char* data, size_t size, size_t* read) {
  auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *read = std::min(size, wire.input.size());
  if (*read == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(data, wire.input.data(), *read);
  wire.input = wire.input.subspan(*read);
  return 1;
}

long wire_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* wire_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "chengxin");
    CHECK(made != nullptr && BIO_meth_set_write_ex(made, wire_write) == 1 &&
          BIO_meth_set_read_ex(made, wire_read) == 1 && BIO_meth_set_ctrl(made, wire_control) == 1);
    return made;
  }();
  return method;
}

// For the alert: what the peer is told about its certificate.
int verify_code(std::string_view reason) {
  if (reason == "crypto.certificate_expired") return X509_V_ERR_CERT_HAS_EXPIRED;
  if (reason == "crypto.certificate_not_yet_valid") return X509_V_ERR_CERT_NOT_YET_VALID;
  if (reason == "crypto.certificate_revoked") return X509_V_ERR_CERT_REVOKED;
  if (reason == "crypto.certificate_untrusted") return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
  return X509_V_ERR_CERT_REJECTED;
}

bool same_host(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

class Session : public TlsSession {
 public:
  Session(std::shared_ptr<const TlsContext::Impl> context, std::shared_ptr<const TlsTrust> trust,
          std::string host, bool server, bool optional)
      : context_(std::move(context)),
        trust_(std::move(trust)),
        host_(std::move(host)),
        optional_(optional),
        ssl_(SSL_new(context_->context.get())) {
    BIO* bio = BIO_new(wire_method());
    CHECK(ssl_ && bio);
    BIO_set_data(bio, &wire_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_info_callback(ssl_.get(), [](const SSL* ssl, int where, int) {
      if (where & SSL_CB_HANDSHAKE_START) of(ssl).begun();
    });
    const int must = server && !optional_ ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_set_verify(ssl_.get(), trust_ ? SSL_VERIFY_PEER | must : SSL_VERIFY_NONE, nullptr);
    if (context_->protocol == TlsProtocol::tlcp) CHECK(SSL_set_cipher_list(ssl_.get(), suites(server)) == 1);
    if (server) {
      SSL_set_accept_state(ssl_.get());
    } else {
      if (!host_.empty()) SSL_set_tlsext_host_name(ssl_.get(), host_.c_str());
      SSL_set_connect_state(ssl_.get());
    }
  }

  static Session& of(const SSL* ssl) { return *static_cast<Session*>(SSL_get_app_data(ssl)); }

  Status receive(ByteView cipher, Bytes& plain) override {
    if (failed_) return tl::unexpected(*failed_);
    ERR_clear_error();
    wire_.input = cipher;
    auto status = open_ ? read(plain) : shake_hands(plain);
    wire_.input = {};
    if (!status) failed_ = status.error();
    return status;
  }

  Status send(ByteView plain) override {
    if (!open_ || finished_ || failed_) return fail(Code::unavailable, "crypto.tls_closed");
    if (plain.empty()) return {};
    ERR_clear_error();
    size_t written = 0;
    if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written) == 1 && written == plain.size())
      return {};
    failed_ = reason_now();
    return tl::unexpected(*failed_);
  }

  void finish() override {
    if (!open_ || finished_ || failed_) return;
    finished_ = true;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

  Bytes take_output() override { return std::exchange(wire_.output, {}); }
  bool has_output() const override { return !wire_.output.empty(); }
  bool open() const override { return open_; }
  bool ended() const override { return ended_; }
  const std::optional<TlsPeer>& peer() const override { return peer_; }
  std::string cipher() const override { return SSL_get_cipher_name(ssl_.get()); }

  // The callback of Tongsuo. TLCP has it called once for each certificate of the pair, the second time with
  // both in their places: only then there is something to say.
  int check(X509_STORE_CTX* chain) {
    const int calls = context_->protocol == TlsProtocol::tlcp ? 2 : 1;
    if (++checks_ < calls) return 1;
    auto peer = checks_ == calls && trust_
                    ? examine(X509_STORE_CTX_get0_untrusted(chain))
                    : fail(Code::forbidden, "crypto.tls_record", "certificates come once");
    if (!peer) {
      refusal_ = peer.error();
      X509_STORE_CTX_set_error(chain, verify_code(refusal_->reason));
      return 0;
    }
    peer_ = std::move(*peer);
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
  }

 private:
  const char* suites(bool server) const {
    const bool mutual = server ? trust_ != nullptr : context_->has_identity;
    if (!mutual) return "ECC-SM2-SM4-GCM-SM3";
    return optional_ ? "ECDHE-SM2-SM4-GCM-SM3:ECC-SM2-SM4-GCM-SM3" : "ECDHE-SM2-SM4-GCM-SM3";
  }
  void begun() { renegotiates_ = renegotiates_ || open_; }

  Result<TlsPeer> examine(const STACK_OF(X509) * chain) const {
    const bool pair = context_->protocol == TlsProtocol::tlcp;
    TlsPeer out;
    for (int i = 0; i < sk_X509_num(chain); ++i) {
      ASSIGN(Certificate one, Certificate::from_der(der<i2d_X509>(sk_X509_value(chain, i))));
      if (i == 0)
        out.sign = std::move(one);
      else if (i == 1 && pair)
        out.encrypt = std::move(one);
      else
        out.others.push_back(std::move(one));
    }
    ASSIGN(out.root,
           check_tls_peer(context_->protocol, out.sign, out.encrypt, out.others, *trust_, now_ms()));
    const auto& hosts = out.sign.hosts;
    if (!host_.empty() &&
        std::none_of(hosts.begin(), hosts.end(), [&](const auto& one) { return same_host(one, host_); }))
      return fail(Code::forbidden, "crypto.tls_host", "the certificate is not {}'s", host_);
    return out;
  }

  Status shake_hands(Bytes& plain) {
    int result = SSL_do_handshake(ssl_.get());
    if (result != 1) {
      if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return {};
      return tl::unexpected(reason_now());
    }
    if (trust_ && !peer_ && checks_ > 0) return fail(Code::forbidden, "crypto.tls_pair", "one certificate");
    if (trust_ && !peer_ && !optional_)
      return fail(Code::forbidden, "crypto.tls_handshake", "no certificates");
    open_ = true;
    trust_.reset();
    return read(plain);
  }

  Status read(Bytes& plain) {
    std::array<uint8_t, kRecordBytes> record;
    while (!ended_) {
      size_t count = 0;
      int result = SSL_read_ex(ssl_.get(), record.data(), record.size(), &count);
      if (renegotiates_) {
        wire_.output.clear();
        return fail(Code::forbidden, "crypto.tls_record", "a second handshake");
      }
      if (result == 1) {
        append(plain, ByteView(record).first(count));
        continue;
      }
      int why = SSL_get_error(ssl_.get(), result);
      if (why == SSL_ERROR_WANT_READ) return {};
      if (why != SSL_ERROR_ZERO_RETURN) return tl::unexpected(reason_now());
      ended_ = true;
    }
    return {};
  }

  // Why the last call failed.
  Error reason_now() {
    unsigned long code = ERR_peek_error();
    if (refusal_) return ERR_clear_error(), *refusal_;
    std::string words = last_error();
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET)
      return {Code::forbidden, "crypto.tls_alert", words};
    return {Code::forbidden, open_ ? "crypto.tls_record" : "crypto.tls_handshake", words};
  }

  Wire wire_;
  std::shared_ptr<const TlsContext::Impl> context_;
  std::shared_ptr<const TlsTrust> trust_;
  std::string host_;
  const bool optional_;
  Ssl ssl_;
  std::optional<TlsPeer> peer_;
  std::optional<Error> refusal_, failed_;
  int checks_ = 0;
  bool open_ = false, ended_ = false, finished_ = false, renegotiates_ = false;
};

}  // namespace

int check_peer_certificates(X509_STORE_CTX* chain, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  return Session::of(ssl).check(chain);
}

std::unique_ptr<TlsSession> TlsContext::accept(std::shared_ptr<const TlsTrust> trust, bool optional) const {
  return std::make_unique<Session>(impl_, std::move(trust), "", true, optional);
}

std::unique_ptr<TlsSession> TlsContext::connect(std::shared_ptr<const TlsTrust> trust,
                                                std::string host) const {
  CHECK(trust != nullptr);
  return std::make_unique<Session>(impl_, std::move(trust), std::move(host), false, false);
}

}  // namespace chengxin::crypto
