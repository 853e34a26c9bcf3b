#pragma once
#include "pack/finding.h"

namespace chengxin::pack {

struct Member;

// A YAML text that a person wrote, with the place of each part. Scalars stay text: the grammar knows what
// they mean.
struct Node {
  enum class Kind { nothing, scalar, list, map };
  Kind kind = Kind::nothing;
  bool quoted = false;  // or a block; what is not may be a number
  Place at;
  std::string text;
  std::vector<Node> items;
  std::vector<Member> members;  // in their order; no name twice

  const Node* find(std::string_view name) const;
  bool is(Kind which) const { return kind == which; }
};
struct Member {
  std::string name;
  Place at;
  Node value;
};

// One file of a pack.
struct Source {
  std::string file;  // as findings name it
  std::string text;
  Node root;
};

// Reads the text into `source.root`; false when a mistake kept it from being read. Mistakes:
// pack.not_utf8, pack.control_character, pack.not_nfc, pack.yaml (syntax), pack.yaml_alias, pack.yaml_tag,
// pack.yaml_key, pack.yaml_duplicate, pack.yaml_depth (more than 32), pack.yaml_documents, pack.empty.
bool parse_yaml(Source& source, Findings& findings);

// As people write it: a line for each member, for those of a map of maps too, and the rest within the line.
std::string write_yaml(const Node& map);

// Where the byte `offset` of a scalar's text stands in its file.
Place place_within(const Source& source, const Node& scalar, size_t offset);

}  // namespace chengxin::pack
