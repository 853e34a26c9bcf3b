#pragma once
#include "credential/impl/store.h"
#include "credential/service.h"

// Templates of both kinds, by id and version; what is compiled is kept.
namespace chengxin::credential {

class Registry {
 public:
  explicit Registry(sql::Database& database) : database_(database) {}

  // template.author: a version after the first by somebody else than made that, and not by the owner.
  Status put(const Caller& caller, const std::string& kind, const Json& json, int64_t now_ms);
  Result<Json> find(const std::string& kind, const std::string& id, std::optional<int64_t> version);
  Result<Json> list(const std::string& kind);
  Result<std::shared_ptr<const CredentialTemplate>> credential(const std::string& id,
                                                               std::optional<int64_t> version = {});
  Result<PresentationTemplate> presentation(const std::string& id, std::optional<int64_t> version = {});
  std::shared_ptr<const rules::Schema> schema_of(const std::string& type);  // newest template of the type
  Status load();                                                            // types, at the start

 private:
  sql::Database& database_;
  std::mutex mutex_;
  std::map<std::pair<std::string, int64_t>, std::shared_ptr<const CredentialTemplate>> compiled_;
  std::map<std::string, std::shared_ptr<const rules::Schema>> schemas_;  // by type
};

}  // namespace chengxin::credential
