#pragma once
#include "base/json.h"
#include "consortium/membership.h"

// What an operator does with other organisations: making an identity, inviting and joining, proposing and
// voting, founding chains together. Invariants:
// - what a chain is governed by stands on that chain; files here hold only what no chain can: keys,
//   invitations, offers, joinings that are under way. All of them survive a restart and are taken up again;
// - nothing about a chain is told to a node that is not its member, but the draft of one to those it is
//   offered to, and what an invitation holds to whoever holds it;
// - the governor key signs only what its operator asked for.
namespace chengxin::consortium {

using StartLinks = std::function<Result<std::unique_ptr<link::Links>>(link::Credentials, link::TrustOf,
                                                                      link::Admits, link::Options)>;

struct ServiceOptions {
  fs::path folder;                      // consortium/ in the data folder
  crypto::Sm2PrivateKey validator_key;  // the installation's
  crypto::Sm2Point service_key{};       // public; of the installation's services
  std::string version;                  // of this program, for the table of nodes
  std::function<int64_t()> now_ms;
  StartLinks start_links = link::Links::start;
  std::string listen;    // of links, host:port; empty: the node's address where that is a loopback one, else
                         // every interface, at its port
  link::Options links;   // but for `listen`
  int tick_ms = 2000;    // how often what is under way is tried again
  int behind_ms = 3000;  // how long a vote waits for a proposal that is not here yet
  // Links begin, end (null) or are begun anew with other certificates. Whoever keeps them must let go before
  // this returns. Not called from within a call to Chains.
  std::function<void(std::shared_ptr<link::Links>)> on_links = [](auto) {};
};

struct NewIdentity {
  Names names;
  std::string chain = "home";
  uint32_t protocol = format::kNewestProtocol;  // that the chain begins with
};

struct Invite {
  std::string chain = "home";
  std::string organisation;  // who is invited; of this node's own: a further node of it
  int64_t valid_ms = 7 * kDayMs;
};

struct Join {
  Json invitation;
  Names names;  // organisation and title are not asked for when the identity is there, or is granted
  format::NodeRole role = format::NodeRole::observer;
  uint64_t weight = 1;
};

struct NewChain {
  std::string name;
  std::vector<std::string> organisations;  // empty: all of `from`
  std::string from = "home";
  format::Approval approval = format::Approval::two_thirds;
};

class Service {
 public:
  // Reads what is there; begins links when there is an identity. Errors: those of Identity::open (without an
  // identity it is fine), link.listen.
  static Result<std::unique_ptr<Service>> open(ServiceOptions options, Chains& chains);
  virtual ~Service() = default;

  // A chain's block changed its consortium, or a chain was opened: members, links and keys follow it soon.
  // Must be called once for each chain at the start. Does not block.
  virtual void on_changed(const Digest& chain) = 0;
  virtual std::shared_ptr<link::Links> links() const = 0;  // null without an identity
  virtual const Membership& membership() const = 0;
  // Keys that may sign certificates of a chain: comet::make_application.
  virtual std::vector<crypto::Sm2PrivateKey> signing_keys() const = 0;

  // This node's governor key as the chain knows it, for what its operator asks of contracts there.
  // consortium.no_identity, consortium.not_governing, consortium.none.
  virtual Result<crypto::Sm2PrivateKey> governor_on(const ledger::Ledger& ledger) const = 0;

  // Everything below is for the interface: answers are JSON objects. Common errors: consortium.no_identity,
  // consortium.not_governing, chain.not_found, consortium.none, those of files and of Chains::submit.

  // consortium.identity_exists, consortium.names; and a first chain of this node alone. What a join that came
  // to nothing has left is given up for it; an init that fails leaves nothing.
  virtual Result<Json> init(const NewIdentity& what) = 0;
  virtual Result<Json> identity() = 0;
  // New certificates for this node's keys; where the root's key is on another node that is asked for them.
  virtual Result<Json> renew() = 0;
  virtual Result<Json> revoke_certificates(const std::vector<Bytes>& serials) = 0;  // and publishes the list
  // A new key of this node for every chain it is on: proposals that are voted on; taken up when all name it.
  virtual Result<Json> rotate_key() = 0;
  virtual Result<Json> rotate_governor() = 0;
  // A new root of the organisation: its other nodes are given certificates under it, but for those `without`,
  // then it is proposed on every chain of this node that does not name it or vote on it already; each node
  // takes it up when all its chains name it. consortium.node_away names the nodes that could not be given
  // theirs: nothing was proposed. What a chain refuses is refused on all of them. consortium.no_node.
  virtual Result<Json> replace_root(const std::vector<std::string>& without = {}) = 0;
  // A new key for the engine of every chain: each is taken up when its chain has voted for it.
  virtual Result<Json> rotate_engine_keys() = 0;

  virtual Result<Json> show(std::string_view chain) = 0;
  virtual Result<Json> status(std::string_view chain) = 0;  // asks every node of it
  virtual Result<Json> proposals(std::string_view chain) = 0;
  // Reasons of refusals are those of the contract. The answer holds warnings (membership.h).
  virtual Result<Json> propose(std::string_view chain, const format::Propose& what) = 0;
  // consortium.not_open, also before anything is sent.
  virtual Result<Json> vote(std::string_view chain, uint64_t proposal, bool yes) = 0;
  virtual Result<Json> withdraw(std::string_view chain, uint64_t proposal) = 0;

  // The answer is the invitation: whoever holds it may join once.
  virtual Result<Json> invite(const Invite& what) = 0;
  virtual Result<Json> invitations() = 0;
  virtual Result<Json> cancel_invitation(const std::string& id) = 0;
  // consortium.invitation: malformed, signed by another key, or for another node;
  // consortium.invitation_expired. The rest goes on by itself: joinings() tells. Until a chain has this node
  // or votes on it, another join may give other names, another address or another organisation's invitation.
  virtual Result<Json> join(const Join& what) = 0;
  virtual Result<Json> joinings() = 0;

  // Drafts a chain and offers it to the nodes of these organisations; founded when all have accepted.
  // consortium.offer_exists, consortium.no_organisation, chain.exists.
  virtual Result<Json> create_chain(const NewChain& what) = 0;
  virtual Result<Json> offers() = 0;
  // consortium.no_offer.
  virtual Result<Json> accept(const std::string& name) = 0;
  virtual Result<Json> refuse(const std::string& name) = 0;  // of the founder: takes it back

  virtual std::vector<install::Finding> findings() = 0;
  // Tries at once what is under way, and returns when it was tried. Tests.
  virtual void tick() = 0;
};

}  // namespace chengxin::consortium
