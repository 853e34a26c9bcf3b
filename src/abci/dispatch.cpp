#include "abci/dispatch.h"

namespace chengxin::abci {
namespace {

Result<pb::Response> ask(Application& application, const pb::Request& request) {
  pb::Response out;
// One row for each call: its case, its field in both messages, the method.
#define ROW(CASE, FIELD, METHOD)                                         \
  case pb::Request::CASE: {                                              \
    ASSIGN(*out.mutable_##FIELD(), application.METHOD(request.FIELD())); \
    return out;                                                          \
  }
  switch (request.value_case()) {
    case pb::Request::kEcho:
      out.mutable_echo()->set_message(request.echo().message());
      return out;
    case pb::Request::kFlush:
      out.mutable_flush();
      return out;
      ROW(kInfo, info, info)
      ROW(kQuery, query, query)
      ROW(kCheckTx, check_tx, check_tx)
      ROW(kInitChain, init_chain, init_chain)
      ROW(kPrepareProposal, prepare_proposal, prepare_proposal)
      ROW(kProcessProposal, process_proposal, process_proposal)
      ROW(kExtendVote, extend_vote, extend_vote)
      ROW(kVerifyVoteExtension, verify_vote_extension, verify_vote_extension)
      ROW(kFinalizeBlock, finalize_block, finalize_block)
      ROW(kCommit, commit, commit)
      ROW(kListSnapshots, list_snapshots, list_snapshots)
      ROW(kOfferSnapshot, offer_snapshot, offer_snapshot)
      ROW(kLoadSnapshotChunk, load_snapshot_chunk, load_snapshot_chunk)
      ROW(kApplySnapshotChunk, apply_snapshot_chunk, apply_snapshot_chunk)
    default:
      return fail(Code::unsupported, "abci.request", "no call that is served here");
  }
#undef ROW
}

// The one place where what protobuf and the allocator throw is caught.
Result<pb::Response> ask(Application& application, ByteView bytes) try {
  pb::Request request;
  if (!request.ParseFromArray(bytes.data(), int(bytes.size())))
    return fail(Code::invalid_argument, "abci.request", "not a request");
  return ask(application, request);
} catch (const std::exception& thrown) {
  return fail(Code::internal, "abci.failed", "{}", thrown.what());
}

}  // namespace

Answer answer(Application& application, ByteView request) {
  Answer out;
  if (auto response = ask(application, request)) {
    out.response = std::move(*response);
  } else {
    out.response.mutable_exception()->set_error(response.error().to_string());
    out.failed = std::move(response).error();
  }
  return out;
}

}  // namespace chengxin::abci
