#pragma once
#include "base/file.h"
#include "crypto/sm2.h"
#include "pack/grammar.h"
#include "project/archive.h"

// A pack as files: in a folder, or packed into one file (.cxpack, docs/formats/pack.md).
namespace chengxin::pack {

constexpr size_t kMostFileBytes = 1 << 20, kMostBytes = 64 << 20, kMostFiles = 10'000;

struct Files {
  std::string label;       // how findings name the whole
  project::Files content;  // by path; what begins with a dot, at any level, is not of the pack
};

// Mistakes: pack.path (a name that is not of letters, digits, '.', '_' and '-'), pack.file_case (equal to
// another but for case), pack.link, pack.not_a_file, pack.file_too_large, pack.too_large, pack.too_many,
// pack.file_unknown (belongs to no kind), pack.missing (no pack.yaml), file.…
Files read_folder(const fs::path& folder, Findings& findings);

struct Packed {
  project::Files content;
  Digest digest{};  // SM3 of the archive
  std::optional<crypto::Sm2PublicKey> signer;
};
// With a key, signed by it. Errors: project.archive.
Result<Bytes> write_packed(const project::Files& content, const crypto::Sm2PrivateKey* key);
// Errors: pack.packed (not such a file), pack.signature (does not hold), project.archive.
Result<Packed> open_packed(ByteView bytes);
// The same rules as for a folder.
Files read_packed(const Packed& packed, const std::string& label, Findings& findings);

// What a site asks of a pack that it is given. Errors: pack.unsigned, pack.signer.
Status demand_signer(const Packed& packed, std::span<const crypto::Sm2PublicKey> signers);
// pack.downgrade: older than what is there.
Status demand_version(Version offered, Version installed);

}  // namespace chengxin::pack
