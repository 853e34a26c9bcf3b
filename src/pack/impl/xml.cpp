#include "pack/impl/xml.h"

#include <algorithm>
#include <pugixml.hpp>

#include "pack/impl/unicode.h"

namespace chengxin::pack {
namespace {

constexpr std::string_view kXmlSpace = "http://www.w3.org/XML/1998/namespace";

// Places of bytes of a text. Asked in their order, all of them cost one walk through it.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {}
  Place at(size_t byte) {
    if (byte < seen_) {
      seen_ = 0;
      place_ = {1, 1};
    }
    for (; seen_ < std::min(byte, text_.size()); ++seen_)
      if (text_[seen_] == '\n')
        place_ = {place_.line + 1, 1};
      else if (next_is_character())
        ++place_.column;
    return place_;
  }

 private:
  // Columns are characters: one ends where the next begins.
  bool next_is_character() const {
    return seen_ + 1 == text_.size() || (uint8_t(text_[seen_ + 1]) & 0xc0) != 0x80;
  }

  std::string_view text_;
  size_t seen_ = 0;
  Place place_{1, 1};
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What stands between & and ; is of XML itself, and not the character 0, at which pugixml ends a text.
bool is_reference(std::string_view name) {
  if (!name.starts_with('#'))
    return name == "lt" || name == "gt" || name == "amp" || name == "quot" || name == "apos";
  const bool wide = name.starts_with("#x");
  name.remove_prefix(wide ? 2 : 1);
  const auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
  return !name.empty() && name.size() <= 8 && name.find_first_not_of('0') != std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [&](char c) { return wide ? is_hex(c) : is_digit(c); });
}

// The first reference that pugixml, which keeps what it does not know, would take for text; npos: none.
size_t unknown_reference(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kOpaque[] = {
      {"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};
  for (size_t at = 0; (at = text.find_first_of("<&", at)) != std::string_view::npos; ++at) {
    const std::string_view rest = text.substr(at);
    for (const auto& [open, close] : kOpaque)
      if (rest.starts_with(open)) at = std::min(text.find(close, at + open.size()), text.size() - 1);
    if (!rest.starts_with('&')) continue;
    const size_t end = rest.substr(0, 12).find(';');
    if (end == std::string_view::npos || !is_reference(rest.substr(1, end - 1))) return at;
  }
  return std::string_view::npos;
}

// Makes the tree. What pugixml lets pass is refused here.
class Reader {
 public:
  Reader(Places& places, const std::string& file, Findings& findings)
      : places_(places), file_(file), findings_(findings) {}

  std::optional<Element> document(const pugi::xml_document& document) {
    std::optional<Element> out;
    for (const pugi::xml_node& node : document) {
      if (node.type() == pugi::node_doctype) wrong("pack.bpmn_doctype", node, {});
      if (node.type() != pugi::node_element) continue;
      if (out) wrong("pack.bpmn_xml", node, node.name());
      if (!out) out = element(node, 1);
    }
    return good_ ? std::move(out) : std::nullopt;
  }

 private:
  void wrong(std::string_view reason, const pugi::xml_node& node, std::string_view about) {
    good_ = false;
    findings_.wrong(reason, file_, place(node), about);
  }

  // Of the < before the name.
  Place place(const pugi::xml_node& node) {
    const ptrdiff_t offset = node.offset_debug();
    return places_.at(offset > 0 ? size_t(offset) - 1 : 0);
  }

  Element element(const pugi::xml_node& node, size_t depth) {
    Element out;
    out.at = place(node);
    if (++elements_ > kMostXmlElements || depth > kMostXmlDepth) {
      if (good_) wrong("pack.bpmn_too_large", node, node.name());
      return out;
    }
    const size_t outer = prefixes_.size();
    for (const auto& each : node.attributes()) declare(each);
    std::tie(out.space, out.name) = resolved(node, node.name(), true);
    for (const auto& each : node.attributes()) attribute(node, each, out);
    for (const auto& child : node)
      if (child.type() == pugi::node_element)
        out.children.push_back(element(child, depth + 1));
      else if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata)
        out.text += child.value();
    clean(node, out.text);
    prefixes_.resize(outer);
    return out;
  }

  void declare(const pugi::xml_attribute& attribute) {
    const std::string_view name = attribute.name();
    if (name == "xmlns") prefixes_.emplace_back("", attribute.value());
    if (name.starts_with("xmlns:")) prefixes_.emplace_back(name.substr(6), attribute.value());
  }

  void attribute(const pugi::xml_node& node, const pugi::xml_attribute& attribute, Element& out) {
    const std::string_view name = attribute.name();
    clean(node, attribute.value());
    if (name == "xmlns" || name.starts_with("xmlns:")) return;
    auto [space, local] = resolved(node, name, false);
    if (out.find(local, space)) wrong("pack.bpmn_xml", node, name);
    out.attributes.push_back({std::move(space), std::move(local), attribute.value()});
  }

  // Namespace and local name; those of attributes without a prefix are in none.
  std::pair<std::string, std::string> resolved(const pugi::xml_node& node, std::string_view name,
                                               bool element) {
    const size_t colon = name.find(':');
    const std::string_view prefix = colon == std::string_view::npos ? "" : name.substr(0, colon);
    const std::string local(colon == std::string_view::npos ? name : name.substr(colon + 1));
    if (prefix.empty() && !element) return {"", local};
    if (prefix == "xml") return {std::string(kXmlSpace), local};
    for (auto each = prefixes_.rbegin(); each != prefixes_.rend(); ++each)
      if (each->first == prefix) return {each->second, local};
    if (!prefix.empty()) wrong("pack.bpmn_xml", node, name);
    return {"", local};
  }

  void clean(const pugi::xml_node& node, std::string_view text) {
    if (const auto bad = bad_text(text)) wrong(bad->reason, node, {});
  }

  Places& places_;
  const std::string& file_;
  Findings& findings_;
  std::vector<std::pair<std::string, std::string>> prefixes_;  // those of the elements that are open
  size_t elements_ = 0;
  bool good_ = true;
};

}  // namespace

const std::string* Element::find(std::string_view attribute, std::string_view of_space) const {
  for (const Attribute& each : attributes)
    if (each.name == attribute && each.space == of_space) return &each.value;
  return nullptr;
}

std::optional<Element> parse_xml(std::string_view text, const std::string& file, Findings& findings) {
  if (text.size() > kMostXmlBytes) {
    findings.wrong("pack.bpmn_too_large", file, {}, fmt::format("{} > {}", text.size(), kMostXmlBytes));
    return std::nullopt;
  }
  Places places(text);
  if (const auto bad = bad_text(text)) {
    findings.wrong(bad->reason, file, places.at(bad->at));
    return std::nullopt;
  }
  pugi::xml_document document;
  constexpr unsigned kFlags = pugi::parse_default | pugi::parse_doctype;
  const auto read = document.load_buffer(text.data(), text.size(), kFlags, pugi::encoding_utf8);
  if (!read) {
    findings.wrong("pack.bpmn_xml", file, places.at(size_t(std::max<ptrdiff_t>(read.offset, 0))),
                   read.description());
    return std::nullopt;
  }
  Reader reader(places, file, findings);
  auto out = reader.document(document);
  if (const size_t at = unknown_reference(text); out && at != std::string_view::npos) {
    findings.wrong("pack.bpmn_xml", file, places.at(at), text.substr(at, text.substr(at, 12).find(';') + 1));
    return std::nullopt;
  }
  return out;
}

}  // namespace chengxin::pack
