#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

// Why a header is not signed before the engine has decided it (docs/adr/0018). A model of four voters, one of
// them bad, that keeps to the engine's rules for votes and locks. A vote extension does not know its round,
// so signatures that come with precommits of different rounds add up: in four rounds, of which none decides,
// two blocks of one height get a certificate each. When only what was decided is signed, neither does.
namespace {

enum class Block { nil, a, b };
constexpr int kHonest = 3, kAll = 4;  // number 3 is bad

bool quorum(size_t voters) { return 3 * voters > 2 * size_t(kAll); }

struct Round {
  Block proposed;
  std::set<int> got_proposal;  // of the honest: before they had to prevote
  std::set<int> saw_polka;     // before they had to precommit
};

class Height {
 public:
  explicit Height(bool sign_precommitted) : early_(sign_precommitted) {}

  void play(const Round& round) {
    std::set<int> prevotes = {3}, precommits;
    for (int i = 0; i < kHonest; ++i)
      if (prevote(i, round) == round.proposed) prevotes.insert(i);
    const bool polka = quorum(prevotes.size());
    for (int i : round.saw_polka) {
      ASSERT_TRUE(polka) << "there is none in round " << polkas_.size();
      locks_[i] = {round.proposed, int(polkas_.size())};
      precommits.insert(i);
      if (early_) signatures_[round.proposed].insert(i);
    }
    if (early_) signatures_[round.proposed].insert(3);  // and gives no vote
    if (quorum(precommits.size())) decided_.push_back(round.proposed);
    polkas_.push_back(polka ? round.proposed : Block::nil);
  }
  // The prevotes of an earlier round reach a voter late: a later polka for another block ends its lock.
  void hear(int voter, int round) {
    if (polkas_[size_t(round)] != Block::nil && locks_[voter].round < round &&
        locks_[voter].block != polkas_[size_t(round)])
      locks_[voter] = {};
  }

  const std::vector<Block>& decided() const { return decided_; }
  bool certified(Block block) { return quorum(signatures_[block].size()); }

 private:
  struct Lock {
    Block block = Block::nil;
    int round = -1;
  };
  Block prevote(int voter, const Round& round) const {
    if (locks_[voter].block != Block::nil) return locks_[voter].block;
    return round.got_proposal.contains(voter) ? round.proposed : Block::nil;
  }

  const bool early_;
  Lock locks_[kHonest];
  std::vector<Block> polkas_, decided_;
  std::map<Block, std::set<int>> signatures_;
};

void play_four_rounds(Height& height) {
  height.play({Block::a, {0, 1}, {0}});  // 0 locks a and signs it
  height.play({Block::b, {1, 2}, {1}});  // 1 locks b and signs it
  height.play({Block::a, {2}, {2}});     // 0 is locked on a, 2 is free: 2 locks a and signs it
  height.hear(0, 1);                     // only now: 0 is free
  height.play({Block::b, {0}, {0}});     // 1 is locked on b: 0 locks b and signs it
}

TEST(EarlySigning, CertifiesTwoBlocksOfOneHeight) {
  Height height(true);
  play_four_rounds(height);
  EXPECT_TRUE(height.certified(Block::a));
  EXPECT_TRUE(height.certified(Block::b));
  EXPECT_TRUE(height.decided().empty());
}

TEST(EarlySigning, NothingIsCertifiedThatWasNotDecided) {
  Height height(false);
  play_four_rounds(height);
  EXPECT_FALSE(height.certified(Block::a));
  EXPECT_FALSE(height.certified(Block::b));
  EXPECT_TRUE(height.decided().empty());
}

}  // namespace
