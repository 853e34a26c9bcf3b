#pragma once
#include "pack/impl/bpmn_graph.h"
#include "pack/yaml.h"

namespace chengxin::pack {

// Parts of the tree that a process is read into, at the places of the BPMN file.
Node scalar_node(std::string text, Place at);
Node list_node(std::vector<std::string> texts, Place at);
Node map_node(Place at);
void put(Node& map, std::string_view name, Node value);

// Without blanks around, and without what is empty.
std::vector<std::string> split(std::string_view text, char at);

// The first extension of ours that is called `name`; nullptr: there is none.
const Element* own_part(const Element& element, std::string_view name);
// The same, after a look at what else of ours stands there and at its attributes, which are among `known`.
// Mistakes: pack.member_unknown.
const Element* checked_part(const Element& element, std::string_view name,
                            const std::vector<std::string>& known, const std::string& file,
                            Findings& findings);

struct BpmnProcess {
  const Element& definitions;
  const Element& process;
  const std::string& file;
};
// What a step says of itself: title, who does it, decision, length of time, deadline. `late_end`: where its
// deadline leads, or nullptr. Mistakes: pack.bpmn_unnamed, pack.bpmn_people, pack.bpmn_time,
// pack.bpmn_reference, pack.member_….
Node read_step(const BpmnProcess& file, const Element& step, const Element* late_end, Findings& findings);

}  // namespace chengxin::pack
