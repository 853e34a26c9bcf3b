#include "net/fetch.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace chengxin::net {
namespace {

TEST(Fetch, KnowsPublicAddresses) {
  auto is_public = [](const char* address) {
    Bytes bytes(16);
    if (::inet_pton(AF_INET6, address, bytes.data()) == 1) return is_public_address(bytes);
    bytes.resize(4);
    EXPECT_EQ(::inet_pton(AF_INET, address, bytes.data()), 1) << address;
    return is_public_address(bytes);
  };
  for (const char* address :
       {"1.1.1.1", "11.0.0.0", "172.32.0.1", "172.15.255.255", "192.167.1.1", "223.255.255.255",
        "2400:3200::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"})
    EXPECT_TRUE(is_public(address)) << address;
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.255.0.1",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.0.1",
                              "198.19.0.1",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "::ffff:127.0.0.1",
                              "64:ff9b::7f00:1",
                              "2002:7f00:1::",
                              "2001:db8::1",
                              "2001::1"})
    EXPECT_FALSE(is_public(address)) << address;
  EXPECT_FALSE(is_public_address({}));
}

TEST(Fetch, KnowsLoopback) {
  EXPECT_TRUE(is_loopback_address(Bytes{127, 0, 0, 1}));
  EXPECT_TRUE(is_loopback_address(Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_TRUE(is_loopback_address(Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 1, 2, 3}));
  EXPECT_FALSE(is_loopback_address(Bytes{10, 0, 0, 1}));
  EXPECT_FALSE(is_loopback_address({}));
}

TEST(Fetch, RefusesWhatItMustNotReach) {
  auto reason = [](Request request) {
    request.realm = "test";
    auto answer = fetch(request);
    return answer ? "" : answer.error().reason;
  };
  EXPECT_EQ(reason({.url = "file:///etc/passwd"}), "test.url");
  EXPECT_EQ(reason({.url = "http://user:password@127.0.0.1/"}), "test.url");
  EXPECT_EQ(reason({.url = "http://127.0.0.1:1/"}), "test.address_forbidden");
  EXPECT_EQ(reason({.url = "http://[::ffff:127.0.0.1]:1/"}), "test.address_forbidden");
  EXPECT_EQ(reason({.url = "http://10.0.0.1:1/", .reach = Reach::public_or_loopback}),
            "test.address_forbidden");
  EXPECT_EQ(reason({.url = "http://127.0.0.1:1/", .reach = Reach::public_or_loopback}), "test.unreachable");
  EXPECT_EQ(reason({.url = "http://10.0.0.1:1/", .reach = Reach::any, .https_unless_loopback = true}),
            "test.plain_http");
}

}  // namespace
}  // namespace chengxin::net
