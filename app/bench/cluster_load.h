#pragma once
#include "bench/stream_load.h"
#include "bench/traffic.h"
#include "cluster/story.h"

// Load on a consortium of this machine (cluster/story.h): a generator on each node that takes part, all of
// them at once, and what the nodes with their engines used meanwhile.
namespace chengxin::app::bench {

using Nodes = std::vector<const cluster::Node*>;

struct ClusterResult {
  LoadResult load;         // of all generators together
  double cpu_seconds = 0;  // of the nodes and their engines
};

// New writers on the story's chain: proposed by the first organisation, voted by the others.
Result<std::vector<Signer>> voted_signers(cluster::Story& story, size_t count);

// The envelopes are shared out. rate_per_second: of all together; 0: as fast as results come.
Result<ClusterResult> stream_to(const Nodes& nodes, const std::string& chain, size_t streams_each,
                                double rate_per_second, std::span<const Bytes> envelopes);
// The same by single calls that wait for their receipt.
Result<ClusterResult> call(const Nodes& nodes, const std::string& chain, size_t connections_each,
                           double rate_per_second, std::span<const Bytes> envelopes);

double cpu_seconds(const cluster::Node& node);       // of the platform and its children, so far
uint64_t resident_bytes(const cluster::Node& node);  // proportional set size of all of them
uint64_t disk_bytes(const cluster::Node& node);      // of its data folder

}  // namespace chengxin::app::bench
