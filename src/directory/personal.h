#pragma once
#include <functional>

#include "base/json.h"
#include "crypto/secret.h"
#include "identity/model.h"

namespace chengxin::sql {
class Database;
class Session;
}  // namespace chengxin::sql

// Personal data of identities: off the chain, under SM4-GCM with a key of the installation. The chain holds a
// commitment to them; without the salt, which stands in the same row, it says nothing, so what is erased here
// is gone.
namespace chengxin::directory {

using identity::SubjectId;

Status migrate(sql::Database& database);

// SM3("chengxin/identity/personal/v1" 00 || salt (32) || canonical JSON).
Digest commitment(ByteView salt, std::string_view document);

struct Sight {
  Json data;  // a member for each field
  Bytes salt;
};
// Who looked, at what, what for.
struct Look {
  std::string chain, subject, reader, purpose;
  std::vector<std::string> fields;
  bool masked = false;
  int64_t time_ms = 0;
};

class Personal {
 public:
  // `key`: at least 16 bytes; others are derived from it.
  Personal(sql::Database& database, ByteView key, std::function<int64_t()> now_ms);

  // A JSON object of texts, in canonical JSON at most 16 KiB: directory.personal. Gives the commitment to put
  // on the chain; what was there before is replaced. In the caller's transaction: many go into one.
  Result<Digest> keep(sql::Session& session, std::string_view chain, const SubjectId& subject,
                      const Json& data) const;
  // The fields asked for, or all; masked: of each text the first character and as many stars. Without a
  // purpose nothing is shown: directory.purpose. The look is noted before it is answered.
  // directory.no_personal, directory.erased.
  Result<Sight> read(std::string_view chain, const SubjectId& subject, const std::vector<std::string>& fields,
                     bool masked, std::string_view reader, std::string_view purpose);
  Status erase(std::string_view chain, const SubjectId& subject);  // directory.no_personal
  Result<std::vector<Look>> looks(std::string_view chain,
                                  const SubjectId& subject);  // the newest first, at most 500

  // A mark that the same person or organisation has again, whoever enrols it here: HMAC-SM3.
  Digest mark(std::string_view kind, std::string_view identifier) const;

 private:
  Result<Bytes> seal(std::string_view chain, const SubjectId& subject, ByteView plain) const;
  Result<crypto::Secret> open(std::string_view chain, const SubjectId& subject, ByteView sealed) const;

  sql::Database& database_;
  const crypto::Secret seal_key_, mark_key_;
  const std::function<int64_t()> now_ms_;
};

// Of "张三丰" 张**, of "13800001111" 1**********; counted in characters of UTF-8.
std::string mask(std::string_view text);

}  // namespace chengxin::directory
