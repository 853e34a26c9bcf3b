#include "comet/impl/updates.h"

#include "base/log.h"

namespace chengxin::comet {
namespace {

using EngineKey = std::array<uint8_t, 32>;

std::map<EngineKey, uint64_t> powers(const format::Consortium& consortium) {
  std::map<EngineKey, uint64_t> out;
  for (const format::Node& node : consortium.nodes)
    if (node.role == format::NodeRole::voter) out[node.engine_key] = node.weight;
  return out;
}

tl::unexpected<Error> differs(std::string_view what) {
  return fail(Code::conflict, "comet.genesis", "the engine was started with another {} than the chain's",
              what);
}

}  // namespace

Status check_genesis(const pb::RequestInitChain& request, const Standing& standing,
                     const std::string& chain_id) {
  if (request.chain_id() != chain_id) return differs("chain id");
  if (request.initial_height() != 1) return differs("initial height");
  if (!request.app_state_bytes().empty()) return differs("state");
  if (request.consensus_params().abci().vote_extensions_enable_height() != 1)
    return differs("height of vote extensions");
  if (standing.progress.engine_height != 0)
    return fail(Code::conflict, "comet.genesis", "the chain stands at engine height {} already",
                standing.progress.engine_height);
  std::map<EngineKey, uint64_t> given;
  for (const auto& each : request.validators()) {
    EngineKey key{};
    if (each.pub_key().ed25519().size() != key.size()) return differs("kind of keys");
    std::copy_n(each.pub_key().ed25519().begin(), key.size(), key.begin());
    given[key] = uint64_t(each.power());
  }
  if (given != powers(standing.present->consortium)) return differs("set of validators");
  return {};
}

bool admits_peer(const format::Consortium& members, std::string_view path) {
  constexpr std::string_view kId = "/p2p/filter/id/", kAddress = "/p2p/filter/addr/";
  if (path.starts_with(kAddress)) return path.substr(kAddress.size()).starts_with("127.0.0.1:");
  if (!path.starts_with(kId)) return false;
  const std::string_view id = path.substr(kId.size());
  return std::any_of(members.nodes.begin(), members.nodes.end(),
                     [&](const format::Node& node) { return hex(node.engine_id) == id; });
}

void add_updates(const format::Consortium& from, const format::Consortium& to,
                 pb::ResponseFinalizeBlock& response) {
  const auto before = powers(from), after = powers(to);
  auto add = [&](const EngineKey& key, uint64_t power) {
    auto* update = response.add_validator_updates();
    update->mutable_pub_key()->set_ed25519(to_string(key));
    update->set_power(int64_t(power));
  };
  for (const auto& [key, power] : before)
    if (!after.contains(key)) add(key, 0);
  for (const auto& [key, power] : after)
    if (auto old = before.find(key); old == before.end() || old->second != power) add(key, power);
}

Result<VotersPtr> present_after(const VotersPtr& before,
                                const std::map<std::string, Bytes, std::less<>>& settings) {
  VotersPtr out = before;
  if (auto changed = settings.find(format::kConsortiumKey); changed != settings.end()) {
    ASSIGN(auto consortium, format::Consortium::decode(text(changed->second)));
    out = std::make_shared<const Voters>(std::move(consortium));
  }
  auto validators = settings.find(format::kValidatorsKey);
  const Bytes set = validators == settings.end() ? before->set.encode() : validators->second;
  if (set != out->set.encode())
    return fail(Code::conflict, "comet.validators_differ",
                "a block would make others than the consortium's voters the chain's validators");
  return out;
}

void add_misbehaviour(const Voters& voters, const pb::Misbehavior& from, std::vector<Misbehaviour>& to) {
  Misbehaviour out;
  EngineAddress address{};
  if (from.validator().address().size() == address.size())
    std::copy_n(from.validator().address().begin(), address.size(), address.begin());
  if (const auto* key = voters.key_of(address)) out.node = *key;
  out.kind = from.type() == pb::DUPLICATE_VOTE        ? "duplicate_vote"
             : from.type() == pb::LIGHT_CLIENT_ATTACK ? "light_client_attack"
                                                      : "unknown";
  out.engine_height = uint64_t(from.height());
  out.time_ms = from.time().seconds() * 1000 + from.time().nanos() / 1'000'000;
  log::warn("comet.misbehaviour", {{"node", hex(out.node)},
                                   {"kind", out.kind},
                                   {"engine_height", out.engine_height},
                                   {"validator", hex(address)}});
  if (to.size() == kMaxMisbehaviours) to.erase(to.begin());
  to.push_back(std::move(out));
}

}  // namespace chengxin::comet
