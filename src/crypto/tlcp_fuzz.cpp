#include "base/check.h"
#include "crypto/random.h"
#include "crypto/tls_for_tests.h"

using namespace chengxin;
using namespace chengxin::crypto;

// A stranger's bytes against both roles, in pieces: the first byte says which role and how large they are.
// Half of the runs begin with a true first flight of the other side, so that what follows meets a session
// that waits for more than a hello.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Authority root = test_root("root");
  static const TlsContext own = TlsContext::create(TlsProtocol::tlcp, test_identity(root, "own")).value();
  static const TlsContext other = TlsContext::create(TlsProtocol::tlcp, test_identity(root, "other")).value();
  static const auto trust = test_trust({root.certificate()});
  if (size < 2) return 0;
  const bool server = data[0] & 1, flight = data[0] & 2;
  auto session = server ? own.accept(trust) : own.connect(trust);
  Bytes plain;
  Status status = session->receive({}, plain);
  if (flight) {
    auto peer = server ? other.connect(trust) : other.accept(trust);
    (void)peer->receive(session->take_output(), plain);
    status = session->receive(peer->take_output(), plain);
    CHECK(status);
  }
  ByteView rest(data + 1, size - 1);
  for (size_t piece = size_t(1) << (data[0] >> 4); status && !rest.empty();) {
    ByteView now = rest.first(std::min(piece, rest.size()));
    status = session->receive(now, plain);
    rest = rest.subspan(now.size());
  }
  CHECK(!session->open() && plain.empty());
  return 0;
}
