#pragma once
#include <string_view>

// Names that files of BPMN have.
namespace chengxin::pack::bpmn {

constexpr std::string_view kModel = "http://www.omg.org/spec/BPMN/20100524/MODEL";
constexpr std::string_view kDrawing = "http://www.omg.org/spec/BPMN/20100524/DI";
constexpr std::string_view kShapes = "http://www.omg.org/spec/DD/20100524/DC";
constexpr std::string_view kLines = "http://www.omg.org/spec/DD/20100524/DI";
constexpr std::string_view kInstance = "http://www.w3.org/2001/XMLSchema-instance";
// What BPMN has no word for, and the language of conditions.
constexpr std::string_view kOurs = "urn:chengxin:bpmn:1";
constexpr std::string_view kRules = "urn:chengxin:cel";
// Of engines whose modellers are common.
constexpr std::string_view kEngines[] = {"http://flowable.org/bpmn", "http://camunda.org/schema/1.0/bpmn",
                                         "http://activiti.org/bpmn"};

// Identifiers of what is no step: with a capital and a dash, which names of steps do not have.
constexpr std::string_view kProcessId = "Process-";

}  // namespace chengxin::pack::bpmn
