#include "format/proposal.h"

#include <algorithm>

#include "format/impl/canonical.h"
#include "format/impl/consortium_json.h"

namespace chengxin::format {
namespace {

constexpr std::string_view kStates[] = {"open", "executed", "failed", "rejected", "withdrawn", "expired"};

// Only of what was read in, or was made from what was: it has a canonical spelling.
Bytes canonical(const Json& json) { return to_bytes(view(canonical_json(json).value())); }

Json to_json(const Propose& what) {
  Json actions = Json::array();
  for (const Action& action : what.actions) actions.push_back(action_json(action));
  return {{"actions", std::move(actions)}, {"why", what.why}, {"open_ms", what.open_ms}};
}

Result<Propose> read_propose(const Json& json) {
  Propose out;
  for (const Json& each : json.at("actions")) {
    if (out.actions.size() == kMaxActions) return bad_consortium("too many actions");
    ASSIGN(Action action, read_action(each));
    out.actions.push_back(std::move(action));
  }
  if (out.actions.empty()) return bad_consortium("no actions");
  out.why = json.at("why").get<std::string>();
  if (out.why.size() > kMaxWhyBytes) return bad_consortium("why is too long");
  out.open_ms = json.at("open_ms").get<int64_t>();
  if (out.open_ms < 1 || out.open_ms > kMaxProposalMs) return bad_consortium("how long it is open");
  return out;
}

Json to_json(const VoteOn& vote) { return {{"proposal", vote.proposal}, {"yes", vote.yes}}; }
Json to_json(const Withdraw& withdraw) { return {{"proposal", withdraw.proposal}}; }

Result<Proposal> read_proposal(const Json& json) {
  Proposal out;
  out.number = json.at("number").get<uint64_t>();
  out.organisation = json.at("organisation").get<std::string>();
  ASSIGN(out.what, read_propose(json.at("what")));
  out.height = json.at("height").get<uint64_t>();
  out.time_ms = json.at("time_ms").get<int64_t>();
  out.until_ms = json.at("until_ms").get<int64_t>();
  for (const Json& each : json.at("votes"))
    out.votes.push_back({each.at("organisation").get<std::string>(), each.at("yes").get<bool>(),
                         each.at("height").get<uint64_t>()});
  const std::string state = json.at("state").get<std::string>();
  const auto found = std::find(std::begin(kStates), std::end(kStates), state);
  if (found == std::end(kStates)) return bad_consortium("an unknown state of a proposal");
  out.state = ProposalState(found - std::begin(kStates));
  out.closed_height = json.at("closed_height").get<uint64_t>();
  out.reason = json.at("reason").get<std::string>();
  return out;
}

Json to_json(const ProposalIndex& index) {
  return {{"last", index.last}, {"open", index.open}, {"closed", index.closed}};
}

Result<Revocations> read_revocations(const Json& json) {
  Revocations out;
  for (const Json& each : json) {
    Revoked entry;
    entry.node = each.at("node").get<std::string>();
    entry.why = each.at("why").get<std::string>();
    entry.replaced = each.at("replaced").get<bool>();
    ASSIGN(entry.key, fixed_hex<65>(each.at("key"), "a key"));
    for (const Json& serial : each.at("serials")) {
      ASSIGN(Bytes bytes, unhex(serial.get_ref<const std::string&>()));
      entry.serials.push_back(std::move(bytes));
    }
    entry.height = each.at("height").get<uint64_t>();
    out.entries.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

std::string_view state_name(ProposalState state) { return kStates[size_t(state)]; }

Bytes Propose::encode() const { return canonical(to_json(*this)); }
Result<Propose> Propose::decode(ByteView arguments) {
  return read_canonical<Propose>(text(arguments), read_propose,
                                 [](const Propose& what) { return to_json(what); });
}

Bytes VoteOn::encode() const { return canonical(to_json(*this)); }
Result<VoteOn> VoteOn::decode(ByteView arguments) {
  return read_canonical<VoteOn>(
      text(arguments),
      [](const Json& json) -> Result<VoteOn> {
        return VoteOn{json.at("proposal").get<uint64_t>(), json.at("yes").get<bool>()};
      },
      [](const VoteOn& vote) { return to_json(vote); });
}

Bytes Withdraw::encode() const { return canonical(to_json(*this)); }
Result<Withdraw> Withdraw::decode(ByteView arguments) {
  return read_canonical<Withdraw>(
      text(arguments),
      [](const Json& json) -> Result<Withdraw> { return Withdraw{json.at("proposal").get<uint64_t>()}; },
      [](const Withdraw& withdraw) { return to_json(withdraw); });
}

Json Proposal::json() const {
  Json cast = Json::array();
  for (const Vote& vote : votes)
    cast.push_back({{"organisation", vote.organisation}, {"yes", vote.yes}, {"height", vote.height}});
  return {{"number", number},         {"organisation", organisation}, {"what", to_json(what)},
          {"height", height},         {"time_ms", time_ms},           {"until_ms", until_ms},
          {"votes", std::move(cast)}, {"state", state_name(state)},   {"closed_height", closed_height},
          {"reason", reason}};
}
Bytes Proposal::encode() const { return canonical(json()); }
Result<Proposal> Proposal::decode(ByteView bytes) {
  return read_canonical<Proposal>(text(bytes), read_proposal,
                                  [](const Proposal& proposal) { return proposal.json(); });
}

Bytes ProposalIndex::encode() const { return canonical(to_json(*this)); }
Result<ProposalIndex> ProposalIndex::decode(ByteView bytes) {
  return read_canonical<ProposalIndex>(
      text(bytes),
      [](const Json& json) -> Result<ProposalIndex> {
        return ProposalIndex{json.at("last").get<uint64_t>(), json.at("open").get<std::vector<uint64_t>>(),
                             json.at("closed").get<std::vector<uint64_t>>()};
      },
      [](const ProposalIndex& index) { return to_json(index); });
}

std::string proposal_key(uint64_t number) { return fmt::format("consortium/proposal/{}", number); }
std::string crl_key(std::string_view organisation) { return fmt::format("consortium/crl/{}", organisation); }

bool Revocations::holds(const crypto::Sm2Point& key, ByteView serial) const {
  return std::any_of(entries.begin(), entries.end(), [&](const Revoked& entry) {
    return entry.key == key || std::any_of(entry.serials.begin(), entry.serials.end(),
                                           [&](const Bytes& each) { return equal(each, serial); });
  });
}

Json Revocations::json() const {
  Json out = Json::array();
  for (const Revoked& entry : entries) {
    Json serials = Json::array();
    for (const Bytes& serial : entry.serials) serials.push_back(hex(serial));
    out.push_back({{"node", entry.node},
                   {"why", entry.why},
                   {"replaced", entry.replaced},
                   {"key", hex(entry.key)},
                   {"serials", std::move(serials)},
                   {"height", entry.height}});
  }
  return out;
}
Bytes Revocations::encode() const { return canonical(json()); }
Result<Revocations> Revocations::decode(ByteView bytes) {
  return read_canonical<Revocations>(text(bytes), read_revocations,
                                     [](const Revocations& revocations) { return revocations.json(); });
}

}  // namespace chengxin::format
