#pragma once
#include <gtest/gtest.h>

#include "crypto/tls_for_tests.h"

// Two sessions with a wire between them.
namespace chengxin::crypto {

// What passes between the two sides, as a network would have it.
struct Wire {
  std::unique_ptr<TlsSession> client, server;
  std::function<void(Bytes&)> to_server = [](Bytes&) {}, to_client = [](Bytes&) {};
  Bytes server_got, client_got, recorded_to_server;
  Status client_status, server_status;
  size_t piece = SIZE_MAX;  // bytes delivered at a time

  Status give(TlsSession& side, Bytes bytes, Bytes& got) {
    for (ByteView rest = bytes; !rest.empty();) {
      size_t count = std::min(piece, rest.size());
      TRY(side.receive(rest.first(count), got));
      rest = rest.subspan(count);
    }
    return {};
  }

  // Until nothing is under way.
  void run() {
    if (!client->open() && !client->has_output()) client_status = client->receive({}, client_got);
    while (client->has_output() || server->has_output()) {
      Bytes up = client->take_output(), down = server->take_output();
      to_server(up);
      append(recorded_to_server, up);
      to_client(down);
      if (server_status) server_status = give(*server, up, server_got);
      if (client_status) client_status = give(*client, down, client_got);
    }
  }
};

class TlcpTest : public testing::Test {
 protected:
  Wire wire(const TlsIdentity& client, const TlsIdentity& server, std::shared_ptr<const TlsTrust> trust) {
    Wire out;
    auto context = [](const TlsIdentity& who) {
      auto made = TlsContext::create(TlsProtocol::tlcp, who);
      EXPECT_TRUE(made) << made.error().to_string();
      return made.value();
    };
    out.client = context(client).connect(trust);
    out.server = context(server).accept(trust);
    return out;
  }
  Wire good() { return wire(alice, bob, trust); }

  const Authority root = test_root("Ministry"), other_root = test_root("Elsewhere");
  const TlsIdentity alice = test_identity(root, "alice"), bob = test_identity(root, "bob");
  const std::shared_ptr<const TlsTrust> trust = test_trust({root.certificate()});
};

}  // namespace chengxin::crypto
