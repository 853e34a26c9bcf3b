#pragma once
#include <string_view>
#include <vector>

namespace chengxin::bench {

// Signed single-digest transactions through execution and commit, as the sequencer does it, then the mirror
// alone over that chain: each stage in CPU time for one transaction, as the chain grows.
//   singles [transactions=N] [block=TRANSACTIONS_PER_BLOCK] [signers=N]
//     [mirror=sqlite|postgres|URL…] [signed] [verify] [live=sqlite|postgres|URL
//     [rate=TRANSACTIONS_PER_SECOND]]
// With `live` the mirror follows while the blocks are made, at the rate asked for or as fast as they come.
// Without `signed` the signatures are noise: nothing after admission looks at them again.
int singles(const std::vector<std::string_view>& arguments);

}  // namespace chengxin::bench
