#include "evidence/contract.h"

#include "format/transaction.h"
#include "merkle/item_tree.h"

namespace chengxin::evidence {
namespace {

ledger::CallResult refused(std::string_view reason) {
  return ledger::ended(format::ReceiptStatus::refused, reason);
}

bool stands_for(ByteView arguments, ByteView attachment) {
  auto call = format::decode_evidence_add(arguments);
  return call && call->count <= kMaxItemsPerCall && attachment.size() == call->count * call->item_bytes &&
         merkle::Items::root(merkle::Items::group_hashes(attachment, call->item_bytes)) == call->root;
}

Result<ledger::CallResult> add(const ledger::CallContext& context) {
  auto call = format::decode_evidence_add(context.arguments);
  if (!call) return ledger::ended(format::ReceiptStatus::bad_arguments, call.error().reason);
  if (call->count > kMaxItemsPerCall) return refused("evidence.count");
  if (context.attachment.size() != call->count * call->item_bytes)
    return refused("evidence.attachment_length");
  auto groups = merkle::Items::group_hashes(context.attachment, call->item_bytes);
  if (merkle::Items::root(groups) != call->root) return refused("evidence.root_mismatch");

  ledger::CallResult result;
  append(result.output, call->root);
  put_be(result.output, call->count);
  result.events.push_back({"evidence", "added", result.output});
  result.indexed_item_bytes = call->item_bytes;
  result.item_groups = std::move(groups);
  return result;
}

}  // namespace

ledger::ContractTable contract() {
  ledger::Method method;
  method.contract = "evidence";
  method.name = "add";
  method.role = "writer";
  method.stands_for = stands_for;
  method.base_gas = 1000;
  method.gas_per_byte = 1;
  method.run = add;
  return {std::move(method)};
}

}  // namespace chengxin::evidence
