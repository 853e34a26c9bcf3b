#pragma once
#include "evidence/service.h"
#include "format/record.h"

// From what a caller hands in to the record that is committed to, and back.
namespace chengxin::evidence {

// An addition, checked, with salts drawn.
struct Prepared {
  NewEvidence content;
  Bytes record;         // format::encode_record, everything disclosed; holds the salts
  Digest commitment{};  // its root
};

// Errors: those of Service::add about the form of an item.
Result<Prepared> prepare(NewEvidence content);

// Puts title, type, holder, tags, links, size, further digests and capture back from a stored record, or the
// commitment that is all that was handed in.
Status restore(ByteView record, NewEvidence& content);

// Digest, then commitment: what stands in the attachment.
Bytes item_of(const Digest& digest, const Digest& commitment);

}  // namespace chengxin::evidence
