#pragma once
#include "evidence/service.h"
#include "record/installation.h"

namespace chengxin::record {

// Proofs of records for whoever holds them: verified offline, by anybody (docs/formats/cxproof.md).
class Proofs {
 public:
  Proofs(Installation& installation, evidence::Service& service)
      : installation_(installation), service_(service) {}

  struct Asked {
    std::string entity, id;
    int64_t version = 0;
    std::vector<std::string> fields;  // of the entity; what the record is called is shown besides
    std::string purpose;              // needed when one of them is sensitive
    bool timestamp = true;
  };
  // A .cxproof whose record section discloses just these. Errors: those of Work::disclose,
  // evidence.not_anchored, evidence.refused, evidence.erased, timestamp.*, ledger.*.
  Result<Bytes> bundle(const Person& person, const Asked& asked);

 private:
  Installation& installation_;
  evidence::Service& service_;
};

}  // namespace chengxin::record
