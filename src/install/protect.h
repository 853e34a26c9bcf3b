#pragma once
#include "base/file.h"

namespace chengxin::install {

// Moves the platform's keys out of their files into the keystore in software, under a passphrase
// (keys/provider.json says so from then on); a start needs it then: keys::find_pin(). Interrupted, it is to
// be called again. Errors: keys.*.
Status protect(const fs::path& data, ByteView passphrase);

}  // namespace chengxin::install
