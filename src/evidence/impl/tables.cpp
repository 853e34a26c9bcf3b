#include "evidence/impl/tables.h"

#include <limits>

#include "sql/query.h"

namespace chengxin::evidence::tables {
namespace {

constexpr sql::Migration kHistory[] = {
    {1,
     "create table evidence_batch ("
     "  number {id}, chain {text} not null, body {blob} not null, signature {blob} not null,"
     "  transaction_hash {blob} not null, valid_until_ms {int} not null, state {int} not null,"
     "  height {int} not null, block_time_ms {int} not null, refusal {text} not null, archive {text} not "
     "null,"
     "  first_id {blob} not null, last_id {blob} not null) {strict};"
     "create index evidence_batch_pending on evidence_batch (number) where state = 0;"
     "create index evidence_batch_height on evidence_batch (chain, height);"
     // Null in a nullable column: empty, or erased.
     "create table evidence ("
     "  id {blob} primary key, chain {text} not null, batch {int} not null, item_index {int} not null,"
     "  digest {blob}, title {text}, type {text}, holder {text}, blob {text}, record {blob},"
     "  erased_ms {int}) {strict};"
     "create index evidence_digest on evidence (digest, id);"
     "create index evidence_chain on evidence (chain, id);"
     "create index evidence_holder on evidence (holder, id) where holder is not null;"
     "create index evidence_type on evidence (type, id) where type is not null;"
     "create table evidence_tag (tag {text} not null, id {blob} not null, primary key (tag, id)) {strict};"
     "create index evidence_tag_id on evidence_tag (id);"
     "create table evidence_link (target {blob} not null, id {blob} not null, primary key (target, id)) "
     "{strict};"
     "create index evidence_link_id on evidence_link (id);"
     "create table evidence_timestamp ("
     "  header_hash {blob} primary key, chain {text} not null, height {int} not null, token {blob} not null) "
     "{strict}"},
    {2,
     "create table evidence_original (blob {text} primary key, digest {blob} not null, size {int} not null) "
     "{strict};"
     "create index evidence_blob on evidence (blob) where blob is not null"},
};

// "chain || ''" below keeps a planner from the index by chain, which would be walked from its beginning,
// where the one by digest finds the few rows there are.
constexpr std::string_view kBatchColumns =
    "number, chain, body, signature, transaction_hash, valid_until_ms, state, height, block_time_ms, "
    "refusal, archive, "
    "first_id, last_id";

template <size_t N>
Result<std::array<uint8_t, N>> array_of(const Bytes& bytes) {
  if (bytes.size() != N)
    return fail(Code::data_loss, "evidence.damaged", "a stored value of {} bytes", bytes.size());
  std::array<uint8_t, N> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Result<State> state_of(int64_t number) {
  if (number < 0 || number > 2) return fail(Code::data_loss, "evidence.damaged", "state {}", number);
  return State(number);
}

Result<BatchRow> batch_of(const sql::Row& row) {
  BatchRow batch;
  batch.number = row.integer(0);
  batch.chain = row.text(1);
  batch.body = row.blob(2);
  ASSIGN(batch.signature, array_of<64>(row.blob(3)));
  ASSIGN(batch.transaction, array_of<32>(row.blob(4)));
  batch.valid_until_ms = row.integer(5);
  ASSIGN(batch.state, state_of(row.integer(6)));
  batch.height = uint64_t(row.integer(7));
  batch.block_time_ms = row.integer(8);
  batch.refusal = row.text(9);
  batch.archive = row.text(10);
  ASSIGN(batch.first, array_of<16>(row.blob(11)));
  ASSIGN(batch.last, array_of<16>(row.blob(12)));
  return batch;
}

Result<std::vector<BatchRow>> batches_of(Result<std::vector<sql::Row>> rows) {
  ASSIGN(auto found, std::move(rows));
  std::vector<BatchRow> out;
  for (const sql::Row& row : found) {
    ASSIGN(BatchRow batch, batch_of(row));
    out.push_back(std::move(batch));
  }
  return out;
}

// Columns of evidence_of(), of evidence e joined with its batch b.
constexpr std::string_view kSelectEvidence =
    "select e.id, e.chain, e.item_index, e.digest, e.blob, e.record, e.erased_ms, b.state, "
    "b.transaction_hash, b.height, "
    "b.block_time_ms, b.refusal from evidence e join evidence_batch b on b.number = e.batch";

Result<Evidence> evidence_of(const sql::Row& row) {
  Evidence out;
  ASSIGN(Id id, array_of<16>(row.blob(0)));
  out.id = to_text(id);
  out.added_ms = id_time_ms(id);
  out.chain = row.text(1);
  out.index = uint64_t(row.integer(2));
  if (!row.is_null(3)) {
    ASSIGN(out.content.digest, row.digest(3));
  }
  out.content.blob = row.optional_text(4).value_or("");
  if (!row.is_null(5)) TRY(restore(row.blob(5), out.content));
  out.erased_ms = row.optional_integer(6).value_or(0);
  ASSIGN(out.state, state_of(row.integer(7)));
  out.refusal = row.text(11);
  if (out.state != State::anchored) return out;
  ASSIGN(out.transaction, row.digest(8));
  out.height = uint64_t(row.integer(9));
  out.block_time_ms = row.integer(10);
  return out;
}

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

// For "like … escape '!'": the text anywhere.
std::string containing(std::string_view text) {
  std::string out = "%";
  for (char c : text) {
    if (c == '%' || c == '_' || c == '!') out += '!';
    out += c;
  }
  return out + "%";
}

Status insert_items(sql::Session& session, const BatchRow& batch, std::span<const ItemRow* const> items) {
  sql::Batch rows, tags, links;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto& [content, record, commitment] = items[i]->prepared;
    rows.add(items[i]->id, batch.chain, batch.number, i, content.digest, unless_empty(content.title),
             unless_empty(content.type), unless_empty(content.holder), unless_empty(content.blob), record);
    for (const std::string& tag : content.tags) tags.add(tag, items[i]->id);
    for (const std::string& link : content.links) links.add(*parse_id(link), items[i]->id);
  }
  TRY(session.run_each(
      "insert into evidence (id, chain, batch, item_index, digest, title, type, holder, blob, record) "
      "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      rows));
  if (!tags.empty()) TRY(session.run_each("insert into evidence_tag (tag, id) values (?, ?)", tags));
  if (!links.empty()) TRY(session.run_each("insert into evidence_link (target, id) values (?, ?)", links));
  return {};
}

}  // namespace

Status migrate(sql::Database& database) { return database.migrate("evidence", kHistory); }

Status insert(sql::Session& session, BatchRow& batch, std::span<const ItemRow* const> items) {
  ASSIGN(auto row,
         session.row("insert into evidence_batch (chain, body, signature, transaction_hash, valid_until_ms, "
                     "state, height, block_time_ms, refusal, archive, first_id, last_id) "
                     "values (?, ?, ?, ?, ?, 0, 0, 0, '', '', ?, ?) returning number",
                     batch.chain, batch.body, batch.signature, batch.transaction, batch.valid_until_ms,
                     batch.first, batch.last));
  batch.number = row->integer(0);
  return insert_items(session, batch, items);
}

Result<std::map<Id, Id>> same_as_before(sql::Session& session, const BatchRow& batch) {
  ASSIGN(auto rows,
         session.rows(
             "select id, same from (select e.id as id, (select o.id from evidence o"
             "   where o.digest = e.digest and o.id < e.id and o.chain || '' = e.chain order by o.id limit "
             "1) as same"
             " from evidence e where e.id between ? and ? and e.batch = ?) pairs where same is not null",
             batch.first, batch.last, batch.number));
  std::map<Id, Id> out;
  for (const sql::Row& row : rows) {
    ASSIGN(Id id, array_of<16>(row.blob(0)));
    ASSIGN(Id same, array_of<16>(row.blob(1)));
    out.emplace(id, same);
  }
  return out;
}

Status update_transaction(sql::Session& session, const BatchRow& batch) {
  auto changed = session.run(
      "update evidence_batch set body = ?, signature = ?, transaction_hash = ?, valid_until_ms = ? "
      "where number = ? and state = 0",
      batch.body, batch.signature, batch.transaction, batch.valid_until_ms, batch.number);
  return changed ? Status{} : tl::unexpected(changed.error());
}

Status update_outcome(sql::Session& session, const BatchRow& batch) {
  auto changed = session.run(
      "update evidence_batch set state = ?, height = ?, block_time_ms = ?, refusal = ? where number = ?",
      int64_t(batch.state), batch.height, batch.block_time_ms, batch.refusal, batch.number);
  return changed ? Status{} : tl::unexpected(changed.error());
}

Status update_archive(sql::Session& session, int64_t number, const std::string& blob) {
  auto changed = session.run("update evidence_batch set archive = ? where number = ?", blob, number);
  return changed ? Status{} : tl::unexpected(changed.error());
}

Result<std::vector<BatchRow>> pending(sql::Session& session, size_t limit, int64_t after_number) {
  return batches_of(session.rows(fmt::format("select {} from evidence_batch where state = 0 and number > ? "
                                             "order by number limit ?",
                                             kBatchColumns),
                                 after_number, limit));
}

Result<bool> has_expired_pending(sql::Session& session, const std::string& chain, int64_t now_ms) {
  ASSIGN(auto row,
         session.row(
             "select number from evidence_batch where state = 0 and chain = ? and valid_until_ms < ? limit 1",
             chain, now_ms));
  return row.has_value();
}

Result<std::vector<BatchRow>> to_archive(sql::Session& session, const std::string& chain, uint64_t height,
                                         size_t limit) {
  return batches_of(
      session.rows(fmt::format("select {} from evidence_batch where chain = ? and height < ? and state = 1 "
                               "and archive = '' order by height, number limit ?",
                               kBatchColumns),
                   chain, height, limit));
}

Result<std::optional<BatchRow>> batch(sql::Session& session, int64_t number) {
  ASSIGN(auto found,
         batches_of(session.rows(fmt::format("select {} from evidence_batch where number = ?", kBatchColumns),
                                 number)));
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

Result<Bytes> attachment(sql::Session& session, const BatchRow& batch, uint64_t count) {
  ASSIGN(
      auto rows,
      session.rows("select digest, record, item_index from evidence where id between ? and ? and batch = ? "
                   "order by item_index limit ?",
                   batch.first, batch.last, batch.number, kMaxBatchItems + 1));
  Bytes out;
  for (const sql::Row& row : rows) {
    if (row.is_null(0) || row.is_null(1) || uint64_t(row.integer(2)) * 64 != out.size()) break;
    ASSIGN(Digest digest, row.digest(0));
    ASSIGN(auto entries, format::decode_record(row.blob(1)));
    append(out, item_of(digest, format::record_root(entries)));
  }
  if (out.size() != count * 64)
    return fail(Code::data_loss, "evidence.damaged", "batch {} lacks items in the database", batch.number);
  return out;
}

Result<std::optional<Evidence>> get(sql::Session& session, const Id& id) {
  ASSIGN(auto row, session.row(std::string(kSelectEvidence) + " where e.id = ?", id));
  if (!row) return std::nullopt;
  ASSIGN(Evidence found, evidence_of(*row));
  if (found.erased_ms != 0) return found;
  ASSIGN(auto same,
         session.rows(
             "select id from evidence where digest = ? and id < ? and chain || '' = ? order by id limit 100",
             found.content.digest, id, found.chain));
  for (const sql::Row& other : same) {
    ASSIGN(Id other_id, array_of<16>(other.blob(0)));
    found.same_digest.push_back(to_text(other_id));
  }
  return found;
}

Result<std::vector<Evidence>> find(sql::Session& session, const Query& query) {
  sql::Query select{std::string(kSelectEvidence)};
  if (!query.chain.empty()) select.where(query.digest ? "e.chain || '' = ?" : "e.chain = ?", query.chain);
  if (!query.holder.empty()) select.where("e.holder = ?", query.holder);
  if (!query.type.empty()) select.where("e.type = ?", query.type);
  if (!query.tag.empty()) select.where("e.id in (select id from evidence_tag where tag = ?)", query.tag);
  if (!query.title_contains.empty())
    select.where("e.title like ? escape '!'", containing(query.title_contains));
  if (query.digest) select.where("e.digest = ?", *query.digest);
  if (query.from_ms) select.where("e.id >= ?", first_id_at(*query.from_ms));
  if (query.to_ms && *query.to_ms < std::numeric_limits<int64_t>::max())
    select.where("e.id < ?", first_id_at(*query.to_ms + 1));
  for (const auto& [text, condition] :
       {std::pair(query.after, "e.id < ?"),
        std::pair(query.links_to, "e.id in (select id from evidence_link where target = ?)")}) {
    if (text.empty()) continue;
    auto id = parse_id(text);
    if (!id) return fail(Code::invalid_argument, "evidence.id", "not an id of evidence");
    select.where(condition, *id);
  }
  select.keys({"e.id"}, sql::Order::descending);
  ASSIGN(auto page, session.page(select, "", size_t(std::clamp(query.limit, 1, 500))));
  std::vector<Evidence> out;
  for (const sql::Row& row : page.rows) {
    ASSIGN(Evidence found, evidence_of(row));
    out.push_back(std::move(found));
  }
  return out;
}

Result<std::optional<Stored>> stored(sql::Session& session, const Id& id) {
  ASSIGN(auto row,
         session.row("select batch, item_index, digest, record, blob, erased_ms from evidence where id = ?",
                     id));
  if (!row) return std::nullopt;
  Stored out;
  out.batch = row->integer(0);
  out.index = uint64_t(row->integer(1));
  out.erased = !row->is_null(5);
  if (out.erased) return out;
  if (row->is_null(2) || row->is_null(3))
    return fail(Code::data_loss, "evidence.damaged", "a record without its fields");
  ASSIGN(out.digest, row->digest(2));
  out.record = row->blob(3);
  out.blob = row->optional_text(4).value_or("");
  return out;
}

Status put_original(sql::Session& session, const std::string& blob, const Original& original) {
  auto put = session.run("insert into evidence_original (blob, digest, size) values (?, ?, ?)", blob,
                         original.digest, original.size);
  return put ? Status{} : tl::unexpected(put.error());
}

Result<std::optional<Original>> original(sql::Session& session, const std::string& blob) {
  ASSIGN(auto row, session.row("select digest, size from evidence_original where blob = ?", blob));
  if (!row) return std::nullopt;
  Original out;
  ASSIGN(out.digest, row->digest(0));
  out.size = uint64_t(row->integer(1));
  return out;
}

Result<bool> is_shared(sql::Session& session, const std::string& blob, const Id& id) {
  ASSIGN(auto row, session.row("select 1 from evidence where blob = ? and id <> ? limit 1", blob, id));
  return row.has_value();
}

Status erase(sql::Session& session, const Id& id, int64_t now_ms) {
  ASSIGN(auto before, stored(session, id));
  if (before && !before->blob.empty()) {
    ASSIGN(bool shared, is_shared(session, before->blob, id));
    if (!shared) {
      auto forgotten = session.run("delete from evidence_original where blob = ?", before->blob);
      if (!forgotten) return tl::unexpected(forgotten.error());
    }
  }
  for (std::string_view statement :
       {"delete from evidence_tag where id = ?", "delete from evidence_link where id = ?"}) {
    auto removed = session.run(statement, id);
    if (!removed) return tl::unexpected(removed.error());
  }
  auto changed = session.run(
      "update evidence set digest = null, title = null, type = null, holder = null, blob = null, "
      "record = null, erased_ms = ? where id = ?",
      now_ms, id);
  return changed ? Status{} : tl::unexpected(changed.error());
}

Result<std::optional<Bytes>> timestamp(sql::Session& session, const Digest& header_hash) {
  ASSIGN(auto row, session.row("select token from evidence_timestamp where header_hash = ?", header_hash));
  return row ? std::optional(row->blob(0)) : std::nullopt;
}

Status put_timestamp(sql::Session& session, const std::string& chain, uint64_t height,
                     const Digest& header_hash, const Bytes& token) {
  auto put = session.run(
      "insert into evidence_timestamp (header_hash, chain, height, token) values (?, ?, ?, ?) "
      "on conflict do nothing",
      header_hash, chain, height, token);
  return put ? Status{} : tl::unexpected(put.error());
}

}  // namespace chengxin::evidence::tables
