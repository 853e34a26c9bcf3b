#include "ledger/impl/ledger_impl.h"

namespace chengxin::ledger {
Status LedgerImpl::verify(const OnVerifyProgress&) const {
  return fail(Code::unsupported, "ledger.unsupported");
}
Status LedgerImpl::prune(uint64_t, int64_t) { return fail(Code::unsupported, "ledger.unsupported"); }
Status LedgerImpl::export_to(const fs::path&, const OnVerifyProgress&) const {
  return fail(Code::unsupported, "ledger.unsupported");
}
Status Ledger::import(const fs::path&, const fs::path&, Options, const OnVerifyProgress&) {
  return fail(Code::unsupported, "ledger.unsupported");
}
Status LedgerImpl::checkpoint(const fs::path&) const { return fail(Code::unsupported, "ledger.unsupported"); }
}  // namespace chengxin::ledger
