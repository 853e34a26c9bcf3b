#include "comet/engine.h"

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>

#include "abci/application_for_tests.h"
#include "abci/server.h"
#include "base/clock.h"

// With the launcher itself: build/bin/chengxin-engine.
namespace chengxin::comet {
namespace {

struct EngineTest : testing::Test {
  fs::path folder =
      fs::temp_directory_path() / ("engine-" + std::to_string(::getpid()) + "-" +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());
  std::mutex mutex;
  std::vector<Error> failures;

  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }

  EngineOptions options() {
    EngineOptions options;
    options.restart_ms = 100;
    options.on_failed = [this](const Digest&, const Error& why) {
      std::lock_guard lock(mutex);
      failures.push_back(why);
    };
    return options;
  }

  size_t failed() {
    std::lock_guard lock(mutex);
    return failures.size();
  }

  std::unique_ptr<Engine> engine(EngineOptions with) {
    auto created = Engine::create(std::move(with));
    if (!created) ADD_FAILURE() << created.error().to_string();
    return std::move(created).value();
  }

  EngineChain chain(Engine& engine, uint8_t name) {
    EngineChain chain;
    chain.genesis.chain.fill(name);
    chain.genesis.time_ms = now_ms() - 60'000;
    const std::string own = "chain" + std::to_string(name);
    chain.home = folder / own / "home";
    chain.keys = folder / own / "keys";
    chain.app_socket = folder / (own + ".app");
    auto keys = engine.keys(chain.keys, true);
    EXPECT_TRUE(keys) << keys.error().to_string();
    if (keys) chain.genesis.validators = {{keys->validator, 1, "one"}};
    return chain;
  }
};

template <typename Held>
bool eventually(Held held) {
  for (int i = 0; i < 600; ++i, std::this_thread::sleep_for(std::chrono::milliseconds(50)))
    if (held()) return true;
  return false;
}

bool lives(int pid) { return ::kill(pid, 0) == 0; }

// An application that takes connections and never answers.
class SilentApp {
 public:
  explicit SilentApp(const fs::path& path) : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    thread_ = std::thread([this] {
      for (int one; (one = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ++accepted)
        held_.push_back(one);
    });
  }
  ~SilentApp() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (int one : held_) ::close(one);
    ::close(listener_);
  }
  std::atomic<int> accepted = 0;

 private:
  int listener_;
  std::vector<int> held_;
  std::thread thread_;
};

TEST_F(EngineTest, KeysAreMadeOnceAndRead) {
  const auto engine = this->engine(options());
  const auto missing = engine->keys(folder / "keys", false);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason, "engine.keys");
  const auto made = engine->keys(folder / "keys", true);
  ASSERT_TRUE(made) << made.error().to_string();
  const auto read = engine->keys(folder / "keys", false), again = engine->keys(folder / "keys", true);
  ASSERT_TRUE(read && again);
  EXPECT_EQ(read->validator, made->validator);
  EXPECT_EQ(read->id, made->id);
  EXPECT_EQ(again->validator, made->validator);
  EXPECT_NE(made->validator, EngineKey{});
  for (const auto& file : fs::directory_iterator(folder / "keys"))
    EXPECT_EQ(fs::status(file).permissions() & fs::perms(077), fs::perms::none) << file;
  EXPECT_TRUE(engine->processes().empty()) << "a process is kept without a chain";
}

TEST_F(EngineTest, ABinaryThatIsMissingIsNamed) {
  EngineOptions with = options();
  with.binary = folder / "nothing";
  const auto created = Engine::create(with);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().reason, "engine.missing");
}

TEST_F(EngineTest, RefusalsOfTheLauncherArriveAsTheyAre) {
  const auto engine = this->engine(options());
  EngineChain one = chain(*engine, 1);
  one.genesis.time_ms = now_ms() + 3'600'000;
  auto started = engine->start(one);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().reason, "engine.genesis_in_future");
  EXPECT_EQ(started.error().code, Code::invalid_argument);
  one.genesis.time_ms = now_ms();
  one.genesis.validators.clear();
  EXPECT_EQ(engine->start(one).error().reason, "engine.genesis");
  EXPECT_EQ(engine->stop(one.genesis.chain).error().reason, "engine.not_running");
  EXPECT_EQ(engine->status(one.genesis.chain).error().reason, "engine.not_running");
  engine->wake(one.genesis.chain);
  EXPECT_TRUE(engine->processes().empty());
  EXPECT_EQ(failed(), 0u) << "an error that was answered is not told again";
}

TEST_F(EngineTest, AStartThatHangsIsGivenUpAndItsProcessEnds) {
  EngineOptions with = options();
  with.start_ms = 1500;
  with.stop_ms = 3000;
  auto engine = this->engine(with);
  const EngineChain one = chain(*engine, 1);
  SilentApp app(one.app_socket);
  const auto started = engine->start(one);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().reason, "engine.no_answer");
  EXPECT_GE(app.accepted, 1);
  engine.reset();
}

// Orders what it is given, one a block; its hash is the count.
class CountingApp : public abci::testing::IdleApplication {
 public:
  void give() { ++pending; }
  std::atomic<int> pending = 0;
  std::atomic<uint64_t> ordered = 0, height = 0;

  std::string hash() const { return std::string(31, 'h') + char(ordered.load()); }
  Result<abci::pb::ResponseInfo> info(const abci::pb::RequestInfo&) override {
    abci::pb::ResponseInfo answer;
    answer.set_last_block_height(int64_t(height));
    answer.set_last_block_app_hash(hash());
    return answer;
  }
  Result<abci::pb::ResponseInitChain> init_chain(const abci::pb::RequestInitChain&) override {
    abci::pb::ResponseInitChain answer;
    answer.set_app_hash(hash());
    return answer;
  }
  Result<abci::pb::ResponseCheckTx> check_tx(const abci::pb::RequestCheckTx& request) override {
    abci::pb::ResponseCheckTx answer;
    answer.set_code(pending > 0 && request.tx() == "chengxin/wake" ? 0 : 1);
    return answer;
  }
  Result<abci::pb::ResponsePrepareProposal> prepare_proposal(
      const abci::pb::RequestPrepareProposal&) override {
    abci::pb::ResponsePrepareProposal answer;
    if (pending > 0) answer.add_txs("one");
    return answer;
  }
  Result<abci::pb::ResponseProcessProposal> process_proposal(
      const abci::pb::RequestProcessProposal&) override {
    abci::pb::ResponseProcessProposal answer;
    answer.set_status(abci::pb::ResponseProcessProposal::ACCEPT);
    return answer;
  }
  Result<abci::pb::ResponseVerifyVoteExtension> verify_vote_extension(
      const abci::pb::RequestVerifyVoteExtension&) override {
    abci::pb::ResponseVerifyVoteExtension answer;
    answer.set_status(abci::pb::ResponseVerifyVoteExtension::ACCEPT);
    return answer;
  }
  Result<abci::pb::ResponseFinalizeBlock> finalize_block(
      const abci::pb::RequestFinalizeBlock& request) override {
    abci::pb::ResponseFinalizeBlock answer;
    for (int i = 0; i < request.txs_size(); ++i, ++ordered, --pending) answer.add_tx_results();
    height = uint64_t(request.height());
    answer.set_app_hash(hash());
    return answer;
  }
};

struct Served {
  CountingApp app;
  std::unique_ptr<abci::Server> server;
  void serve(const fs::path& socket) {
    auto started = abci::Server::start(socket, app, [](const Error&) {});
    ASSERT_TRUE(started) << started.error().to_string();
    server = std::move(started).value();
  }
  bool orders(Engine& engine, const Digest& chain) {
    const uint64_t before = app.ordered;
    app.give();
    engine.wake(chain);
    return eventually([&] { return app.ordered == before + 1; });
  }
};

TEST_F(EngineTest, AKilledProcessComesBackAndTheOthersDoNotNotice) {
  auto engine = this->engine(options());
  EngineChain one = chain(*engine, 1), two = chain(*engine, 2);
  Served first, second;
  first.serve(one.app_socket);
  second.serve(two.app_socket);
  const auto port = engine->start(one);
  ASSERT_TRUE(port) << port.error().to_string();
  ASSERT_TRUE(engine->start(two));
  EXPECT_EQ(engine->start(one).error().reason, "engine.already_running");
  ASSERT_EQ(engine->processes().size(), 2u);
  EXPECT_TRUE(first.orders(*engine, one.genesis.chain));
  EXPECT_TRUE(second.orders(*engine, two.genesis.chain));

  for (const int pid : engine->processes()) {
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(eventually([&] {
      const auto pids = engine->processes();
      return pids.size() == 2 && std::find(pids.begin(), pids.end(), pid) == pids.end();
    }));
  }
  for (const Digest& name : {one.genesis.chain, two.genesis.chain})
    ASSERT_TRUE(eventually([&] { return engine->status(name).has_value(); }));
  EXPECT_TRUE(first.orders(*engine, one.genesis.chain));
  EXPECT_TRUE(second.orders(*engine, two.genesis.chain));
  const auto status = engine->status(one.genesis.chain);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->port, *port);
  EXPECT_TRUE(status->validator);
  EXPECT_EQ(status->validators, 1u);
  EXPECT_GE(status->height, 3u);
  EXPECT_EQ(failed(), 0u);

  const auto pids = engine->processes();
  ASSERT_TRUE(engine->stop(one.genesis.chain));
  EXPECT_EQ(engine->processes().size(), 1u);
  ASSERT_TRUE(engine->start(one)) << "its home is free again";
  engine.reset();
  for (const int pid : pids) EXPECT_FALSE(lives(pid));
}

TEST_F(EngineTest, AChainThatFailsIsToldAndTheOneBesideItGoesOn) {
  EngineOptions with = options();
  with.chains_per_process = 2;
  const auto engine = this->engine(with);
  EngineChain one = chain(*engine, 1), two = chain(*engine, 2);
  Served first, second;
  first.serve(one.app_socket);
  second.serve(two.app_socket);
  ASSERT_TRUE(engine->start(one));
  ASSERT_TRUE(engine->start(two));
  const auto pids = engine->processes();
  ASSERT_EQ(pids.size(), 1u);
  EXPECT_TRUE(second.orders(*engine, two.genesis.chain));
  first.server.reset();
  ASSERT_TRUE(eventually([&] { return failed() == 1; }));
  EXPECT_EQ(failures[0].reason, "engine.app_lost");
  EXPECT_TRUE(second.orders(*engine, two.genesis.chain));
  first.serve(one.app_socket);
  ASSERT_TRUE(engine->start(one));
  EXPECT_TRUE(first.orders(*engine, one.genesis.chain));
  EXPECT_EQ(engine->processes(), pids);
}

TEST_F(EngineTest, PeersComeAndGoWithoutARestartAndAreKeptOverOne) {
  const auto engine = this->engine(options()), other = this->engine(options());
  EngineChain voter = chain(*engine, 1), observer = voter;
  observer.home = folder / "observer" / "home", observer.keys = folder / "observer" / "keys";
  observer.app_socket = folder / "observer.app";
  const auto observer_keys = other->keys(observer.keys, true);
  ASSERT_TRUE(observer_keys);
  Served votes, observes;
  votes.serve(voter.app_socket);
  observes.serve(observer.app_socket);
  const auto port = engine->start(voter), observer_port = other->start(observer);
  ASSERT_TRUE(port && observer_port);
  const Digest& name = voter.genesis.chain;
  const auto connected = [&](Engine& at) {
    const auto status = at.status(name);
    return status ? status->peers.size() : 99;
  };
  ASSERT_TRUE(engine->set_peers(name, {{observer_keys->id, *observer_port}}, {}));
  ASSERT_TRUE(eventually([&] { return connected(*engine) == 1 && connected(*other) == 1; }));
  EXPECT_EQ(engine->status(name)->peers[0], observer_keys->id);
  EXPECT_TRUE(votes.orders(*engine, name));
  EXPECT_TRUE(eventually([&] { return observes.app.ordered == 1; }));
  EXPECT_FALSE(other->status(name)->validator);

  const auto block = engine->light_block(name, 2);
  ASSERT_TRUE(block) << block.error().to_string();
  EXPECT_GT(block->size(), 300u);
  EXPECT_EQ(engine->light_block(name, 99).error().reason, "engine.no_light_block");
  EXPECT_EQ(engine->light_block(name, 99).error().code, Code::not_found);

  ASSERT_EQ(::kill(engine->processes()[0], SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return connected(*engine) == 1; }));
  ASSERT_TRUE(engine->set_peers(name, {}, {observer_keys->id}));
  EXPECT_EQ(connected(*engine), 0u);
}

// Its ports, and the connections of its clients, end with the process that has them.
TEST_F(EngineTest, AnEngineInheritsNoDescriptorOfOurs) {
  const int ours = ::socket(AF_INET, SOCK_STREAM, 0);
  const fs::path mine = fs::read_symlink("/proc/self/fd/" + std::to_string(ours));
  auto engine = this->engine(options());
  EngineChain one = chain(*engine, 1);
  Served served;
  served.serve(one.app_socket);
  ASSERT_TRUE(engine->start(one));
  const fs::path theirs = "/proc/" + std::to_string(engine->processes()[0]) + "/fd";
  std::error_code gone;
  for (const auto& each : fs::directory_iterator(theirs)) EXPECT_NE(fs::read_symlink(each, gone), mine);
  ::close(ours);
}

// What a process of ours that is killed leaves behind: nothing.
TEST_F(EngineTest, NoEngineOutlivesAProcessThatIsKilled) {
  if (const char* at = std::getenv("ENGINE_TEST_CHILD")) {  // that process
    folder = at;
    const auto engine = this->engine(options());
    EngineChain one = chain(*engine, 1);
    Served served;
    served.serve(one.app_socket);
    ASSERT_TRUE(engine->start(one));
    std::ofstream(folder / "pid.new") << engine->processes()[0];
    fs::rename(folder / "pid.new", folder / "pid");
    std::this_thread::sleep_for(std::chrono::minutes(5));
  }
  const std::string program = fs::read_symlink("/proc/self/exe").string();
  const std::string filter = "--gtest_filter=EngineTest.NoEngineOutlivesAProcessThatIsKilled";
  const std::string variable = "ENGINE_TEST_CHILD=" + folder.string();
  std::vector<char*> environment{const_cast<char*>(variable.c_str())};
  for (char** one = environ; *one; ++one) environment.push_back(*one);
  environment.push_back(nullptr);
  char* arguments[] = {const_cast<char*>(program.c_str()), const_cast<char*>(filter.c_str()), nullptr};
  pid_t child = -1;
  ASSERT_EQ(posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environment.data()), 0);
  const bool ready = eventually([&] { return fs::exists(folder / "pid"); });
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(ready);
  int engine = 0;
  std::ifstream(folder / "pid") >> engine;
  ASSERT_GT(engine, 0);
  EXPECT_TRUE(eventually([&] { return !lives(engine); }));
}

}  // namespace
}  // namespace chengxin::comet
