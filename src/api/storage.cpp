#include "api/storage.h"

namespace chengxin::api {

Status prepare_storage(sql::Database& database) {
  static const sql::Migration migrations[] = {
      {1,
       "create table api_token (id {text} primary key, name {text} not null, salt {blob} not null, hash "
       "{blob} not null, "
       "created_ms {int} not null, expires_ms {int}, last_used_ms {int}) {strict};"
       "create table api_idempotency (principal {text} not null, key {text} not null, digest {blob} not "
       "null, "
       "created_ms {int} not null, status {int}, type {text}, location {text}, body {blob}, "
       "primary key (principal, key)) {strict};"
       "create index api_idempotency_age on api_idempotency (created_ms);"},
      {2, "alter table api_token add column role {text} not null default 'integrator';"}};
  return database.migrate("api", migrations);
}

}  // namespace chengxin::api
