#pragma once
#include "pack/finding.h"

namespace chengxin::pack {

// An element of an XML 1.0 document with its names resolved (Namespaces in XML 1.0).
struct Element {
  struct Attribute {
    std::string space, name, value;  // space: empty without a prefix
  };
  std::string space, name;
  Place at;
  std::vector<Attribute> attributes;
  std::vector<Element> children;
  std::string text;  // what stands in it besides elements

  // nullptr: there is none.
  const std::string* find(std::string_view attribute, std::string_view of_space = {}) const;
};

constexpr size_t kMostXmlBytes = 4 << 20, kMostXmlDepth = 64, kMostXmlElements = 50'000;

// The document element; nullopt when a mistake kept the text from being read. Nothing outside of the text is
// ever looked at. Mistakes: pack.bpmn_too_large, pack.bpmn_doctype (any DTD), pack.bpmn_xml (not
// well-formed, entities that XML does not define itself), and those of bad_text().
std::optional<Element> parse_xml(std::string_view text, const std::string& file, Findings& findings);

}  // namespace chengxin::pack
