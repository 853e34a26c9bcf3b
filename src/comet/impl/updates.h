#pragma once
#include "comet/impl/standing.h"

// Between a consortium and the engine's words for it.
namespace chengxin::comet {

namespace pb = tendermint::abci;

// comet.genesis: the engine was started with another chain, other validators, or without extensions.
Status check_genesis(const pb::RequestInitChain& request, const Standing& standing,
                     const std::string& chain_id);

// By the engine's paths /p2p/filter/id/<id> and /p2p/filter/addr/<host:port>: an id of one of these nodes,
// and an address of this machine, where our own links end. Anything else: no.
bool admits_peer(const format::Consortium& members, std::string_view path);

// What leads from the voters of one to those of the other.
void add_updates(const format::Consortium& from, const format::Consortium& to,
                 pb::ResponseFinalizeBlock& response);

// The voters after a block that put these settings. comet.validators_differ.
Result<VotersPtr> present_after(const VotersPtr& before,
                                const std::map<std::string, Bytes, std::less<>>& settings);

void add_misbehaviour(const Voters& voters, const pb::Misbehavior& from, std::vector<Misbehaviour>& to);

}  // namespace chengxin::comet
