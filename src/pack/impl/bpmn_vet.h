#pragma once
#include "pack/impl/xml.h"

namespace chengxin::pack {

// Judges every element of a BPMN file by a table of the subset: what changes what happens and is not in it is
// a mistake (pack.bpmn_root, pack.bpmn_element), what only describes is put into `left_out`. Identifiers
// stand once (pack.bpmn_id), and one process is in it (pack.bpmn_process), which is what comes back.
const Element* vet_bpmn(const Element& root, const std::string& file, std::vector<std::string>& left_out,
                        Findings& findings);

// Of the namespace of BPMN.
const Element* child_of(const Element& element, std::string_view name);
bool is_blank(std::string_view text);
std::string_view trimmed(std::string_view text);
// The value of an attribute of an engine, or "".
std::string of_engine(const Element& element, std::string_view attribute);
// "" when there is none.
std::string attribute_of(const Element& element, std::string_view name);

}  // namespace chengxin::pack
