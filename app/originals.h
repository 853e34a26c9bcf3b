#pragma once
#include "blob/store.h"
#include "install/install.h"

namespace chengxin::app {

// Where the settings say that originals are: in the data folder, or in a bucket.
Result<std::unique_ptr<blob::Store>> open_originals(const install::Installation& installation);
// Those in the data folder, whatever the settings say.
Result<std::unique_ptr<blob::Store>> open_originals_folder(const install::Installation& installation);

}  // namespace chengxin::app
