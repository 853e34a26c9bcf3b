#pragma once
#include "pack/model.h"

// Processes as BPMN 2.0 XML (ISO/IEC 19510:2013, clause 15), for modellers: docs/formats/bpmn.md says which
// part of it.
namespace chengxin::pack {

// The file, with its drawing. `process` is one of a pack that checks. nullopt: mistakes of check_structure().
std::optional<std::string> write_bpmn(const Source& process, Findings& findings);

// What a file of a modeller does not say, and a process has to.
struct BpmnDefaults {
  std::string about;               // the entity; empty: the file says it
  std::vector<std::string> start;  // roles
};

struct Imported {
  std::string name;
  std::string yaml;                   // keeps the grammar; what it names of the pack is not checked
  std::vector<std::string> renamed;   // "applyLeave → apply_leave": identifiers that are no names
  std::vector<std::string> left_out;  // "task flowable:dueDate": what the process does not need
};

// The process of a BPMN file of the subset. nullopt: with mistakes, all of which are named at once; nothing
// is put in for what is wrong. Mistakes: those of parse_xml(), check_structure() and the grammar, and
// pack.bpmn_root, pack.bpmn_process, pack.bpmn_id, pack.bpmn_reference, pack.bpmn_element, pack.bpmn_flow,
// pack.bpmn_condition, pack.bpmn_people, pack.bpmn_time, pack.bpmn_unnamed, pack.name_taken.
std::optional<Imported> read_bpmn(std::string_view xml, const std::string& file, const BpmnDefaults& defaults,
                                  Findings& findings);

}  // namespace chengxin::pack
