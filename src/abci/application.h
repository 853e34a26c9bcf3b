#pragma once
#include <tendermint/abci/types.pb.h>

#include "base/result.h"

// What a consensus engine asks of the state machine that it replicates: ABCI 2.0 as CometBFT 0.40 speaks it
// (definitions: its proto/tendermint/abci/types.proto; meaning: its spec/abci). An Error of any method is a
// fault of this host: the engine is told so and stops.
namespace chengxin::abci {

namespace pb = tendermint::abci;

// Thread-safe: the engine has four connections (consensus, mempool, query, snapshot) and asks on all at once.
class Application {
 public:
  virtual ~Application() = default;

  virtual Result<pb::ResponseInfo> info(const pb::RequestInfo& request) = 0;
  virtual Result<pb::ResponseQuery> query(const pb::RequestQuery& request) = 0;
  virtual Result<pb::ResponseCheckTx> check_tx(const pb::RequestCheckTx& request) = 0;

  virtual Result<pb::ResponseInitChain> init_chain(const pb::RequestInitChain& request) = 0;
  virtual Result<pb::ResponsePrepareProposal> prepare_proposal(const pb::RequestPrepareProposal& request) = 0;
  virtual Result<pb::ResponseProcessProposal> process_proposal(const pb::RequestProcessProposal& request) = 0;
  virtual Result<pb::ResponseExtendVote> extend_vote(const pb::RequestExtendVote& request) = 0;
  virtual Result<pb::ResponseVerifyVoteExtension> verify_vote_extension(
      const pb::RequestVerifyVoteExtension& request) = 0;
  virtual Result<pb::ResponseFinalizeBlock> finalize_block(const pb::RequestFinalizeBlock& request) = 0;
  virtual Result<pb::ResponseCommit> commit(const pb::RequestCommit& request) = 0;

  virtual Result<pb::ResponseListSnapshots> list_snapshots(const pb::RequestListSnapshots& request) = 0;
  virtual Result<pb::ResponseOfferSnapshot> offer_snapshot(const pb::RequestOfferSnapshot& request) = 0;
  virtual Result<pb::ResponseLoadSnapshotChunk> load_snapshot_chunk(
      const pb::RequestLoadSnapshotChunk& request) = 0;
  virtual Result<pb::ResponseApplySnapshotChunk> apply_snapshot_chunk(
      const pb::RequestApplySnapshotChunk& request) = 0;
};

}  // namespace chengxin::abci
