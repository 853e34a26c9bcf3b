#pragma once
#include "base/bytes.h"
#include "bench/load.h"

// The load generator for transaction streams (docs/formats/stream.md, binary): one thread, a few connections,
// each with one request that sends its share of the prepared envelopes while its results are counted.
namespace chengxin::app::bench {

struct StreamLoad {
  uint16_t port = 0;
  std::string path, token;
  size_t connections = 8;
  double rate_per_second = 0;  // 0: as fast as the platform reads; else an open loop
  std::span<const Bytes> envelopes;
};

// succeeded: in a block with status 0; failed: all others. Latencies are from the due time of an item to its
// result, in an open loop; else from when it was first offered to the socket.
Result<LoadResult> run_stream_load(const StreamLoad& load);

}  // namespace chengxin::app::bench
