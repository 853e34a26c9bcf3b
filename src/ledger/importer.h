#pragma once
#include "ledger/ledger.h"

namespace chengxin::ledger {

// Makes another copy of a chain out of the parts that other nodes gave (Ledger::read_chunk), beside the one
// that is in its folder and may be in use. Nothing of theirs is believed: every block is admitted and
// executed, must come out as its header says to the bit, and needs its certificate. Whatever happens, the
// chain's folder opens as the copy that was there before, or as the whole new one. One thread at a time.
class Importer {
 public:
  // Goes on with what an importer of the same genesis left there. Errors: those of Ledger::create and open.
  static Result<std::unique_ptr<Importer>> open(const fs::path& folder, std::string_view genesis,
                                                Options options);
  virtual ~Importer() = default;

  virtual uint64_t next_height() const = 0;                      // of the block that it waits for
  virtual Head head() const = 0;                                 // of what was taken
  virtual Result<Digest> block_hash(uint64_t height) const = 0;  // of the header; ledger.no_block

  // The blocks from one not above next_height() on; those that are here are passed over. ledger.chunk_bad
  // names the block that does not hold: those before it were taken, and the same part can be asked of another
  // node. ledger.protocol_unknown: not the node's fault.
  virtual Status take(ByteView chunk) = 0;

  // Everything durable, with the orderer's note. It is the chain when that is opened next, or at once with
  // Ledger::replace. Nothing else may be called after it.
  virtual Status finish(const std::optional<Bytes>& note) = 0;
  // Removes what was taken.
  virtual void discard() = 0;
};

}  // namespace chengxin::ledger
