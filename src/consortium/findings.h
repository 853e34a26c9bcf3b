#pragma once
#include "base/json.h"
#include "consortium/membership.h"

// What `chengxin doctor` says of a consortium: each names one mistake plainly, with what to do. Pure: the
// platform hands in what it sees.
namespace chengxin::consortium {

// What a chain's record says of this node, against what this node is.
std::vector<install::Finding> record_findings(const Record& record, const Identity& identity);

// Rows as Service::status gives them: nodes that are not reached and why, clocks apart, versions, keys,
// a genesis that differs, nodes behind, disks nearly full.
std::vector<install::Finding> row_findings(std::string_view chain, const Json& rows);

inline constexpr int64_t kClockApartMs = 30'000;
inline constexpr uint64_t kFarBehind = 100, kDiskNearlyFullBytes = uint64_t(1) << 30;

// Why the engine did not start or is not ours: engine.missing, engine.version and others of comet/engine.h.
install::Finding engine_finding(const Error& why);
// This node has no links: their port is taken, or its certificates do not serve.
install::Finding links_finding(std::string_view address, const Error& why);
// This node's key waits before it signs again.
install::Finding silent_finding(std::string_view chain);
// A vote of this node's key that this node did not cast.
install::Finding twin_finding(std::string_view chain, std::string_view node);
install::Finding disk_finding(const fs::path& folder, uint64_t free_bytes);

}  // namespace chengxin::consortium
