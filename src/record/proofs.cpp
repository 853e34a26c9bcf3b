#include "record/proofs.h"

#include "proof/bundle.h"

namespace chengxin::record {

Result<Bytes> Proofs::bundle(const Person& person, const Asked& asked) {
  Work::Disclosed disclosed;
  TRY(installation_.work([&](sql::Session& session, const Work::Means& means) -> Status {
    Work work(session, means, person);
    ASSIGN(disclosed, work.disclose(asked.entity, asked.id, asked.version, asked.fields, asked.purpose));
    return {};
  }));
  if (disclosed.evidence.empty())
    return fail(Code::conflict, "evidence.not_anchored", "{} {}", asked.id, asked.version);
  ASSIGN(const Bytes whole, service_.bundle(disclosed.evidence, {asked.timestamp, std::nullopt}));
  ASSIGN(proof::Bundle bundle, proof::decode(whole));
  Bytes item = to_bytes(disclosed.root);
  append(item, disclosed.root);
  if (bundle.item != item)
    return fail(Code::data_loss, "record.damaged", "{} {}: {}", asked.id, asked.version, disclosed.evidence);
  bundle.record = std::move(disclosed.entries);
  return proof::encode(bundle);
}

}  // namespace chengxin::record
