#include "format/consortium.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace chengxin::format {
namespace {

template <size_t N>
std::array<uint8_t, N> filled(int value) {
  std::array<uint8_t, N> out;
  out.fill(uint8_t(value));
  return out;
}

Consortium sample() {
  Consortium out;
  out.approval = Approval::majority;
  out.organisations = {{"archives", "城建档案馆", {1, 2, 3}, filled<65>(1)},
                       {"planning", "Planning \"Bureau\"", {4}, filled<65>(2)}};
  auto node = [](std::string name, std::string organisation, int seed, NodeRole role, uint64_t weight) {
    return Node{std::move(name),
                std::move(organisation),
                filled<65>(seed),
                filled<65>(seed + 40),
                filled<32>(seed + 1),
                filled<20>(seed + 2),
                "10.0.0.1:7443",
                role,
                weight};
  };
  out.nodes = {node("a1", "archives", 9, NodeRole::voter, 3),
               node("a2", "archives", 8, NodeRole::observer, 1),
               node("p1", "planning", 7, NodeRole::voter, 2)};
  out.nodes[1].service_key = {};
  return out;
}

bool taken(const Consortium& consortium) { return Consortium::decode(consortium.encode()).has_value(); }

TEST(Consortium, RoundTripsAndNamesItsVoters) {
  const Consortium consortium = sample();
  EXPECT_EQ(Consortium::decode(consortium.encode()).value(), consortium);
  const ValidatorSet expected{{{filled<65>(7), 2}, {filled<65>(9), 3}}};
  EXPECT_EQ(consortium.validators(), expected);
  EXPECT_EQ(ValidatorSet::decode(expected.encode()).value(), expected);
  EXPECT_EQ(consortium.find_node("p1")->organisation, "planning");
  EXPECT_EQ(consortium.find_node(filled<65>(8))->name, "a2");
  EXPECT_EQ(consortium.find_governor(filled<65>(2))->name, "planning");
  EXPECT_EQ(consortium.find_node("p2"), nullptr);
}

TEST(Consortium, MoreThanTwoThirdsMajorityOrAllMustAgree) {
  Consortium consortium;
  for (size_t count = 1; count <= kMaxOrganisations; ++count) {
    consortium.organisations.resize(count);
    for (Approval approval : {Approval::two_thirds, Approval::majority, Approval::all}) {
      consortium.approval = approval;
      const size_t needed = consortium.votes_needed();
      auto passes = [&](size_t yes) {
        if (approval == Approval::two_thirds) return 3 * yes > 2 * count;
        return approval == Approval::majority ? 2 * yes > count : yes == count;
      };
      EXPECT_TRUE(passes(needed)) << count;
      EXPECT_FALSE(passes(needed - 1)) << count;
    }
  }
}

TEST(Consortium, OnlyWhatFitsTogetherIsTaken) {
  ASSERT_TRUE(taken(sample()));
  const std::vector<std::function<void(Consortium&)>> mistakes = {
      [](auto& c) { c.organisations.clear(); },
      [](auto& c) { c.nodes.clear(); },
      [](auto& c) { std::swap(c.organisations[0], c.organisations[1]); },
      [](auto& c) { std::swap(c.nodes[0], c.nodes[1]); },
      [](auto& c) { c.nodes[1].name = "a1"; },
      [](auto& c) { c.nodes[0].name = "A1"; },
      [](auto& c) { c.nodes[0].name = "-1"; },
      [](auto& c) { c.nodes[0].organisation = "nobody"; },
      [](auto& c) { c.nodes[0].key = c.nodes[1].key; },
      [](auto& c) { c.nodes[0].engine_key = c.nodes[1].engine_key; },
      [](auto& c) { c.nodes[0].engine_id = c.nodes[1].engine_id; },
      [](auto& c) { c.nodes[0].service_key = c.nodes[2].service_key; },
      [](auto& c) { c.nodes[0].weight = 0; },
      [](auto& c) { c.nodes[0].weight = kMaxWeight + 1; },
      [](auto& c) { c.nodes[0].address = "10.0.0.1"; },
      [](auto& c) { c.nodes[0].role = c.nodes[2].role = NodeRole::observer; },
      [](auto& c) { c.organisations[0].governor_key = c.organisations[1].governor_key; },
      [](auto& c) { c.organisations[0].root_certificate.clear(); },
      [](auto& c) { c.organisations[0].root_certificate.resize(kMaxRootBytes + 1); },
      [](auto& c) { c.organisations[0].title.clear(); },
      [](auto& c) { c.organisations[0].title = std::string(121, 'x'); },
      [](auto& c) { c.organisations[0].title = "a\x1b[1m"; },
      [](auto& c) {
        for (size_t i = 0; i < kMaxOrganisations; ++i) {
          Organisation more{"z" + std::to_string(i), "z", {1}, filled<65>(int(100 + i))};
          c.organisations.push_back(more);
        }
        c.sort();
      }};
  for (size_t i = 0; i < mistakes.size(); ++i) {
    Consortium bent = sample();
    mistakes[i](bent);
    EXPECT_FALSE(taken(bent)) << "mistake " << i;
    EXPECT_EQ(bent.check().has_value(), false) << "mistake " << i;
  }
}

TEST(Consortium, OnlyItsCanonicalDocumentIsTaken) {
  const std::string document = sample().encode();
  auto with = [&](const std::string& from, const std::string& to) {
    std::string out = document;
    out.replace(out.find(from), from.size(), to);
    return out;
  };
  EXPECT_FALSE(Consortium::decode(with("{", "{ ")));
  EXPECT_FALSE(Consortium::decode(with("{\"approval\"", "{\"a\":1,\"approval\"")));
  EXPECT_FALSE(Consortium::decode(with("\"weight\":3", "\"weight\":true")));
  EXPECT_FALSE(Consortium::decode(with("\"weight\":3", "\"weight\":-3")));
  EXPECT_FALSE(Consortium::decode(with("\"weight\":3", "\"weight\":3.0")));
  EXPECT_FALSE(Consortium::decode(with("0909", "0A0a")));
  EXPECT_FALSE(Consortium::decode(with("majority", "most")));
  EXPECT_FALSE(
      Consortium::decode(with("\"service_key\":\"\"", "\"service_key\":\"" + std::string(130, '0') + "\"")));
  EXPECT_FALSE(Consortium::decode("{}"));
  EXPECT_FALSE(Consortium::decode("[]"));
}

TEST(Consortium, NamesAndAddresses) {
  for (const char* good : {"a", "0-", "archives-2"}) EXPECT_TRUE(valid_name(good)) << good;
  for (const char* bad : {"", "-a", "A", "a.b", "a/b", "..", "a b"}) EXPECT_FALSE(valid_name(bad)) << bad;
  EXPECT_TRUE(valid_name(std::string(40, 'a')));
  EXPECT_FALSE(valid_name(std::string(41, 'a')));
  for (const char* good : {"h:1", "10.0.0.1:65535", "node.example:7443", "[::1]:7443", "[fe80::1]:80"})
    EXPECT_TRUE(valid_address(good)) << good;
  for (const char* bad : {"", ":1", "h", "h:", "h:0", "h:65536", "h:01", "h:1x", "h h:1", "::1:80", "[]:1",
                          "[::1:1", "-h:1", "h\n:1", "user@h:1", "h/:1"})
    EXPECT_FALSE(valid_address(bad)) << bad;
}

TEST(Protocol, TwelveBytes) {
  const ProtocolChange change{3, 77};
  EXPECT_EQ(ProtocolChange::decode(change.encode()).value(), change);
  EXPECT_FALSE(ProtocolChange::decode(Bytes(11, 1)));
  EXPECT_FALSE(ProtocolChange::decode(Bytes(13, 1)));
  EXPECT_FALSE(ProtocolChange::decode(Bytes(12, 0)));
}

}  // namespace
}  // namespace chengxin::format
