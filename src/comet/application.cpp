#include "comet/application.h"

#include <climits>
#include <mutex>

#include "base/clock.h"
#include "base/log.h"
#include "comet/impl/blocks.h"
#include "comet/impl/signatures.h"
#include "comet/impl/snapshots.h"
#include "comet/impl/updates.h"

// Three locks. taking_mutex_ is held while a snapshot is taken, before anything is decided. deciding_mutex_
// is held through each call that leads to a block, which come one at a time; standing_mutex_ only while the
// pointer is read or replaced, so that all other calls wait for nothing.
namespace chengxin::comet {
namespace {

constexpr uint64_t kAppVersion = 1;  // of what the engine sees; the ledger's protocol has its own
constexpr uint32_t kRefused = 1;
// Of MaxTxBytes, for the engine's own spelling around our one transaction.
constexpr size_t kFramingBytes = 16;

using abci::pb::CommitInfo;
using tendermint::types::BLOCK_ID_FLAG_COMMIT;

int64_t milliseconds(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1000 + time.nanos() / 1'000'000;
}

EngineAddress address_of(std::string_view bytes) {
  EngineAddress out{};  // another length is nobody's address
  if (bytes.size() == out.size()) std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

class EngineApplication final : public abci::Application {
 public:
  EngineApplication(ledger::Ledger& ledger, Pool& pool, SigningKeys keys, OnDecided on_decided,
                    ApplicationOptions options, StandingPtr standing)
      : ledger_(ledger),
        pool_(pool),
        keys_(std::move(keys)),
        on_decided_(std::move(on_decided)),
        options_(options),
        shelf_(ledger),
        taker_(ledger),
        blocks_(ledger, pool),
        standing_(std::move(standing)) {
    shelf_.stands(standing_->progress, ledger_.head().header.height);
  }

  Result<pb::ResponseInfo> info(const pb::RequestInfo&) override {
    const StandingPtr at = standing();
    pb::ResponseInfo out;
    out.set_data("chengxin");
    out.set_app_version(kAppVersion);
    out.set_last_block_height(int64_t(at->progress.engine_height));
    out.set_last_block_app_hash(to_string(at->app_hash));
    return out;
  }

  // The engine's questions about who may connect: by default nobody.
  Result<pb::ResponseQuery> query(const pb::RequestQuery& request) override {
    const StandingPtr at = standing();
    pb::ResponseQuery out;
    out.set_height(int64_t(at->progress.engine_height));
    const auto newer = options_.members ? options_.members() : std::nullopt;
    if (!admits_peer(newer ? *newer : at->present->consortium, request.path())) {
      out.set_code(kRefused);
      out.set_codespace("chengxin");
      out.set_log("comet.peer_refused");
    }
    return out;
  }

  Result<pb::ResponseCheckTx> check_tx(const pb::RequestCheckTx& request) override {
    pb::ResponseCheckTx out;
    if (request.tx() == kWakeTransaction && (!pool_.empty() || standing()->awaits_certificate())) return out;
    out.set_code(kRefused);
    out.set_codespace("chengxin");
    out.set_log(request.tx() == kWakeTransaction ? "comet.nothing_to_order" : "comet.not_here");
    return out;
  }

  Result<pb::ResponseInitChain> init_chain(const pb::RequestInitChain& request) override {
    std::lock_guard lock(deciding_mutex_);
    const StandingPtr at = standing();
    TRY(check_genesis(request, *at, hex(ledger_.id()).substr(0, 48)));
    pb::ResponseInitChain out;
    out.set_app_hash(to_string(at->app_hash));
    return out;
  }

  Result<pb::ResponsePrepareProposal> prepare_proposal(const pb::RequestPrepareProposal& request) override {
    std::lock_guard lock(deciding_mutex_);
    const StandingPtr at = standing();
    TRY(expect_next(*at, request.height()));
    pb::ResponsePrepareProposal out;
    BlockData data;
    if (at->to_carry) {
      auto certificate = gather(*at->to_carry, request.local_last_commit());
      if (!certificate) {
        // The others refuse what is without it, and the next proposer may have what is missing here.
        warn("comet.proposal_without_certificate", request.height(), certificate.error());
        return out;
      }
      data.certificate = {at->to_carry->height, std::move(*certificate)};
    }
    const size_t taken = data.encode().size() + kFramingBytes;
    const size_t room = size_t(std::max<int64_t>(request.max_tx_bytes(), 0));
    const int64_t time_ms = blocks_.ledger_time(milliseconds(request.time()));
    ExecutedPtr executed;
    if (!stale()) {
      ASSIGN(executed, blocks_.propose(time_ms, {room > taken ? room - taken : 0,
                                                 std::min(options_.max_block_transactions, kMaxContents)}));
    }
    if (executed) {
      for (const auto& transaction : executed->included) data.contents.push_back(transaction->hash);
      blocks_.remember(data.contents, time_ms, std::move(executed));
    }
    if (data.certificate || !data.contents.empty()) out.add_txs(to_string(data.encode()));
    return out;
  }

  Result<pb::ResponseProcessProposal> process_proposal(const pb::RequestProcessProposal& request) override {
    std::lock_guard lock(deciding_mutex_);
    const StandingPtr at = standing();
    TRY(expect_next(*at, request.height()));
    pb::ResponseProcessProposal out;
    out.set_status(pb::ResponseProcessProposal::REJECT);
    auto refuse = [&](const Error& why) {
      warn("comet.proposal_refused", request.height(), why);
      return out;
    };
    auto data = Blocks::read(*at, request.txs());
    if (!data) return refuse(data.error());
    const crypto::Sm2Point* proposer = at->voting->key_of(address_of(request.proposer_address()));
    ASSIGN(auto judged,
           blocks_.execute(*data, blocks_.ledger_time(milliseconds(request.time())), proposer, false));
    if (judged.refused) return refuse(*judged.refused);
    if (judged.executed)
      if (auto kept = blocks_.keep(at->next_height(), judged.executed); !kept) return refuse(kept.error());
    out.set_status(pb::ResponseProcessProposal::ACCEPT);
    return out;
  }

  // Of the block that the height before decided: nothing of this height's proposals is in it.
  Result<pb::ResponseExtendVote> extend_vote(const pb::RequestExtendVote& request) override {
    const StandingPtr at = standing();
    TRY(expect_next(*at, request.height()));
    pb::ResponseExtendVote out;
    if (!at->to_sign) return out;
    const auto key = own_key(at->to_sign->signers->set);
    if (!key) {
      log::warn("comet.key_not_in_set", {{"chain", hex(ledger_.id())}, {"engine_height", request.height()}});
      return out;
    }
    ASSIGN(auto signature, key->sign(format::certificate_message(at->to_sign->header_hash)));
    out.set_vote_extension(to_string(Extension{at->to_sign->height, signature}.encode()));
    return out;
  }

  Result<pb::ResponseVerifyVoteExtension> verify_vote_extension(
      const pb::RequestVerifyVoteExtension& request) override {
    const StandingPtr at = standing();
    TRY(expect_next(*at, request.height()));
    pb::ResponseVerifyVoteExtension out;
    const auto good = signatures_.check(at->to_sign, address_of(request.validator_address()),
                                        view(request.vote_extension()));
    if (!good) warn("comet.extension_refused", request.height(), good.error());
    out.set_status(good ? pb::ResponseVerifyVoteExtension::ACCEPT : pb::ResponseVerifyVoteExtension::REJECT);
    return out;
  }

  Result<pb::ResponseFinalizeBlock> finalize_block(const pb::RequestFinalizeBlock& request) override {
    std::lock_guard lock(deciding_mutex_);
    const StandingPtr at = standing();
    TRY(expect_next(*at, request.height()));
    ASSIGN(BlockData data, Blocks::read(*at, request.txs()));
    const crypto::Sm2Point* proposer = at->voting->key_of(address_of(request.proposer_address()));
    ASSIGN(auto judged,
           blocks_.execute(data, blocks_.ledger_time(milliseconds(request.time())), proposer, true));
    if (judged.refused) return tl::unexpected(disagrees(request.height(), *judged.refused));
    ASSIGN(StandingPtr next, after(*at, judged.executed.get(), request.misbehavior()));

    pb::ResponseFinalizeBlock out;
    for (int i = 0; i < request.txs_size(); ++i) out.add_tx_results();
    add_updates(at->present->consortium, next->present->consortium, out);
    out.set_app_hash(to_string(next->app_hash));
    finalized_ = Finalized{std::move(data), std::move(judged.executed), std::move(next)};
    return out;
  }

  Result<pb::ResponseCommit> commit(const pb::RequestCommit&) override {
    {
      std::lock_guard taking(taking_mutex_);
      taker_.abandon();
    }
    std::lock_guard lock(deciding_mutex_);
    if (!finalized_) return fail(Code::conflict, "comet.height", "nothing was finalized");
    const StandingPtr before = standing(), next = finalized_->next;
    const ExecutedPtr executed = finalized_->executed;
    auto& certificate = finalized_->data.certificate;  // of a snapshot's last blocks it is here already
    if (certificate && certificate->height <= ledger_.head().certified_height) certificate.reset();
    TRY(ledger_.decide({executed.get(), certificate, encode_note(next->progress)}));
    finalized_.reset();
    blocks_.forget();
    if (next->to_carry || next->to_sign)
      signatures_.forget_below(next->to_carry ? next->to_carry->height : next->to_sign->height);
    stand(next);
    const auto& [engine_height, decided, decided_before, misbehaviours] = next->progress;
    pool_.committed(engine_height, executed.get());
    committed_ns_ = steady_ns();
    rested_ = pool_.empty();
    held_ = executed != nullptr;
    if (executed) blocks_.refuse(*executed);
    if (on_decided_) on_decided_({engine_height, decided, next->present != before->present});
    pb::ResponseCommit out;
    if (options_.retain_heights != 0 && engine_height > options_.retain_heights)
      out.set_retain_height(int64_t(engine_height - options_.retain_heights));
    return out;
  }

  Result<pb::ResponseListSnapshots> list_snapshots(const pb::RequestListSnapshots&) override {
    return shelf_.list();
  }
  Result<pb::ResponseLoadSnapshotChunk> load_snapshot_chunk(
      const pb::RequestLoadSnapshotChunk& request) override {
    pb::ResponseLoadSnapshotChunk out;
    if (request.format() != kSnapshotFormat) return out;
    if (auto chunk = shelf_.load(request.height(), request.chunk())) out.set_chunk(to_string(*chunk));
    return out;
  }
  Result<pb::ResponseOfferSnapshot> offer_snapshot(const pb::RequestOfferSnapshot& request) override {
    std::lock_guard taking(taking_mutex_);
    if (options_.on_snapshot_step) options_.on_snapshot_step();
    return taker_.offer(request, *standing());
  }
  Result<pb::ResponseApplySnapshotChunk> apply_snapshot_chunk(
      const pb::RequestApplySnapshotChunk& request) override {
    std::lock_guard taking(taking_mutex_);
    if (options_.on_snapshot_step) options_.on_snapshot_step();
    ASSIGN(auto taken, taker_.apply(request));
    if (taken.replaced) TRY(begin_anew());
    return std::move(taken.answer);
  }

 private:
  struct Finalized {
    BlockData data;
    ExecutedPtr executed;
    StandingPtr next;
  };

  StandingPtr standing() const {
    std::lock_guard lock(standing_mutex_);
    return standing_;
  }

  void stand(StandingPtr next) {
    shelf_.stands(next->progress, ledger_.head().header.height);
    std::lock_guard replacing(standing_mutex_);
    standing_ = std::move(next);
  }

  // The ledger was replaced by a snapshot's.
  Status begin_anew() {
    std::lock_guard lock(deciding_mutex_);
    ASSIGN(StandingPtr next, load_standing(ledger_));
    finalized_.reset();
    blocks_.forget();
    stand(next);
    pool_.committed(next->progress.engine_height, nullptr);
    if (on_decided_) on_decided_({next->progress.engine_height, ledger_.head().header.height, true});
    return {};
  }

  static Status expect_next(const Standing& at, int64_t height) {
    if (uint64_t(height) == at.next_height()) return {};
    return fail(Code::conflict, "comet.height", "the engine is at height {}, and the chain awaits {}", height,
                at.next_height());
  }

  std::optional<crypto::Sm2PrivateKey> own_key(const format::ValidatorSet& set) const {
    for (auto& key : keys_())
      for (const format::Validator& member : set.members)
        if (member.public_key == key.public_key().point()) return std::move(key);
    return std::nullopt;
  }

  Result<format::Certificate> gather(const Uncertified& block, const abci::pb::ExtendedCommitInfo& last) {
    std::vector<Signatures::Given> given;
    for (const auto& vote : last.votes())
      if (vote.block_id_flag() == BLOCK_ID_FLAG_COMMIT)
        given.push_back({address_of(vote.validator().address()), view(vote.vote_extension())});
    return signatures_.certificate(block, given);
  }

  // What stands after the next engine height held this.
  Result<StandingPtr> after(const Standing& at, const ledger::Ledger::Executed* executed,
                            const google::protobuf::RepeatedPtrField<pb::Misbehavior>& misbehaviours) const {
    auto out = std::make_shared<Standing>();
    out->progress.engine_height = at.next_height();
    out->progress.decided = executed ? executed->header.height : 0;
    out->progress.decided_before = at.progress.decided;
    out->progress.misbehaviours = at.progress.misbehaviours;
    for (const auto& each : misbehaviours) add_misbehaviour(*at.voting, each, out->progress.misbehaviours);
    out->voting = out->present = at.present;
    out->to_carry = at.to_sign;
    const ledger::Head head = ledger_.head();
    Digest validators = at.present->set.hash();
    if (executed) {
      out->to_sign = Uncertified{executed->header.height, executed->header_hash, at.present};
      ASSIGN(out->present, present_after(at.present, executed->settings));
      validators = out->present->set.hash();
    }
    out->app_hash = app_hash(out->progress, executed ? executed->header : head.header, validators);
    return out;
  }

  // By this node's own clock that nobody sets.
  bool stale() const {
    const int64_t quiet_ms = committed_ns_ == 0 ? INT_MAX : (steady_ns() - committed_ns_) / 1'000'000;
    return (held_ && quiet_ms > options_.stale_ms) || (rested_ && quiet_ms > options_.rest_ms);
  }

  Error disagrees(int64_t height, const Error& why) const {
    log::error("comet.halted", {{"chain", hex(ledger_.id())},
                                {"engine_height", height},
                                {"reason", why.reason},
                                {"detail", why.detail}});
    if (why.reason == "pool.stopped") return why;
    return Error{Code::conflict, "comet.disagreement",
                 fmt::format("what was decided at engine height {} cannot be executed here: {}", height,
                             why.to_string())};
  }

  void warn(std::string_view event, int64_t height, const Error& why) const {
    sparing_.warn(event, why.reason,
                  {{"chain", hex(ledger_.id())},
                   {"engine_height", height},
                   {"reason", why.reason},
                   {"detail", why.detail}});
  }

  ledger::Ledger& ledger_;
  Pool& pool_;
  const SigningKeys keys_;
  const OnDecided on_decided_;
  const ApplicationOptions options_;
  mutable log::Sparing sparing_;
  int64_t committed_ns_ = 0;  // when the last block was; 0: before this process. Under deciding_mutex_
  bool rested_ = true;        // nothing was left to order then
  bool held_ = false;         // it held something
  Signatures signatures_;
  SnapshotShelf shelf_;

  std::mutex taking_mutex_;
  SnapshotTaker taker_;

  std::mutex deciding_mutex_;
  Blocks blocks_;
  std::optional<Finalized> finalized_;

  mutable std::mutex standing_mutex_;
  StandingPtr standing_;
};

}  // namespace

Result<std::unique_ptr<abci::Application>> make_application(ledger::Ledger& ledger, Pool& pool,
                                                            SigningKeys keys, OnDecided on_decided,
                                                            ApplicationOptions options) {
  ASSIGN(StandingPtr standing, load_standing(ledger));
  return std::make_unique<EngineApplication>(ledger, pool, std::move(keys), std::move(on_decided), options,
                                             std::move(standing));
}

Result<format::Consortium> voting_members(const ledger::Ledger& ledger) {
  ASSIGN(const StandingPtr standing, load_standing(ledger));
  return standing->voting->consortium;
}

}  // namespace chengxin::comet
