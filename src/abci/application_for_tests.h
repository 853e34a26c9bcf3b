#pragma once
#include <memory>

#include "abci/application.h"

namespace chengxin::abci::testing {

#define CALLS(CALL)                                \
  CALL(Info, info)                                 \
  CALL(Query, query)                               \
  CALL(CheckTx, check_tx)                          \
  CALL(InitChain, init_chain)                      \
  CALL(PrepareProposal, prepare_proposal)          \
  CALL(ProcessProposal, process_proposal)          \
  CALL(ExtendVote, extend_vote)                    \
  CALL(VerifyVoteExtension, verify_vote_extension) \
  CALL(FinalizeBlock, finalize_block)              \
  CALL(Commit, commit)                             \
  CALL(ListSnapshots, list_snapshots)              \
  CALL(OfferSnapshot, offer_snapshot)              \
  CALL(LoadSnapshotChunk, load_snapshot_chunk)     \
  CALL(ApplySnapshotChunk, apply_snapshot_chunk)

// Answers each call with nothing; tests override what they ask about.
class IdleApplication : public Application {
 public:
#define CALL(NAME, METHOD) \
  Result<pb::Response##NAME> METHOD(const pb::Request##NAME&) override { return pb::Response##NAME(); }
  CALLS(CALL)
#undef CALL
};

// Answers as another one does; tests override what they bend.
class BentApplication : public Application {
 public:
  explicit BentApplication(std::unique_ptr<Application> inner) : inner_(std::move(inner)) {}
#define CALL(NAME, METHOD)                                                       \
  Result<pb::Response##NAME> METHOD(const pb::Request##NAME& request) override { \
    return inner_->METHOD(request);                                              \
  }
  CALLS(CALL)
#undef CALL

 private:
  const std::unique_ptr<Application> inner_;
};
#undef CALLS

}  // namespace chengxin::abci::testing
