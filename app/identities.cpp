#include "identities.h"

#include <future>

#include "api/contract_submission.h"
#include "base/clock.h"
#include "directory/sync.h"
#include "identity/calls.h"

namespace chengxin::app {
namespace {

using directory::Personal;
using directory::Sync;

constexpr size_t kMaxFile = 512 << 20, kShown = 1000;

struct Work {
  Identities what;
  std::shared_ptr<Personal> personal;
};

Result<std::string> text_of(const Json& arguments, const char* name) {
  const auto found = arguments.find(name);
  if (found == arguments.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
    return fail(Code::invalid_argument, "jobs.arguments", "this job needs the text \"{}\"", name);
  return found->get<std::string>();
}

// The signer's answer of one call, in its block.
Status submit(const host::Chain& chain, const crypto::Sm2PrivateKey& key, format::Call call) {
  ASSIGN(Bytes envelope, api::signed_envelope(chain, key, std::move(call), {}));
  ASSIGN(const auto transaction, format::decode_transaction(envelope));
  auto outcome = std::make_shared<std::promise<Result<order::Committed>>>();
  auto committed = outcome->get_future();
  TRY(chain.admission->submit(
      "identity.sync", {std::move(envelope),
                        [outcome](Result<order::Committed> told) { outcome->set_value(std::move(told)); }}));
  TRY(committed.get());
  ASSIGN(const auto record, chain.ledger->transaction(transaction.hash));
  const auto status = format::ReceiptStatus(record.receipt.status);
  if (status != format::ReceiptStatus::accepted)
    return tl::unexpected(api::refusal_of(status, record.output));
  return {};
}

struct Asked {
  host::ChainPtr chain;
  std::string source;
  std::vector<directory::Entry> entries;
  Sync::Place place;
};

// Who is not the owner, and may have nothing to do with the host, names no file of it but those that were put
// there for him.
Status check_place(const Work& work, const Json& arguments, const fs::path& file) {
  ASSIGN(const std::string reader, text_of(arguments, "reader"));
  if (reader == "owner") return {};
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(work.what.installation.data / "directory", error),
                 place = fs::weakly_canonical(file, error);
  if (std::mismatch(folder.begin(), folder.end(), place.begin(), place.end()).first == folder.end())
    return {};
  return fail(Code::forbidden, "directory.place");
}

Result<Asked> asked(const Work& work, const Json& arguments) {
  Asked out;
  ASSIGN(const std::string name, text_of(arguments, "chain"));
  ASSIGN(out.chain, work.what.host.find(name));
  ASSIGN(out.source, text_of(arguments, "source"));
  ASSIGN(const std::string file, text_of(arguments, "file"));
  if (!fs::path(file).is_absolute())
    return fail(Code::invalid_argument, "jobs.arguments", "\"file\" must be an absolute path");
  TRY(check_place(work, arguments, file));
  ASSIGN(const Bytes document, read_file(file, kMaxFile));
  ASSIGN(out.entries, directory::parse_entries(text(document)));
  out.place = {out.chain->name, out.chain->ledger->id(),
               format::key_id(work.what.installation.service_key.public_key().point()),
               identity::reader(*out.chain->ledger)};
  return out;
}

Result<Json> plan(const Work& work, const Json& arguments, const jobs::Report&) {
  ASSIGN(const Asked what, asked(work, arguments));
  ASSIGN(const auto found,
         Sync(work.what.database, *work.personal).plan(what.place, what.source, what.entries));
  return directory::describe(found, kShown);
}

Result<Json> apply(const Work& work, const Json& arguments, const jobs::Report& report) {
  ASSIGN(const Asked what, asked(work, arguments));
  ASSIGN(const std::string digest, text_of(arguments, "plan"));
  ASSIGN(const Digest agreed, unhex_digest(digest));
  const auto hand_in = [&](format::Call call) {
    return submit(*what.chain, work.what.installation.service_key, std::move(call));
  };
  ASSIGN(const auto done, Sync(work.what.database, *work.personal)
                              .apply(what.place, what.source, what.entries, agreed, hand_in, report));
  return directory::describe(done, kShown);
}

struct Person {
  std::string chain;
  identity::SubjectId subject{};
};
Result<Person> person_of(const Work& work, const Json& arguments) {
  Person out;
  ASSIGN(const std::string name, text_of(arguments, "chain"));
  ASSIGN(const auto chain, work.what.host.find(name));
  out.chain = chain->name;
  ASSIGN(const std::string id, text_of(arguments, "identity"));
  ASSIGN(out.subject, identity::parse_subject(id));
  return out;
}

// Jobs are remembered: what they give holds nothing of a person but stars, or what only the key's owner can
// read.
Result<Json> personal(const Work& work, const Json& arguments, const jobs::Report&) {
  ASSIGN(const Person who, person_of(work, arguments));
  ASSIGN(const std::string reader, text_of(arguments, "reader"));  // set by who checked the caller
  ASSIGN(const std::string purpose, text_of(arguments, "purpose"));
  std::vector<std::string> fields;
  if (arguments.contains("fields")) fields = arguments["fields"].get<std::vector<std::string>>();
  if (!arguments.contains("public_key")) {
    ASSIGN(const auto sight, work.personal->read(who.chain, who.subject, fields, true, reader, purpose));
    return Json{{"masked", true}, {"data", sight.data}};
  }
  ASSIGN(const std::string point, text_of(arguments, "public_key"));
  ASSIGN(const Bytes bytes, unhex(point));
  ASSIGN(const auto key, crypto::Sm2PublicKey::from_point(bytes));
  ASSIGN(const auto sight, work.personal->read(who.chain, who.subject, fields, false, reader, purpose));
  const std::string whole = Json{{"data", sight.data}, {"salt", hex(sight.salt)}}.dump();
  ASSIGN(const Bytes sealed, key.encrypt(view(whole)));
  return Json{{"masked", false}, {"sealed", base64(sealed)}};
}

Result<Json> looks(const Work& work, const Json& arguments, const jobs::Report&) {
  ASSIGN(const Person who, person_of(work, arguments));
  ASSIGN(const auto all, work.personal->looks(who.chain, who.subject));
  Json items = Json::array();
  for (const auto& each : all)
    items.push_back({{"reader", each.reader},
                     {"purpose", each.purpose},
                     {"fields", each.fields},
                     {"masked", each.masked},
                     {"time_ms", each.time_ms}});
  return Json{{"items", items}};
}

Result<Json> erase(const Work& work, const Json& arguments, const jobs::Report&) {
  ASSIGN(const Person who, person_of(work, arguments));
  TRY(work.personal->erase(who.chain, who.subject));
  return Json{{"identity", hex(who.subject)}, {"erased", true}};
}

}  // namespace

Status define_identities(jobs::Runner& runner, const Identities& what) {
  TRY(directory::migrate(what.database));
  const Work work{what, std::make_shared<Personal>(what.database, what.installation.blob_key, now_ms)};
  using Job = Result<Json> (*)(const Work&, const Json&, const jobs::Report&);
  const std::pair<const char*, Job> table[] = {{"identity.plan", plan},
                                               {"identity.apply", apply},
                                               {"identity.personal", personal},
                                               {"identity.looks", looks},
                                               {"identity.erase", erase}};
  for (const auto& [kind, job] : table)
    runner.define(kind, [work, job = job](const Json& arguments, const jobs::Report& report) {
      return job(work, arguments, report);
    });
  return {};
}

}  // namespace chengxin::app
