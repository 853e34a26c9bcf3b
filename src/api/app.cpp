#include "api/app.h"

#include "api/openapi.h"
#include "api/resources.h"

namespace chengxin::api {

App::App(Options given, Services handed) : App(given, handed, all_resources(given, handed)) {}

App::App(Options given, Services handed, Resource table)
    : options(std::move(given)),
      services(std::move(handed)),
      routes(std::move(table.routes)),
      schemas(std::move(table.schemas)),
      router(routes),
      openapi(openapi_document(routes, schemas, options.version).dump(2)),
      metrics(routes),
      tokens(options.owner_token),
      workers(options.worker_threads, options.max_queued_work),
      streams(options.max_streams, options.max_streams) {}

}  // namespace chengxin::api
