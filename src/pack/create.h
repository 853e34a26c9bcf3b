#pragma once
#include "pack/model.h"

namespace chengxin::pack {

// Makes a small pack that checks, named as the folder is, with the schemas that editors use (.schemas, and
// .vscode/settings.json which names them). Errors: pack.folder_name, pack.exists, file.….
Status create_pack(const fs::path& folder);

// One schema a kind of file, KIND.json. file.….
Status write_schemas(const fs::path& folder);

}  // namespace chengxin::pack
