#pragma once
#include "project/project.h"

// Files that are compiled in: sdk/contract.
namespace chengxin::project {

Files sdk(Language language);        // by path below the project's chengxin/
Files templates(Language language);  // by path below the project; {{name}} and {{Name}} are the contract's

}  // namespace chengxin::project
