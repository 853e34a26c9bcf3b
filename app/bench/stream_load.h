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
  double rate_per_second = 0;  // 0: as fast as results come, 2,048 items ahead on each; else an open loop
  std::span<const Bytes> envelopes;
};

// succeeded: in a block with status 0; failed: all others. Latencies are from when an item was due to its
// result.
Result<LoadResult> run_stream_load(const StreamLoad& load);

}  // namespace chengxin::app::bench
