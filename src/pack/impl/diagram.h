#pragma once
#include <string>
#include <vector>

// The picture of a process.
namespace chengxin::pack {

struct Point {
  int x = 0, y = 0;
};

struct Figure {
  std::string id;
  std::string_view element;  // of BPMN
  std::string attached_to;   // of a boundary event: what it sits on
  Point middle{};
  Point size() const;
};

struct Arrow {
  std::string id, from, to;
  std::string name, condition;  // condition: empty, or a rule
  bool otherwise = false;       // taken when no condition of its source holds
  std::vector<Point> way{};
};

struct Diagram {
  std::vector<Figure> figures;  // the first is where it starts
  std::vector<Arrow> arrows;
};

// Puts figures in columns from left to right, in the order in which they are reached, and leads arrows
// between them: those that skip columns above all figures, those that go back below.
void lay_out(Diagram& diagram);

}  // namespace chengxin::pack
