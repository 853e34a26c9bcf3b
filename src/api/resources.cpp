#include "api/resources.h"

#include "api/resource_documentation.h"
#include "api/resource_system.h"

namespace chengxin::api {
namespace {

struct Row {
  Resource (*make)();
  bool (*available)(const Services&);
};

bool always(const Services&) { return true; }

const Row kResources[] = {
    {system_resource, always},
    {documentation_resource, always},
};

}  // namespace

Resource all_resources(const Options&, const Services& services) {
  Resource all;
  for (const Row& row : kResources) {
    if (!row.available(services)) continue;
    Resource resource = row.make();
    for (auto& route : resource.routes) all.routes.push_back(std::move(route));
    all.schemas.merge(resource.schemas);
  }
  return all;
}

}  // namespace chengxin::api
