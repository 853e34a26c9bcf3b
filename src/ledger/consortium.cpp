#include "ledger/consortium.h"

#include <algorithm>

#include "crypto/certificate.h"
#include "ledger/impl/consortium_change.h"

// The native contract by which organisations govern a chain together: docs/formats/consortium.md. Invariants:
// - chain/validators is the set of the consortium's voters, and there is at least one;
// - an organisation has one vote on a proposal, and only votes of organisations that are there now count;
// - a proposal is executed at most once: in the block in which it gets enough votes, whole or not at all.
namespace chengxin::ledger {
namespace {

using namespace format;

// The proposals of a chain during one call.
class Proposals {
 public:
  explicit Proposals(const CallContext& context) : context_(context) {}

  Status load() {
    ASSIGN(auto bytes, context_.state.get(kProposalsKey));
    if (bytes) {
      ASSIGN(index_, ProposalIndex::decode(*bytes));
    }
    for (uint64_t number : index_.open) {
      ASSIGN(auto stored, context_.state.get(proposal_key(number)));
      if (!stored) return fail(Code::data_loss, "ledger.damaged", "proposal {} is not there", number);
      ASSIGN(Proposal proposal, Proposal::decode(*stored));
      open_.push_back(std::move(proposal));
    }
    std::vector<uint64_t> late;
    for (const Proposal& each : open_)
      if (context_.time_ms > each.until_ms) late.push_back(each.number);
    for (uint64_t number : late) close(number, ProposalState::expired, {});
    return {};
  }

  Proposal* find(uint64_t number) {
    auto found =
        std::find_if(open_.begin(), open_.end(), [&](const Proposal& each) { return each.number == number; });
    return found == open_.end() ? nullptr : &*found;
  }
  size_t open_count() const { return open_.size(); }
  size_t open_of(std::string_view organisation) const {
    return size_t(std::count_if(open_.begin(), open_.end(),
                                [&](const Proposal& each) { return each.organisation == organisation; }));
  }

  Proposal& add(const std::string& organisation, Propose what) {
    Proposal proposal;
    proposal.number = ++index_.last;
    proposal.organisation = organisation;
    proposal.until_ms = context_.time_ms + what.open_ms;
    proposal.what = std::move(what);
    proposal.height = context_.height;
    proposal.time_ms = context_.time_ms;
    index_.open.push_back(proposal.number);
    open_.push_back(std::move(proposal));
    tell("proposed", open_.back().number);
    return open_.back();
  }

  void cast(Proposal& proposal, const std::string& organisation, bool yes) {
    proposal.votes.push_back({organisation, yes, context_.height});
    tell("voted", proposal.number);
    touched_.push_back(proposal.number);
  }

  void close(uint64_t number, ProposalState state, std::string_view reason) {
    Proposal proposal = std::move(*find(number));
    std::erase_if(open_, [&](const Proposal& each) { return each.number == number; });
    std::erase(index_.open, number);
    proposal.state = state;
    proposal.closed_height = context_.height;
    proposal.reason = reason;
    context_.state.put(proposal_key(number), proposal.encode());
    index_.closed.push_back(number);
    if (index_.closed.size() > kClosedProposals) {
      context_.state.erase(proposal_key(index_.closed.front()));
      index_.closed.erase(index_.closed.begin());
    }
    tell(state_name(state), number);
    closed_state_[number] = state;
  }

  // Executes and rejects what the votes have decided. One that is executed may change who counts for others,
  // so it begins anew after each; each round closes one.
  Status settle() {
    while (true) {
      ASSIGN(auto change, ConsortiumChange::begin(context_.state, context_.height));
      const Proposal* decided = nullptr;
      bool passes = false;
      for (const Proposal& each : open_) {
        const auto [yes, no] = votes_on(each, change.consortium());
        const size_t needed = change.consortium().votes_needed();
        passes = yes >= needed;
        if (passes || change.consortium().organisations.size() - no < needed) {
          decided = &each;
          break;
        }
      }
      if (!decided) return {};
      if (!passes) {
        close(decided->number, ProposalState::rejected, {});
        continue;
      }
      ASSIGN(std::string refusal, change.apply(decided->what.actions));
      if (refusal.empty()) change.write();
      close(decided->number, refusal.empty() ? ProposalState::executed : ProposalState::failed, refusal);
    }
  }

  CallResult finish(uint64_t number) {
    for (const Proposal& each : open_)
      if (std::find(touched_.begin(), touched_.end(), each.number) != touched_.end())
        context_.state.put(proposal_key(each.number), each.encode());
    context_.state.put(kProposalsKey, index_.encode());
    const auto closed = closed_state_.find(number);
    const ProposalState state = closed == closed_state_.end() ? ProposalState::open : closed->second;
    result_.output = output(number, state);
    return std::move(result_);
  }

 private:
  struct Count {
    size_t yes = 0, no = 0;
  };
  static Count votes_on(const Proposal& proposal, const Consortium& consortium) {
    Count count;
    for (const Vote& vote : proposal.votes)
      if (consortium.find_organisation(vote.organisation)) ++(vote.yes ? count.yes : count.no);
    return count;
  }
  static Bytes output(uint64_t number, ProposalState state) {
    return to_bytes(view(fmt::format(R"({{"proposal":{},"state":"{}"}})", number, state_name(state))));
  }
  void tell(std::string_view what, uint64_t number) {
    result_.events.push_back(
        {"consortium", std::string(what), to_bytes(view(fmt::format(R"({{"proposal":{}}})", number)))});
  }

  const CallContext& context_;
  ProposalIndex index_;
  std::vector<Proposal> open_;
  std::vector<uint64_t> touched_;
  std::map<uint64_t, ProposalState> closed_state_;
  CallResult result_;
};

// Who may speak, and for whom: the organisation's name, or the result that ends the call.
struct Speaker {
  std::string organisation;
  std::optional<CallResult> refusal;
};

Result<Speaker> speaker_of(const CallContext& context) {
  ASSIGN(auto document, context.state.get(kConsortiumKey));
  if (!document) return Speaker{{}, ended(ReceiptStatus::refused, "consortium.none")};
  ASSIGN(auto consortium, Consortium::decode(text(*document)));
  const Organisation* found = consortium.find_governor(context.account.public_key);
  if (!found) return Speaker{{}, ended(ReceiptStatus::forbidden, "consortium.not_a_governor")};
  return Speaker{found->name, {}};
}

Result<CallResult> propose(const CallContext& context) {
  auto what = Propose::decode(context.arguments);
  if (!what) return ended(ReceiptStatus::bad_arguments, what.error().reason);
  // What a program that does not know the action answers.
  for (const Action& each : what->actions)
    if ((std::holds_alternative<SetLimits>(each) && context.protocol < 2) ||
        (std::holds_alternative<SetContractPolicy>(each) && context.protocol < 3))
      return ended(ReceiptStatus::bad_arguments, "format.consortium");
  ASSIGN(Speaker speaker, speaker_of(context));
  if (speaker.refusal) return *speaker.refusal;
  // What could not be executed even now is not worth a vote.
  ASSIGN(auto trial, ConsortiumChange::begin(context.state, context.height));
  ASSIGN(std::string refusal, trial.apply(what->actions));
  if (!refusal.empty()) return ended(ReceiptStatus::refused, refusal);
  Proposals proposals(context);
  TRY(proposals.load());
  if (proposals.open_count() >= kOpenProposals ||
      proposals.open_of(speaker.organisation) >= kOpenProposalsEach)
    return ended(ReceiptStatus::refused, "consortium.too_many_open");
  Proposal& proposal = proposals.add(speaker.organisation, std::move(*what));
  const uint64_t number = proposal.number;
  proposals.cast(proposal, speaker.organisation, true);
  TRY(proposals.settle());
  return proposals.finish(number);
}

Result<CallResult> vote(const CallContext& context) {
  auto vote = VoteOn::decode(context.arguments);
  if (!vote) return ended(ReceiptStatus::bad_arguments, vote.error().reason);
  ASSIGN(Speaker speaker, speaker_of(context));
  if (speaker.refusal) return *speaker.refusal;
  Proposals proposals(context);
  TRY(proposals.load());
  Proposal* proposal = proposals.find(vote->proposal);
  if (!proposal) return ended(ReceiptStatus::refused, "consortium.not_open");
  for (const Vote& each : proposal->votes)
    if (each.organisation == speaker.organisation)
      return ended(ReceiptStatus::refused, "consortium.already_voted");
  proposals.cast(*proposal, speaker.organisation, vote->yes);
  TRY(proposals.settle());
  return proposals.finish(vote->proposal);
}

Result<CallResult> withdraw(const CallContext& context) {
  auto withdraw = Withdraw::decode(context.arguments);
  if (!withdraw) return ended(ReceiptStatus::bad_arguments, withdraw.error().reason);
  ASSIGN(Speaker speaker, speaker_of(context));
  if (speaker.refusal) return *speaker.refusal;
  Proposals proposals(context);
  TRY(proposals.load());
  const Proposal* proposal = proposals.find(withdraw->proposal);
  if (!proposal) return ended(ReceiptStatus::refused, "consortium.not_open");
  if (proposal->organisation != speaker.organisation)
    return ended(ReceiptStatus::refused, "consortium.not_yours");
  proposals.close(withdraw->proposal, ProposalState::withdrawn, {});
  return proposals.finish(withdraw->proposal);
}

// An organisation answers for its own certificates: no vote. Arguments: a revocation list in DER.
Result<CallResult> publish_crl(const CallContext& context) {
  ASSIGN(Speaker speaker, speaker_of(context));
  if (speaker.refusal) return *speaker.refusal;
  if (context.arguments.size() > kMaxCrlBytes) return ended(ReceiptStatus::refused, "consortium.crl");
  auto crl = crypto::Crl::from_der(context.arguments);
  if (!crl) return ended(ReceiptStatus::bad_arguments, crl.error().reason);
  ASSIGN(auto change, ConsortiumChange::begin(context.state, context.height));
  const Organisation* organisation = change.consortium().find_organisation(speaker.organisation);
  auto root = crypto::Certificate::from_der(organisation->root_certificate);
  if (!root || !root->public_key || !crl->sm2_with_sm3 || !crl->signature || crl->issuer != root->subject ||
      crl->unknown_critical_extension || !root->public_key->verify(crl->tbs, *crl->signature))
    return ended(ReceiptStatus::refused, "consortium.crl");
  const std::string key = crl_key(speaker.organisation);
  ASSIGN(auto before, context.state.get(key));
  if (before) {
    auto older = crypto::Crl::from_der(*before);
    if (older && older->this_update_ms > crl->this_update_ms)
      return ended(ReceiptStatus::refused, "consortium.crl_older");
  }
  context.state.put(key, to_bytes(context.arguments));
  CallResult result;
  result.events.push_back({"consortium", "crl_published", to_bytes(view(speaker.organisation))});
  return result;
}

Method method(std::string name, std::function<Result<CallResult>(const CallContext&)> run) {
  Method out;
  out.contract = "consortium";
  out.name = std::move(name);
  out.role = "governor";
  out.writes = {std::string(kConsortiumKey),
                std::string(kValidatorsKey),
                std::string(kProtocolKey),
                std::string(kLimitsKey),
                std::string(kContractPolicyKey),
                "key/",
                "consortium/"};
  out.run = std::move(run);
  return out;
}

template <typename T>
Result<T> read_or_default(const Ledger& ledger, std::string_view key) {
  ASSIGN(auto stored, ledger.state(key));
  if (!stored) return T();
  return T::decode(*stored);
}

Result<std::vector<Proposal>> read_proposals(const Ledger& ledger, const std::vector<uint64_t>& numbers) {
  std::vector<Proposal> out;
  for (uint64_t number : numbers) {
    ASSIGN(auto stored, ledger.state(proposal_key(number)));
    if (!stored) continue;  // a block came between
    ASSIGN(Proposal proposal, Proposal::decode(*stored));
    out.push_back(std::move(proposal));
  }
  return out;
}

}  // namespace

ContractTable consortium_contract() {
  return {method("propose", propose), method("vote", vote), method("withdraw", withdraw),
          method("publish_crl", publish_crl)};
}

Result<Consortium> consortium_of(const Ledger& ledger) {
  ASSIGN(auto stored, ledger.state(kConsortiumKey));
  if (!stored)
    return fail(Code::not_found, "consortium.none", "the chain {} has no consortium", ledger.genesis().name);
  return Consortium::decode(text(*stored));
}

Result<Revocations> revocations_of(const Ledger& ledger) {
  return read_or_default<Revocations>(ledger, kRevocationsKey);
}

Result<std::vector<Proposal>> proposals_of(const Ledger& ledger) {
  ASSIGN(auto index, read_or_default<ProposalIndex>(ledger, kProposalsKey));
  ASSIGN(auto out, read_proposals(ledger, index.closed));
  ASSIGN(auto open, read_proposals(ledger, index.open));
  out.insert(out.end(), open.begin(), open.end());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  out.erase(
      std::unique(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.number == b.number; }),
      out.end());
  return out;
}

Result<std::vector<Proposal>> open_proposals_of(const Ledger& ledger) {
  ASSIGN(auto index, read_or_default<ProposalIndex>(ledger, kProposalsKey));
  ASSIGN(auto all, read_proposals(ledger, index.open));
  std::erase_if(all, [&](const Proposal& each) {  // a block came between, or nobody has called the contract
    return each.state != format::ProposalState::open || each.until_ms < ledger.head().header.time_ms;
  });
  return all;
}

Result<std::vector<Bytes>> crls_of(const Ledger& ledger, const Consortium& consortium) {
  std::vector<Bytes> out;
  for (const Organisation& each : consortium.organisations) {
    ASSIGN(auto stored, ledger.state(crl_key(each.name)));
    if (stored) out.push_back(std::move(*stored));
  }
  return out;
}

Result<std::optional<ProtocolChange>> protocol_of(const Ledger& ledger) {
  ASSIGN(auto stored, ledger.state(kProtocolKey));
  if (!stored) return std::nullopt;
  ASSIGN(ProtocolChange change, ProtocolChange::decode(*stored));
  return change;
}

}  // namespace chengxin::ledger
