#pragma once
#include "crypto/secret.h"
#include "identity/model.h"

// Pseudonyms of people by scene, as their manager derives them (docs/formats/identity.md, "Pseudonyms").
// Without the manager's key nobody can tell who one is, nor that two of different scenes are of one person.
namespace chengxin::directory {

class PseudonymManager {
 public:
  explicit PseudonymManager(ByteView key) : key_(crypto::to_secret(key)) {}  // at least 32 bytes

  identity::NewPseudonym derive(std::string_view scene, std::string_view person) const;
  // Whether it is this person's: what an approved order asks of the manager, person by person.
  bool is_of(std::string_view scene, const Digest& pseudonym, std::string_view person) const;

 private:
  const crypto::Secret key_;
};

}  // namespace chengxin::directory
