#include <random>

#include "base/clock.h"
#include "crypto/random.h"
#include "link/link_for_tests.h"

namespace chengxin::link {
namespace {

class LinkTest : public TwoNodes {};

TEST_F(LinkTest, CarriesMessagesBothWays) {
  start();
  open();
  EXPECT_EQ(alices.link()->peer().key, bob.key());
  EXPECT_EQ(bobs.link()->peer().key, alice.key());
  EXPECT_EQ(bobs.link()->peer().certificate.der, alice.identity.sign.der);
  EXPECT_EQ(bobs.link()->peer().root.der, root.certificate().der);
  EXPECT_EQ(bobs.link()->topic(), topic);
  EXPECT_LT(std::abs(bobs.link()->peer().clock_ahead_ms), 5000);
  ASSERT_TRUE(alices.link()->send(to_bytes(view("question"))));
  ASSERT_TRUE(bobs.wait_messages(1));
  ASSERT_TRUE(bobs.link()->send(to_bytes(view("answer"))));
  ASSERT_TRUE(alices.wait_messages(1));
  EXPECT_EQ(text(bobs.messages[0]), "question");
  EXPECT_EQ(text(alices.messages[0]), "answer");
  auto states = alice.links->list();
  ASSERT_EQ(states.size(), 1u);
  EXPECT_TRUE(states[0].dialled);
  EXPECT_EQ(states[0].topic, topic);
  EXPECT_GT(states[0].sent_bytes, 8u);
  EXPECT_GT(states[0].received_bytes, 6u);
  keeper.reset();
  EXPECT_EQ(bobs.wait_closed(), "link.closed");
  EXPECT_TRUE(alices.none_closed());  // who lets go is not told
}

TEST_F(LinkTest, KeepsOrderAndContentUnderRandomSizes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  start();
  open();
  std::vector<Bytes> up, down;
  for (int i = 0; i < 300; ++i) {
    size_t size = 1 + random() % (i % 20 == 0 ? 1'500'000 : 3000);
    up.push_back(crypto::random_bytes(size));
    down.push_back(crypto::random_bytes(1 + random() % 20'000));
  }
  std::thread other([&] {
    for (auto& one : down) ASSERT_TRUE(bobs.link()->send(one));
  });
  for (auto& one : up) ASSERT_TRUE(alices.link()->send(one));
  other.join();
  ASSERT_TRUE(bobs.wait_messages(up.size()) && alices.wait_messages(down.size()));
  EXPECT_EQ(bobs.messages, up);
  EXPECT_EQ(alices.messages, down);
}

TEST_F(LinkTest, TellsASenderThatIsTooFast) {
  Options options;
  options.max_queued_bytes = 1 << 20;
  options.max_message_bytes = 1 << 20;
  start(options);
  std::atomic<bool> held = true;
  bobs.hold = [&] {
    while (held) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  open();
  size_t accepted = 0;
  Status status;
  while (accepted < 2000) {
    Bytes message(100'000);
    put_be(message, uint32_t(accepted));
    status = alices.link()->send(std::move(message));
    if (!status) break;
    ++accepted;
  }
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason, "link.full");
  EXPECT_EQ(status.error().code, Code::busy);
  EXPECT_EQ(alices.link()->send(Bytes((1 << 20) + 1)).error().reason, "link.too_large");
  held = false;
  ASSERT_TRUE(bobs.wait_messages(accepted));
  for (size_t i = 0; i < accepted; ++i) EXPECT_EQ(get_be<uint32_t>(&bobs.messages[i][100'000]), i);
  EXPECT_TRUE(alices.link()->send(Bytes(10)));
}

TEST_F(LinkTest, ClosingSendsWhatWaits) {
  start();
  open();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(alices.link()->send(Bytes(100'000, uint8_t(i))));
  auto link = alices.link();
  link->close("enough");
  EXPECT_EQ(link->send(Bytes(1)).error().reason, "link.closed");
  ASSERT_TRUE(bobs.wait_messages(50));
  EXPECT_EQ(bobs.wait_closed(), "link.closed");
  EXPECT_EQ(alices.wait_closed(), "link.closed");
  EXPECT_EQ(alices.closed[0].detail, "enough");
  EXPECT_TRUE(alices.wait_open(2)) << "kept links come back";
}

TEST_F(LinkTest, IsMadeAgainWhenThePeerComesBack) {
  start();
  open();
  Options options;
  options.listen = fmt::format("127.0.0.1:{}", bob.links->port());
  bob.links.reset();
  EXPECT_EQ(alices.wait_closed(), "link.closed");
  EXPECT_EQ(alices.wait_closed(2), "link.unreachable");
  bob.start(options);
  bob.links->serve(topic, bobs.handlers());
  ASSERT_TRUE(alices.wait_open(2));
  ASSERT_TRUE(alices.link()->send(to_bytes(view("again"))));
  ASSERT_TRUE(bobs.wait_messages(1));
}

TEST_F(LinkTest, DialsOnceWhenAskedTo) {
  start();
  Mailbox box;
  auto handle = alice.links->dial(topic, {"127.0.0.1", 1}, bob.key(), box.handlers());
  EXPECT_EQ(box.wait_closed(), "link.unreachable");
  EXPECT_TRUE(box.opened.empty());
  bob.links->serve(topic, bobs.handlers());
  handle = alice.links->dial(topic, {"localhost", bob.links->port()}, bob.key(), box.handlers());
  EXPECT_TRUE(box.wait_open());
}

TEST_F(LinkTest, IsOnlyWithTheKeyAskedFor) {
  start();
  bob.links->serve(topic, bobs.handlers());
  keeper = alice.links->dial(topic, bob.address(), alice.key(), alices.handlers());
  EXPECT_EQ(alices.wait_closed(), "link.other_key");
  EXPECT_TRUE(bobs.opened.empty());
}

TEST_F(LinkTest, OneAnswerForAllThatIsRefused) {
  start();
  bob.links->serve(topic, bobs.handlers());
  bob.registry.set_member(chain_named(3), alice.key(), true);  // a chain that bob does not serve
  bob.links->serve({chain_named(4), Purpose::content}, bobs.handlers());
  for (uint8_t other : {2, 3, 4}) {  // unknown, not served, not a member
    alice.registry.set_member(chain_named(other), bob.key(), true);
    Mailbox box;
    auto handle =
        alice.links->dial({chain_named(other), Purpose::content}, bob.address(), bob.key(), box.handlers());
    EXPECT_EQ(box.wait_closed(), "link.refused") << int(other);
    EXPECT_EQ(box.closed[0].detail, fmt::format("127.0.0.1:{} refuses", bob.links->port()));
  }
  Mailbox box;
  auto handle = alice.links->dial({chain, Purpose::engine}, bob.address(), bob.key(), box.handlers());
  EXPECT_EQ(box.wait_closed(), "link.refused");
  EXPECT_TRUE(bobs.opened.empty());
}

TEST_F(LinkTest, TheDiallingSideRefusesFirst) {  // bob does not even hear of the chain
  start();
  bob.links->serve(topic, bobs.handlers());
  alice.registry.set_member(chain, bob.key(), false);
  keeper = alice.links->dial(topic, bob.address(), bob.key(), alices.handlers());
  EXPECT_EQ(alices.wait_closed(), "link.not_a_member");
  EXPECT_TRUE(bobs.opened.empty());
}

TEST_F(LinkTest, TopicsAreApart) {
  start();
  open();
  const Topic members{{}, Purpose::member};
  Mailbox alices_other, bobs_other;
  for (Node* node : {&alice, &bob})
    for (Node* other : {&alice, &bob}) node->registry.set_member({}, other->key(), true);
  bob.links->serve(members, bobs_other.handlers());
  auto other = alice.links->keep(members, bob.address(), bob.key(), alices_other.handlers());
  ASSERT_TRUE(alices_other.wait_open() && bobs_other.wait_open());
  ASSERT_TRUE(alices_other.link()->send(to_bytes(view("join"))));
  ASSERT_TRUE(bobs_other.wait_messages(1));
  EXPECT_TRUE(bobs.messages.empty());
  EXPECT_EQ(alice.links->list().size(), 2u);
  bob.links->stop_serving(members);
  EXPECT_EQ(alices_other.wait_closed(), "link.closed");
  ASSERT_TRUE(alices.link()->send(to_bytes(view("still here"))));
  EXPECT_TRUE(bobs.wait_messages(1));
}

TEST_F(LinkTest, RecheckCutsWhoIsNoMemberAnyMore) {
  start();
  open();
  bob.registry.set_member(chain, alice.key(), false);
  bob.links->recheck();
  EXPECT_TRUE(bob.links->list().empty());
  const size_t before = bobs.messages.size();
  (void)alices.link()->send(to_bytes(view("too late")));
  EXPECT_EQ(bobs.wait_closed(), "link.not_a_member");
  EXPECT_EQ(alices.wait_closed(), "link.closed");
  EXPECT_EQ(alices.wait_closed(2), "link.refused");
  EXPECT_EQ(bobs.messages.size(), before);
  EXPECT_EQ(bobs.link()->send(Bytes(1)).error().reason, "link.closed");
  bob.registry.set_member(chain, alice.key(), true);
  EXPECT_TRUE(alices.wait_open(2));
}

TEST_F(LinkTest, RecheckLooksAtRevocationListsToo) {
  start();
  open();
  const int64_t now = now_ms();
  {
    std::lock_guard lock(bob.registry.mutex);
    bob.registry.crls = {
        root.issue_crl({{alice.identity.encrypt.serial, now - 2000, 1}}, 1, {now - 5000, now + kTestDayMs})
            .value()};
  }
  bob.links->recheck();
  EXPECT_EQ(bobs.wait_closed(), "crypto.certificate_revoked");
}

TEST_F(LinkTest, ChecksAgainOfItsOwnAccord) {
  Options options;
  options.recheck_ms = 50;
  options.idle_ms = 300;
  start(options);
  open();
  bob.registry.set_member(chain, alice.key(), false);
  EXPECT_EQ(bobs.wait_closed(), "link.not_a_member");
}

TEST_F(LinkTest, TheNewestOfOnePeerStays) {
  start();
  open();
  Mailbox second;
  auto handle = alice.links->dial(topic, bob.address(), bob.key(), second.handlers());
  ASSERT_TRUE(second.wait_open());
  EXPECT_EQ(bobs.wait_closed(), "link.replaced");
}

TEST_F(LinkTest, NoHandlerRunsOnceItsHandleIsDropped) {
  start();
  for (int i = 0; i < 20; ++i) {
    auto box = std::make_unique<Mailbox>();
    bob.links->serve(topic, bobs.handlers());
    auto handle = alice.links->keep(topic, bob.address(), bob.key(), box->handlers());
    if (i % 2) box->wait_open();
    handle.reset();
    box.reset();  // a handler that still ran would write into what is gone
  }
}

TEST_F(LinkTest, AHandlerMayDropItsOwnHandle) {
  start();
  bob.links->serve(topic, bobs.handlers());
  Links::Keeper own;
  std::atomic<bool> dropped = false;
  std::mutex mutex;
  Handlers handlers;
  handlers.on_open = [&](const ConnectionPtr&) {
    std::lock_guard lock(mutex);
    own.reset();
    dropped = true;
  };
  {
    std::lock_guard lock(mutex);
    own = alice.links->keep(topic, bob.address(), bob.key(), handlers);
  }
  EXPECT_EQ(bobs.wait_closed(), "link.closed");
  alice.links.reset();  // the handler has ended
  EXPECT_TRUE(dropped);
}

TEST_F(LinkTest, AConnectionMayOutliveTheLinks) {
  start();
  open();
  auto link = alices.link();
  alice.links.reset();
  keeper.reset();
  EXPECT_EQ(link->send(Bytes(1)).error().reason, "link.closed");
  link->close("late");
  EXPECT_EQ(bobs.wait_closed(), "link.closed");
}

TEST_F(LinkTest, SaysPlainlyThatItsPortIsTaken) {
  start();
  Options options;
  options.listen = fmt::format("127.0.0.1:{}", bob.links->port());
  auto second = Links::start(alice.credentials(), alice.registry.trust(), alice.registry.admits(), options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().reason, "link.listen");
  EXPECT_NE(second.error().detail.find(fmt::format("(process {})", ::getpid())), std::string::npos)
      << second.error().detail;
  for (const char* bad : {"", "127.0.0.1", "localhost:1", "127.0.0.1:70000", "127.0.0.1:x", ":1"}) {
    options.listen = bad;
    auto refused =
        Links::start(alice.credentials(), alice.registry.trust(), alice.registry.admits(), options);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().reason, "link.listen");
  }
}

TEST_F(LinkTest, OwnCertificatesMustBeGood) {
  auto reason = [&](const crypto::TlsIdentity& identity) {
    Node node{identity};
    auto made = Links::start(node.credentials(), alice.registry.trust(), alice.registry.admits(), {});
    return made ? "" : made.error().reason + ": " + made.error().detail;
  };
  EXPECT_EQ(reason(alice.identity), "");
  EXPECT_EQ(reason(crypto::test_identity(root, "old", {-5, -1})),
            "link.certificate: C=CN, CN=old has expired");
  EXPECT_EQ(reason(crypto::test_identity(root, "new", {1, 5})),
            "link.certificate: C=CN, CN=new is not valid yet");
  auto mixed = alice.identity;
  mixed.encrypt = bob.identity.encrypt;
  EXPECT_EQ(reason(mixed).substr(0, 16), "link.certificate");
}

}  // namespace
}  // namespace chengxin::link
