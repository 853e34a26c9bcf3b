#pragma once
#include "cli.h"

namespace chengxin::app::bench {

// Issues pairs of certificates through src/authority into a database of its own, and as many certificates
// with Tongsuo's X509_sign on one core in the same run.
Result<int> authority_bench(const Context& context, size_t holders);

}  // namespace chengxin::app::bench
