#pragma once
#include <condition_variable>
#include <set>

#include "consortium/impl/calls.h"
#include "consortium/impl/files.h"
#include "consortium/impl/instances.h"
#include "consortium/service.h"

namespace chengxin::consortium {

// mutex_ guards what is in memory and is held for no call to Chains, to links or to another node, so that
// handlers and callbacks may take it. Handlers of what others ask never take turn_: this node may be asking
// them.
class ServiceImpl final : public Service {
 public:
  ServiceImpl(ServiceOptions options, Chains& chains);
  ~ServiceImpl() override;
  Status begin();

  void on_changed(const Digest& chain) override;
  std::shared_ptr<link::Links> links() const override;
  const Membership& membership() const override { return *membership_; }
  std::vector<crypto::Sm2PrivateKey> signing_keys() const override;
  Result<crypto::Sm2PrivateKey> governor_on(const ledger::Ledger& ledger) const override;

  Result<Json> init(const NewIdentity& what) override;
  Result<Json> identity() override;
  Result<Json> renew() override;
  Result<Json> revoke_certificates(const std::vector<Bytes>& serials) override;
  Result<Json> rotate_key() override;
  Result<Json> rotate_governor() override;
  Result<Json> replace_root(const std::vector<std::string>& without) override;
  Result<Json> rotate_engine_keys() override;
  Result<Json> show(std::string_view chain) override;
  Result<Json> status(std::string_view chain) override;
  Result<Json> proposals(std::string_view chain) override;
  Result<Json> propose(std::string_view chain, const format::Propose& what) override;
  Result<Json> vote(std::string_view chain, uint64_t proposal, bool yes) override;
  Result<Json> withdraw(std::string_view chain, uint64_t proposal) override;
  Result<Json> invite(const Invite& what) override;
  Result<Json> invitations() override;
  Result<Json> cancel_invitation(const std::string& id) override;
  Result<Json> join(const Join& what) override;
  Result<Json> joinings() override;
  Result<Json> create_chain(const NewChain& what) override;
  Result<Json> offers() override;
  Result<Json> accept(const std::string& name) override;
  Result<Json> refuse(const std::string& name) override;
  std::vector<install::Finding> findings() override;
  void tick() override;

 private:
  using Documents = std::map<std::string, Json>;

  // service.cpp
  Status open_links();
  void keep_links();
  void drop_links();             // under links_turn_
  Result<Identity> own() const;  // a copy
  // Under the lock, so that nothing else that changes it meanwhile is lost. consortium.no_identity.
  template <typename Change>
  auto change_own(Change&& change) -> std::invoke_result_t<Change, Identity&> {
    TRY(own());
    std::lock_guard lock(mutex_);
    return change(*identity_);
  }
  Result<Chains::LedgerPtr> ledger_of(std::string_view name_or_id) const;
  void refresh();
  Status follow_own_record();
  Result<Identity> governing() const;
  Result<Json> govern(const ledger::Ledger& ledger, std::string_view method, Bytes arguments);
  using ActionOf = std::function<Result<format::Action>(const std::string& chain)>;
  Result<Json> propose_everywhere(const ActionOf& action);
  Result<Json> propose_on(const ledger::Ledger& ledger, const format::Propose& what);
  void follow();
  void run();
  void look_around();
  Result<Json> answer(const link::Peer& peer, const std::string& call, const Json& with);
  int64_t now() const { return options_.now_ms(); }

  // beginning.cpp: before others know this node; under turn_
  bool known_to_others() const;
  Status forget();
  Status become(const Names& names);
  Status change_address(const std::string& address);
  Status begin_chain(const NewIdentity& what);

  // invitations.cpp: the side that invites
  Result<Json> answer_join(const link::Peer& peer, const Json& with);
  Result<Json> join_outcome(const Json& invitation);
  void tell_guests();
  Status keep(Files& files, Documents& documents, const std::string& name, Json value);

  // joining.cpp: the side that joins
  Result<std::string> begin_joining(const Join& what);  // the chain's id
  Result<Json> knock(const Json& joining);
  Status move_in(Json joining, const Json& outcome);
  Status know_from(const Json& joining);  // the members as the inviter told them
  void advance_joinings();

  // kept_chains.cpp
  void keep_chain(const ledger::Ledger& ledger, const Record& record);
  Status know_kept_chains();
  void begin_lost_chains();

  // offers.cpp
  Result<Json> answer_offer(const link::Peer& peer, const Json& with);
  Result<Json> answer_accepted(const link::Peer& peer, const Json& with);
  Result<Json> answer_found(const link::Peer& peer, const Json& with);
  Result<Json> answer_cancel(const link::Peer& peer, const Json& with);
  void advance_founding(const std::string& name, const Json& offer);
  void advance_offered(const std::string& name, const Json& offer);
  void advance_offers();
  void tell_members(const std::string& name, const Json& offer, const char* done, std::string_view call,
                    const Json& with);
  Status found(const std::string& name);
  Result<Json> describe_offer(const std::string& name) const;
  std::optional<Json> offer_named(const std::string& name) const;

  // certificates.cpp
  Status of_organisation(const Identity& identity, const link::Peer& peer) const;
  std::vector<format::Node> other_nodes(const Names& own) const;
  Result<NodeCertificates> ask_for_certificates(const Identity& identity) const;
  Result<Json> answer_certificates(const link::Peer& peer, const Json& with);
  Status give_certificates(link::Links& links, const Identity& identity, const format::Node& node) const;
  Result<Json> propose_root(const Identity& identity);
  bool next_root_waits(const Identity& identity) const;
  Result<Json> answer_encrypt_key(const link::Peer& peer);
  Result<Json> answer_next_root(const link::Peer& peer, const Json& with);

  // status.cpp
  Json row_of(const ledger::Ledger& ledger) const;
  void hear(const crypto::Sm2Point& key, const Json& said);
  bool twin(const crypto::Sm2Point& key) const;
  Result<Json> answer_status(const link::Peer& peer, const Json& with);
  Result<Json> rows(const ledger::Ledger& ledger);
  void log_findings();

  ServiceOptions options_;
  Chains& chains_;
  const std::string instance_;  // of this process
  const std::shared_ptr<Membership> membership_ = std::make_shared<Membership>();
  Files invitation_files_, joining_files_, offer_files_, chain_files_;
  std::unique_ptr<Answering> answering_;

  mutable std::mutex mutex_;
  std::mutex keeping_mutex_;  // of what keep_chain writes; before mutex_
  std::optional<Identity> identity_;
  std::shared_ptr<link::Links> links_;
  std::optional<Error> links_trouble_;   // why there are none
  std::set<std::string> told_findings_;  // that stand, and are in the log
  Documents invitations_, joinings_, offers_, kept_chains_;
  std::map<Digest, Json> seen_rows_;  // of each chain: what its nodes last said
  Instances instances_;

  std::mutex turn_;         // one round of what is under way at a time; others may be asked meanwhile
  std::mutex offers_turn_;  // an offer is read, changed and kept in one; nobody is asked meanwhile
  std::mutex links_turn_;   // begins or ends links
  std::condition_variable changed_;
  bool refresh_wanted_ = false, round_wanted_ = false, stopping_ = false;
  int64_t next_look_ms_ = 0;  // under turn_
  std::thread follower_, rounds_;
};

// Validators and accounts of a chain of this consortium: governors, and writers for the nodes' services.
void complete(format::Genesis& genesis);

// Signed by whoever holds the key: tag || chain || guest's key || canonical JSON.
Result<Bytes> signed_part(const Digest& chain, const crypto::Sm2Point& guest, const Json& value);
Result<crypto::Sm2Point> point_in(const Json& json, const char* name);           // consortium.message
Result<crypto::Certificate> certificate_in(const Json& json, const char* name);  // base64 of DER
std::string id_of(const crypto::Sm2Point& key);

}  // namespace chengxin::consortium
