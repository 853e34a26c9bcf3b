#include "comet/impl/messages.h"

#include <algorithm>
#include <cstdlib>

namespace chengxin::comet {
namespace {

std::string address(uint16_t port) { return fmt::format("127.0.0.1:{}", port); }

Json validators_json(const std::vector<EngineValidator>& validators) {
  Json list = Json::array();
  for (const EngineValidator& validator : validators)
    list.push_back({{"key", hex(validator.key)}, {"power", validator.power}, {"name", validator.name}});
  return list;
}

Json genesis_json(const EngineGenesis& genesis) {
  return {{"chain_id", genesis.chain_id()},
          {"time_ms", genesis.time_ms},
          {"validators", validators_json(genesis.validators)},
          {"block_max_bytes", genesis.block_max_bytes},
          {"evidence_max_age_blocks", genesis.evidence_max_age_blocks},
          {"evidence_max_age_ms", genesis.evidence_max_age_ms}};
}

}  // namespace

Error engine_error(std::string reason, std::string detail) {
  const auto is = [&](std::initializer_list<std::string_view> of) {
    return std::find(of.begin(), of.end(), reason) != of.end();
  };
  if (reason.empty()) reason = "engine.command";
  Code code = Code::internal;
  if (is({"engine.already_running", "engine.in_use", "engine.port_taken", "engine.home_of_other_chain",
          "engine.home_of_other_version", "engine.sign_state_stale"}))
    code = Code::conflict;
  else if (is({"engine.bad_request", "engine.genesis", "engine.genesis_in_future"}))
    code = Code::invalid_argument;
  else if (is({"engine.not_running", "engine.no_light_block"}))
    code = Code::not_found;
  else if (is({"engine.no_app", "engine.app_lost", "engine.stuck", "engine.clock_behind"}))
    code = Code::unavailable;
  else if (is({"engine.sign_state_lost", "engine.keys"}))
    code = Code::data_loss;
  return Error{code, std::move(reason), std::move(detail)};
}

std::string name_of(const Digest& chain) { return hex(chain); }

std::string text_of(const Json& from, std::string_view field) {
  const auto found = from.find(field);
  return found != from.end() && found->is_string() ? found->get<std::string>() : std::string();
}

uint16_t port_of(const Json& from) {
  const std::string text = text_of(from, "listen");
  return uint16_t(std::atoi(text.c_str() + std::min(text.size(), text.rfind(':') + 1)));
}

Json peers_json(const std::vector<EnginePeer>& peers) {
  Json list = Json::array();
  for (const EnginePeer& peer : peers)
    list.push_back({{"id", hex(peer.id)}, {"address", address(peer.port)}});
  return list;
}

Json start_json(const EngineChain& chain) {
  const EngineTimeouts& t = chain.timeouts;
  Json command = {{"chain", name_of(chain.genesis.chain)},
                  {"home", chain.home.string()},
                  {"keys", chain.keys.string()},
                  {"app", chain.app_socket.string()},
                  {"genesis", genesis_json(chain.genesis)},
                  {"listen", address(chain.port)},
                  {"peers", peers_json(chain.peers)},
                  {"heartbeat_ms", chain.heartbeat_ms},
                  {"sign_state", chain.wait_to_sign ? "wait" : "expect"},
                  {"timeouts",
                   {{"propose_ms", t.propose_ms},
                    {"propose_delta_ms", t.propose_delta_ms},
                    {"vote_ms", t.vote_ms},
                    {"vote_delta_ms", t.vote_delta_ms},
                    {"commit_ms", t.commit_ms},
                    {"gossip_ms", t.gossip_ms}}}};
  if (!chain.trusted.empty()) command["state_sync"]["validators"] = validators_json(chain.trusted);
  return command;
}

Result<EngineStatus> status_of(const Json& answer) {
  EngineStatus status;
  try {
    status.height = answer.at("height"), status.base = answer.at("base");
    const Json& voting = answer.at("voting");
    status.voting_height = voting.at("height"), status.round = voting.at("round"),
    status.step = voting.at("step");
    status.catching_up = answer.at("catching_up"), status.validator = answer.at("validator");
    status.validators = answer.at("validators"), status.silent = answer.at("silent");
    status.port = port_of(answer);
    for (const Json& peer : answer.at("peers")) {
      ASSIGN(const EngineId id, fixed<20>(peer, "id"));
      status.peers.push_back(id);
    }
  } catch (const Json::exception& e) {
    return fail(Code::internal, "engine.command", "status: {}", e.what());
  }
  return status;
}

}  // namespace chengxin::comet
