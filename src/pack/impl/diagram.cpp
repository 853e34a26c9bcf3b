#include "pack/impl/diagram.h"

#include <algorithm>
#include <map>

namespace chengxin::pack {
namespace {

constexpr int kColumn = 180, kRow = 180, kMargin = 100, kGutter = 70,
              kTrack = 12;  // kGutter: from the middle of a column

class Layout {
 public:
  explicit Layout(Diagram& diagram) : diagram_(diagram), out_(diagram.figures.size()) {
    for (size_t i = 0; i < diagram.figures.size(); ++i) index_[diagram.figures[i].id] = i;
    for (const Arrow& arrow : diagram.arrows) out_[index_[arrow.from]].push_back(index_[arrow.to]);
  }

  void run() {
    rank();
    place();
    for (Arrow& arrow : diagram_.arrows) lead(arrow);
  }

 private:
  enum class Seen { no, open, done };

  // What is hung below a figure and not in a column of its own.
  bool is_hung(size_t figure) const {
    const Figure& each = diagram_.figures[figure];
    return !each.attached_to.empty() || each.id.starts_with("LateEnd-");
  }

  // Depth first: arrows to what is still open go back. The reverse of the order in which figures are done
  // lets each column be one more than the highest before it.
  void visit(size_t figure) {
    seen_[figure] = Seen::open;
    for (const size_t next : out_[figure]) {
      if (seen_[next] == Seen::no) visit(next);
      if (seen_[next] != Seen::open) forward_.emplace_back(figure, next);
    }
    seen_[figure] = Seen::done;
    done_.push_back(figure);
  }

  void rank() {
    seen_.assign(out_.size(), Seen::no);
    for (size_t i = 0; i < out_.size(); ++i)
      if (seen_[i] == Seen::no && !is_hung(i)) visit(i);
    column_.assign(out_.size(), 0);
    std::multimap<size_t, size_t> forward(forward_.begin(), forward_.end());
    for (auto figure = done_.rbegin(); figure != done_.rend(); ++figure) {
      const auto [from, until] = forward.equal_range(*figure);
      for (auto each = from; each != until; ++each)
        column_[each->second] = std::max(column_[each->second], column_[*figure] + 1);
    }
  }

  void place() {
    std::map<int, int> rows;
    for (const Arrow& arrow : diagram_.arrows) tracks_ += column(arrow.to) - column(arrow.from) > 1;
    const int top = kMargin + kTrack * tracks_;
    for (size_t i = 0; i < out_.size(); ++i) {
      if (is_hung(i)) continue;
      const int row = rows[column_[i]]++;
      diagram_.figures[i].middle = {kMargin + kColumn * column_[i], top + kRow / 2 + kRow * row};
      bottom_ = std::max(bottom_, top + kRow * (row + 1));
    }
    for (Figure& each : diagram_.figures)
      if (!each.attached_to.empty()) hang(each);
  }

  void hang(Figure& event) {
    const Figure& holder = diagram_.figures[index_[event.attached_to]];
    event.middle = {holder.middle.x + holder.size().x / 4, holder.middle.y + holder.size().y / 2};
    for (const size_t end : out_[index_[event.id]])
      diagram_.figures[end].middle = {event.middle.x, event.middle.y + 40 + event.size().y / 2};
  }

  int column(const std::string& id) { return column_[index_[id]]; }

  void lead(Arrow& arrow) {
    const Figure &from = diagram_.figures[index_[arrow.from]], &to = diagram_.figures[index_[arrow.to]];
    if (!from.attached_to.empty()) {
      arrow.way = {{from.middle.x, from.middle.y + from.size().y / 2},
                   {to.middle.x, to.middle.y - to.size().y / 2}};
      return;
    }
    const Point begin{from.middle.x + from.size().x / 2, from.middle.y};
    const Point end{to.middle.x - to.size().x / 2, to.middle.y};
    const int steps = column(arrow.to) - column(arrow.from);
    const int out = from.middle.x + kGutter, in = to.middle.x - kGutter;
    if (steps == 1) {
      arrow.way = {begin, {in, begin.y}, {in, end.y}, end};
      return;
    }
    const int track = steps > 1 ? kMargin + kTrack * --tracks_ : bottom_ + kTrack * ++below_;
    arrow.way = {begin, {out, begin.y}, {out, track}, {in, track}, {in, end.y}, end};
  }

  Diagram& diagram_;
  std::map<std::string, size_t> index_;
  std::vector<std::vector<size_t>> out_;
  std::vector<Seen> seen_;
  std::vector<std::pair<size_t, size_t>> forward_;
  std::vector<size_t> done_;
  std::vector<int> column_;
  int tracks_ = 0, below_ = 0, bottom_ = 0;
};

}  // namespace

Point Figure::size() const {
  if (element.ends_with("Task")) return {100, 80};
  return element.ends_with("Gateway") ? Point{50, 50} : Point{36, 36};
}

void lay_out(Diagram& diagram) { Layout(diagram).run(); }

}  // namespace chengxin::pack
