#pragma once
#include <optional>

#include "base/json.h"
#include "keys/devices.h"
#include "keys/keystore.h"
#include "keys/ring.h"

// Which provider an installation uses, as FOLDER/provider.json says it (docs/keys.md); without that file the
// keystore in FOLDER/keystore.
namespace chengxin::keys {

// {"provider": "software" | "sdf" | "skf" | "pkcs11", "library", "device", "application", "token", "indices",
// "sm2_key_type", "sm2_generate", "sm2_sign", "timeout_ms", "pin_file", "journal_key", "seal_key",
// "platform": {…}}. keys.configuration names the member.
Result<Json> read_configuration(const fs::path& folder);
Status check_configuration(const Json& configuration);

// Thread-safe whatever it is; locked. Errors of Keystore::open and open_*.
Result<std::shared_ptr<Provider>> open_configured(const fs::path& folder, const Json& configuration);

// The passphrase or PIN for who starts unattended: the file that `pin_file` names, the one that
// CHENGXIN_KEYS_PIN_FILE names, or systemd's credential chengxin-keys-pin; its first line. Nothing: nullopt.
// keys.permissions.
Result<std::optional<crypto::Secret>> find_pin(const Json& configuration);

// How a ring stands on it: journal and data keys under the provider's own keys, those of `journal_key` and
// `seal_key` where the device's are made elsewhere.
Ring::Options ring_options(const Json& configuration, const Info& info, size_t custodians,
                           std::function<int64_t()> now_ms);

// The first line of a file that only its owner may read.
Result<crypto::Secret> read_pin(const fs::path& file);

}  // namespace chengxin::keys
