#pragma once
#include <optional>

#include "format/header.h"
#include "format/transaction.h"

// Who runs a chain together: organisations, their nodes, and how they decide. Canonical JSON, in the genesis
// document under "consortium" and in the state under the keys below (docs/formats/consortium.md).
namespace chengxin::format {

struct Organisation {
  std::string name;                 // 1 to 40 of a-z 0-9 -, unique on the chain
  std::string title;                // for people, UTF-8, at most 120 bytes
  Bytes root_certificate;           // DER; issues the certificates of its nodes' links
  crypto::Sm2Point governor_key{};  // signs its proposals and votes; an account of the chain
  bool operator==(const Organisation&) const = default;
};

enum class NodeRole : uint8_t { voter = 1, observer = 2 };

struct Node {
  std::string name;                // 1 to 40 of a-z 0-9 -, unique on the chain
  std::string organisation;        // its name
  crypto::Sm2Point key{};          // signs our certificates, and is the key of its link's signing certificate
  crypto::Sm2Point service_key{};  // signs what its services put on the chain: an account with role writer;
                                   // zeroes: it has none
  std::array<uint8_t, 32> engine_key{};  // Ed25519, votes in the engine
  std::array<uint8_t, 20>
      engine_id{};      // of the engine's connections: SHA-256 of their Ed25519 key, first 20 bytes
  std::string address;  // host:port of its links
  NodeRole role = NodeRole::voter;
  uint64_t weight = 1;  // of a voter; of an observer, what it would have; 1 to kMaxWeight
  bool operator==(const Node&) const = default;
};

inline constexpr size_t kMaxOrganisations = 64, kMaxNodes = 128, kMaxRootBytes = 4096;
inline constexpr uint64_t kMaxWeight = 1'000'000'000;

// Of an organisation, a node or a chain: 1 to 40 of a-z 0-9 -, not beginning with -.
bool valid_name(std::string_view name);
// host:port, or [IPv6]:port; at most 255 bytes of letters, digits, dots and hyphens; port 1 to 65535.
bool valid_address(std::string_view address);

// What it takes for a proposal to pass. Organisations vote, one vote each.
enum class Approval : uint8_t { two_thirds = 1, majority = 2, all = 3 };  // the first two: strictly more than
std::string_view approval_name(Approval approval);                        // two_thirds, majority, all
std::optional<Approval> approval_of(std::string_view name);
std::string_view role_name(NodeRole role);  // voter, observer
std::optional<NodeRole> role_of(std::string_view name);

struct Consortium {
  std::vector<Organisation> organisations;  // ascending by name
  std::vector<Node> nodes;                  // ascending by name; every voter is a validator of the chain
  Approval approval = Approval::two_thirds;
  bool operator==(const Consortium&) const = default;

  std::string encode() const;
  static Result<Consortium> decode(std::string_view document);  // format.consortium
  // What decode() asks of what it reads: names and their order, that every node's organisation is there, no
  // key, engine key or engine id twice, at least one voter, bounds. Certificates and points are not looked
  // into. format.consortium names the first mistake.
  Status check() const;
  void sort();  // by name
  size_t votes_needed() const;
  ValidatorSet validators() const;  // of the voters
  const Node* find_node(const crypto::Sm2Point& key) const;
  const Organisation* find_governor(const crypto::Sm2Point& key) const;
  const Node* find_node(std::string_view name) const;
  const Organisation* find_organisation(std::string_view name) const;
};
inline constexpr std::string_view kConsortiumKey = "chain/consortium";

// The protocol that the chain's blocks follow from a height on; absent: version 1.
struct ProtocolChange {
  uint32_t version = 1;
  uint64_t from_height = 0;  // below it the version before this one
  bool operator==(const ProtocolChange&) const = default;
  uint32_t at(uint64_t height) const { return height >= from_height ? version : version - 1; }
  Bytes encode() const;                                  // u32 version || u64 from_height
  static Result<ProtocolChange> decode(ByteView bytes);  // format.protocol
};
inline constexpr std::string_view kProtocolKey = "chain/protocol";

}  // namespace chengxin::format
