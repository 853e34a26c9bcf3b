#include "mirror/mirror.h"

#include <sys/wait.h>
#include <unistd.h>

#include "mirror/fake_chain.h"
#include "mirror/queries.h"
#include "support/databases.h"

namespace chengxin::mirror {
namespace {

constexpr int kWaitMs = 20'000;

class MirrorTest : public test::OnEachDatabase {
 protected:
  static constexpr Options kFast = {.max_rows = 200, .min_interval_ms = 0, .max_backoff_ms = 200};

  std::unique_ptr<Mirror> follow(sql::Database& database, const FakeChain& chain) {
    auto mirror = Mirror::open(database, kFast);
    EXPECT_TRUE(test::succeeded(mirror));
    if (!mirror) return nullptr;
    (*mirror)->add(chain.reader());
    return std::move(*mirror);
  }

  // Everything that is mirrored of a chain, apart from the chain's number in this database.
  static std::string contents(sql::Database& database, const Digest& chain) {
    std::string out;
    Status status = database.read([&](sql::Session& s) -> Status {
      out.clear();
      ASSIGN(auto row,
             s.row("select number, name, first_height, height from mirror_chain where chain = ?", chain));
      if (!row) return {};
      out = fmt::format("{} {} {}\n", row->text(1), row->integer(2), row->integer(3));
      for (std::string table : {"block", "transaction", "call", "event"})
        TRY(s.each(
            "select * from mirror_" + table + " where chain = ? order by 2, 3, 4",
            [&](const sql::Row& r) -> Status {
              out += table;
              for (size_t i = 1; i < r.size(); ++i) {
                out += ' ';
                if (r[i].type() == sql::Type::integer) out += std::to_string(r.integer(i));
                if (r[i].type() == sql::Type::text) out += r.text(i);
                if (r[i].type() == sql::Type::blob) out += hex(r.blob(i));
              }
              out += '\n';
              return {};
            },
            row->integer(0)));
      return {};
    });
    EXPECT_TRUE(test::succeeded(status));
    return out;
  }

  // What a mirror made in one go, in a database of its own, holds.
  std::string expected(const FakeChain& chain) {
    auto database = open({.url = fresh_url(sql::Dialect::sqlite)});
    auto mirror = follow(*database, chain);
    EXPECT_TRUE(test::succeeded(mirror->wait(chain.id(), kWaitMs)));
    mirror.reset();
    return contents(*database, chain.id());
  }
};
INSTANTIATE_ON_EACH_DATABASE(MirrorTest);

// What the mirror says of itself does not depend on the transactions of the blocks that it lacks.
TEST_P(MirrorTest, HowFarItIsBehindIsReadFromHeadersAlone) {
  auto database = open();
  FakeChain chain("town", 8);
  chain.grow(3);
  auto reader = chain.reader();
  reader.content = [](uint64_t) -> Result<ledger::BlockContent> {
    return fail(Code::data_loss, "ledger.damaged");
  };
  auto mirror = Mirror::open(*database, kFast);
  ASSERT_OK(mirror);
  (*mirror)->add(reader);
  EXPECT_REASON((*mirror)->wait(chain.id(), 50), "mirror.behind");
  auto status = (*mirror)->status(chain.id());
  ASSERT_OK(status);
  EXPECT_EQ(status->lag_blocks, 3u);
  EXPECT_GT(status->lag_ms, 0);
}

TEST_P(MirrorTest, FollowsEveryBlockAndEqualsOneMadeAfresh) {
  auto database = open();
  FakeChain chain("town", 1);
  auto mirror = follow(*database, chain);
  for (int i = 0; i < 30; ++i) {
    chain.grow(3);
    mirror->notify(chain.id());
  }
  ASSERT_OK(mirror->wait(chain.id(), kWaitMs));
  auto status = mirror->status(chain.id());
  ASSERT_OK(status);
  EXPECT_EQ(status->height, 90u);
  EXPECT_EQ(status->lag_blocks, 0u);
  EXPECT_EQ(status->lag_ms, 0);
  EXPECT_EQ(status->restarts, 0u);
  std::string followed = contents(*database, chain.id());
  EXPECT_EQ(followed, expected(chain));
  std::vector<uint64_t> seen;
  ASSERT_OK(mirror->rebuild(chain.id(), [&](uint64_t height, uint64_t head) {
    EXPECT_EQ(head, 90u);
    seen.push_back(height);
  }));
  EXPECT_GT(seen.size(), 2u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), 90u);
  EXPECT_EQ(contents(*database, chain.id()), followed);
  EXPECT_REASON(mirror->rebuild(Digest{}), "mirror.unknown_chain");
}

TEST_P(MirrorTest, ResumesWhereItStood) {
  FakeChain chain("town", 2), other("village", 3);
  for (int i = 0; i < 5; ++i) {
    auto database = open();
    auto mirror = follow(*database, chain);
    mirror->add(other.reader());
    chain.grow(10);
    other.grow(4);
    ASSERT_OK(mirror->wait(chain.id(), kWaitMs));
    ASSERT_OK(mirror->wait(other.id(), kWaitMs));
    EXPECT_EQ(mirror->status().size(), 2u);
    EXPECT_EQ(mirror->status(chain.id())->restarts, 0u);
  }
  auto database = open();
  EXPECT_EQ(contents(*database, chain.id()), expected(chain));
  EXPECT_EQ(contents(*database, other.id()), expected(other));
}

TEST_P(MirrorTest, StartsAtThePrunedBlockAndFollowsPruning) {
  FakeChain chain("town", 4);
  chain.grow(40);
  chain.prune(11);
  auto database = open();
  auto mirror = follow(*database, chain);
  ASSERT_OK(mirror->wait(chain.id(), kWaitMs));
  EXPECT_EQ(mirror->status(chain.id())->first_height, 11u);
  EXPECT_EQ(contents(*database, chain.id()), expected(chain));
  chain.prune(21);
  chain.grow(1);
  ASSERT_OK(mirror->wait(chain.id(), kWaitMs));
  EXPECT_EQ(mirror->status(chain.id())->first_height, 21u);
  EXPECT_EQ(contents(*database, chain.id()), expected(chain));
  mirror.reset();
  chain.grow(30);
  chain.prune(60);  // past everything that was mirrored
  mirror = follow(*database, chain);
  ASSERT_OK(mirror->wait(chain.id(), kWaitMs));
  EXPECT_EQ(contents(*database, chain.id()), expected(chain));
}

TEST_P(MirrorTest, IsCutBackToTheLedgerThatWasRestored) {
  FakeChain chain("town", 5);
  chain.grow(50);
  auto database = open();
  auto mirror = follow(*database, chain);
  ASSERT_OK(mirror->wait(chain.id(), kWaitMs));
  mirror.reset();
  chain.cut(30);
  mirror = follow(*database, chain);
  ASSERT_OK(mirror->wait(chain.id(), kWaitMs));
  EXPECT_EQ(mirror->status(chain.id())->restarts, 1u);
  EXPECT_EQ(mirror->status(chain.id())->height, 30u);
  EXPECT_EQ(contents(*database, chain.id()), expected(chain));
  mirror.reset();
  // Restored and gone another way, past the mirrored height.
  chain.cut(20);
  chain.reseed(99);
  chain.grow(30);
  mirror = follow(*database, chain);
  ASSERT_OK(mirror->wait(chain.id(), kWaitMs));
  EXPECT_EQ(mirror->status(chain.id())->restarts, 2u);
  EXPECT_EQ(contents(*database, chain.id()), expected(chain));
}

TEST_P(MirrorTest, RefusesToReplaceAnotherChainUntilTold) {
  FakeChain first("town", 6, "first"), second("town", 6, "second");
  first.grow(5);
  second.grow(7);
  auto database = open();
  auto mirror = follow(*database, first);
  ASSERT_OK(mirror->wait(first.id(), kWaitMs));
  mirror->remove(first.id());
  mirror->add(second.reader());
  EXPECT_REASON(mirror->wait(second.id(), 300), "mirror.behind");
  auto status = mirror->status(second.id());
  ASSERT_TRUE(status->error);
  EXPECT_EQ(status->error->reason, "mirror.other_chain");
  EXPECT_EQ(contents(*database, first.id()), expected(first));
  ASSERT_OK(mirror->rebuild(second.id()));
  ASSERT_OK(mirror->wait(second.id(), kWaitMs));
  EXPECT_FALSE(mirror->status(second.id())->error);
  EXPECT_EQ(contents(*database, second.id()), expected(second));
  EXPECT_EQ(contents(*database, first.id()), "");
}

TEST_P(MirrorTest, QueriesSayWhatTheChainHolds) {
  FakeChain chain("town", 7);
  chain.grow(120);
  auto database = open();
  auto mirror = follow(*database, chain);
  ASSERT_OK(mirror->wait(chain.id(), kWaitMs));
  Queries queries(*database);
  auto blocks = chain.blocks();
  std::mt19937 random(7);
  for (int round = 0; round < 120; ++round) {
    TransactionFilter filter;
    if (random() % 2) filter.signer.emplace().fill(uint8_t(random() % 5));
    if (random() % 2) filter.contract = std::array{"evidence", "governance", "none"}[random() % 3];
    if (filter.contract && random() % 2) filter.method = "evidence";
    if (random() % 3 == 0) filter.status = random() % 3;
    if (random() % 2) filter.range.from_ms = blocks[random() % 120].header.time_ms - 1;
    if (random() % 2) filter.range.until_ms = blocks[random() % 120].header.time_ms;
    if (random() % 4 == 0) filter.range.from_height = random() % 120;
    sql::Order order = random() % 2 ? sql::Order::ascending : sql::Order::descending;
    std::vector<std::pair<uint64_t, uint64_t>> expected_rows, rows;
    for (const auto& block : blocks)
      for (size_t i = 0; i < block.transactions.size(); ++i) {
        auto record = chain.transaction(block.transactions[i]);
        const auto& calls = record.transaction.body.calls;
        bool called =
            !filter.contract || std::any_of(calls.begin(), calls.end(), [&](const format::Call& call) {
              return call.contract == *filter.contract && (!filter.method || call.method == *filter.method);
            });
        const Range& range = filter.range;
        if (called && (!filter.signer || record.transaction.body.signer == *filter.signer) &&
            (!filter.status || record.receipt.status == *filter.status) &&
            (!range.from_ms || block.header.time_ms >= *range.from_ms) &&
            (!range.until_ms || block.header.time_ms <= *range.until_ms) &&
            (!range.from_height || block.header.height >= *range.from_height))
          expected_rows.emplace_back(block.header.height, i);
      }
    if (order == sql::Order::descending) std::reverse(expected_rows.begin(), expected_rows.end());
    std::string cursor;
    do {
      auto page = queries.transactions(chain.id(), filter, order, cursor, 37);
      ASSERT_OK(page);
      for (const auto& row : page->items) {
        rows.emplace_back(row.height, row.position);
        auto record = chain.transaction(row.hash);
        EXPECT_EQ(record.height, row.height);
        EXPECT_EQ(record.receipt.gas, row.gas);
        EXPECT_EQ(record.transaction.body.calls.size(), row.calls);
        EXPECT_EQ(blocks[row.height - 1].header.time_ms, row.time_ms);
      }
      cursor = page->next;
    } while (!cursor.empty());
    ASSERT_EQ(rows, expected_rows) << "round " << round;
  }
  auto page = queries.blocks(chain.id(), {.until_height = 50}, sql::Order::descending, "", 3);
  ASSERT_OK(page);
  ASSERT_EQ(page->items.size(), 3u);
  EXPECT_EQ(page->items[0].height, 50u);
  EXPECT_EQ(page->items[0].hash, format::Header::hash(blocks[49].header_bytes));
  size_t events = 0, expected_events = 0;
  std::string cursor;
  do {
    auto list = queries.events(chain.id(), {.contract = "evidence"}, sql::Order::ascending, cursor, 11);
    ASSERT_OK(list);
    for (const auto& event : list->items) {
      auto record = chain.transaction(event.transaction);
      EXPECT_EQ(std::min<size_t>(record.events[event.index].type.size(), 200), event.type.size());
      EXPECT_EQ(record.events[event.index].data, event.data);
      ++events;
    }
    cursor = list->next;
  } while (!cursor.empty());
  for (const auto& block : blocks)
    for (const auto& hash : block.transactions)
      for (const auto& event : chain.transaction(hash).events)
        expected_events += event.contract == "evidence";
  EXPECT_EQ(events, expected_events);
  EXPECT_GT(events, 11u);
  EXPECT_REASON(queries.blocks(Digest{}, {}, sql::Order::ascending, "", 3), "mirror.unknown_chain");
  EXPECT_REASON(queries.transactions(chain.id(), {.method = "add"}, sql::Order::ascending, "", 3),
                "mirror.method_without_contract");
  EXPECT_REASON(queries.blocks(chain.id(), {}, sql::Order::ascending, "zz", 3), "sql.cursor");
}

// A child mirrors and is killed at a random moment; the next one goes on.
TEST_P(MirrorTest, KilledInTheMiddleItResumesExactly) {
  FakeChain chain("town", 8);
  chain.grow(600, 20);
  {
    auto database = open();
    ASSERT_OK(Mirror::open(*database));
  }
  std::mt19937 random(8);
  int killed = 0;
  for (int round = 0; round < 8; ++round) {
    pid_t child = ::fork();
    if (child == 0) {
      auto database = sql::Database::open({.url = url});
      if (!database) ::_exit(3);
      auto mirror = Mirror::open(**database, kFast);
      if (!mirror) ::_exit(4);
      (*mirror)->add(chain.reader());
      ::_exit((*mirror)->wait(chain.id(), kWaitMs) ? 0 : 5);
    }
    ::usleep(useconds_t(10'000 + random() % 60'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    killed += WIFSIGNALED(status);
    if (!WIFSIGNALED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
    }
  }
  EXPECT_GT(killed, 0);
  auto database = open();
  auto mirror = follow(*database, chain);
  ASSERT_OK(mirror->wait(chain.id(), kWaitMs));
  EXPECT_EQ(mirror->status(chain.id())->restarts, 0u);
  EXPECT_EQ(contents(*database, chain.id()), expected(chain));
}

// The chain grows while the server goes away without a word and comes back, again and again.
TEST(MirrorOnPostgresTest, SurvivesTheServerGoingAway) {
  auto server = test::shared_postgres();
  ASSERT_OK(server);
  auto url = (*server)->create_database();
  ASSERT_OK(url);
  auto database = sql::Database::open({.url = *url, .connect_timeout_ms = 1000});
  ASSERT_OK(database);
  FakeChain chain("town", 9);
  auto mirror = Mirror::open(**database, {.max_rows = 300, .min_interval_ms = 1, .max_backoff_ms = 200});
  ASSERT_OK(mirror);
  (*mirror)->add(chain.reader());
  std::atomic<bool> stop = false;
  std::thread commits([&] {
    while (!stop) {
      chain.grow(2);
      (*mirror)->notify(chain.id());
      ::usleep(2000);
    }
  });
  for (int round = 0; round < 2; ++round) {
    ::usleep(150'000);
    (*server)->kill();
    uint64_t before = chain.head();
    EXPECT_REASON((*mirror)->wait(chain.id(), 250), "mirror.behind");
    EXPECT_GT(chain.head(), before);
    auto status = (*mirror)->status(chain.id());
    ASSERT_TRUE(status->error);
    EXPECT_EQ(status->error->reason, "sql.unavailable");
    EXPECT_GT(status->lag_blocks, 0u);
    EXPECT_GT(status->lag_ms, 0);
    ASSERT_OK((*server)->restart());
    EXPECT_TRUE(test::succeeded((*mirror)->wait(chain.id(), kWaitMs)));
  }
  stop = true;
  commits.join();
  EXPECT_TRUE(test::succeeded((*mirror)->wait(chain.id(), kWaitMs)));
  auto status = (*mirror)->status(chain.id());
  EXPECT_FALSE(status->error);
  EXPECT_EQ(status->restarts, 0u);
  Queries queries(**database);
  uint64_t next = 1;
  std::string cursor;
  do {
    auto page = queries.blocks(chain.id(), {}, sql::Order::ascending, cursor, 500);
    ASSERT_OK(page);
    for (const auto& block : page->items) EXPECT_EQ(block.height, next++);
    cursor = page->next;
  } while (!cursor.empty());
  EXPECT_EQ(next, chain.head() + 1);
  EXPECT_TRUE(test::succeeded((*mirror)->rebuild(chain.id())));
}

}  // namespace
}  // namespace chengxin::mirror
