#include <functional>
#include <random>

#include "pack/describe.h"
#include "pack/diff.h"
#include "pack/rig_for_tests.h"
#include "rules/schema.h"

// packs/sampler: that it is right, and that what is wrong in it is found.
namespace chengxin::pack {
namespace {

const fs::path kSampler = fs::path(CHENGXIN_SOURCE_DIR) / "packs/sampler";

Files sampler() {
  Findings findings;
  Files out = read_folder(kSampler, findings);
  EXPECT_TRUE(findings.empty());
  out.label = "s";
  return out;
}

TEST(Sampler, ChecksAndIsDescribed) {
  const std::vector<Files> packs{sampler()};
  const Packs checked = check(packs);
  EXPECT_EQ(told(checked.findings), Told{});
  const auto& entities = checked.packs.at(0).entities;
  ASSERT_EQ(entities.size(), 3u);
  std::vector<const Entity*> all;
  for (const Entity& each : entities) all.push_back(&each);
  std::vector<const Dictionary*> lists;
  for (const Dictionary& each : checked.packs.at(0).dictionaries) lists.push_back(&each);
  const Json read = environment(all, lists);
  const Json types = read["objects"]["manifest"]["fields"];
  EXPECT_EQ(read["dictionaries"]["licence_kind"], Json({"collect", "transport", "treat"}));
  EXPECT_FALSE(types.contains("weighing")) << "JSON, which no rule reads";
  EXPECT_FALSE(environment(all, {})["objects"]["enterprise"]["fields"].contains("district"));
  EXPECT_EQ(types["producer"], Json({{"ref", "enterprise"}}));
  EXPECT_EQ(types["former"], Json({{"ref", "manifest"}, {"optional", true}}));
  EXPECT_EQ(types["lines"], Json({{"list", {{"object", "manifest.lines"}}}}));
  EXPECT_EQ(types["driver_phone"], Json({{"type", "text"}, {"optional", true}}));
  EXPECT_EQ(types["state"], (Json{{"dictionary", "manifest.state"}}));
  const Json lines = read["objects"]["manifest.lines"]["fields"];
  EXPECT_EQ(lines["quantity"], Json({{"decimal", 3}, {"unit", "t"}, {"optional", true}}));
  for (const Entity& each : entities) {
    const auto schema = rules::Schema::compile(entity_schema(each));
    ASSERT_TRUE(schema) << schema.error().to_string();
  }
  const auto manifest = *rules::Schema::compile(entity_schema(entities[1]));
  const Json record = {{"producer", "a"},
                       {"carrier", "b"},
                       {"receiver", "c"},
                       {"lines", {{{"waste", "900-041-49"}, {"quantity", "0.125"}}}}};
  EXPECT_TRUE(manifest.check(record)->empty());
  Json wrong = record;
  wrong["lines"][0]["quantity"] = "0.1255";
  EXPECT_EQ(manifest.check(wrong)->at(0).path, "/lines/0/quantity");
  wrong = record;
  wrong.erase("carrier");
  EXPECT_EQ(manifest.check(wrong)->at(0).keyword, "required");
}

// As an editor's library reads YAML: plain words that look like numbers and flags are such.
Json as_json(const Node& node) {
  if (node.is(Node::Kind::list)) {
    Json out = Json::array();
    for (const Node& item : node.items) out.push_back(as_json(item));
    return out;
  }
  if (node.is(Node::Kind::map)) {
    Json out = Json::object();
    for (const Member& member : node.members) out[member.name] = as_json(member.value);
    return out;
  }
  if (!node.quoted && (node.text == "true" || node.text == "false")) return node.text == "true";
  const auto number = node.quoted ? std::nullopt : parse_decimal(node.text);
  if (number && number->digits == 0) return number->scaled;
  if (number) return std::stod(node.text);
  return node.text;
}

TEST(Sampler, TheSchemasOfEditorsAgree) {
  for (const auto& [path, content] : sampler().content) {
    const FileKind* kind = kind_of(path);
    ASSERT_TRUE(kind) << path;
    const auto schema = rules::Schema::compile(grammar_schema(*kind));
    ASSERT_TRUE(schema) << schema.error().to_string();
    Source source{.file = path, .text = to_string(content), .root = {}};
    Findings findings;
    ASSERT_TRUE(parse_yaml(source, findings));
    const auto violations = *schema->check(as_json(source.root));
    EXPECT_TRUE(violations.empty()) << path << " " << violations.front().path << " "
                                    << violations.front().message;
    Json bent = as_json(source.root);
    bent["titel"] = 1;
    EXPECT_FALSE(schema->check(bent)->empty()) << path;
  }
}

// Every name, reference and structure mark counts: what is broken is never passed in silence.
TEST(Sampler, AMutantIsRefusedOrTheSame) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const Files whole = sampler();
  const auto meaning = [](const Files& files, Findings& findings) {
    const Pack pack = read_pack(files, findings);
    std::vector<Json> out;
    for (const auto& source : pack.sources)
      out.push_back(to_json(source->root, *kind_of(std::string_view(source->file).substr(2))->shape));
    return out;
  };
  Findings none;
  const auto before = meaning(whole, none);
  int refused = 0, same = 0, other = 0;
  for (int i = 0; i < 200; ++i) {
    Files bent = whole;
    auto at = std::next(bent.content.begin(), ptrdiff_t(random() % bent.content.size()));
    Bytes& text = at->second;
    const size_t where = random() % text.size();
    switch (random() % 4) {
      case 0:
        text[where] = uint8_t(random());
        break;
      case 1:
        text.erase(text.begin() + ptrdiff_t(where));
        break;
      case 2:
        text.insert(text.begin() + ptrdiff_t(where), uint8_t("{}[]:,&*!'\"\n -"[random() % 14]));
        break;
      default:
        text.resize(where);
    }
    const std::vector<Files> packs{bent};
    const Packs checked = check(packs);
    Findings findings;
    if (!checked.good())
      ++refused;
    else if (meaning(bent, findings) == before)
      ++same;
    else
      ++other;  // another title, another number: a pack all the same
    for (const Finding& each : checked.findings.shown()) EXPECT_FALSE(each.zh == each.reason) << each.reason;
  }
  EXPECT_GT(refused, 75);
  EXPECT_EQ(refused + same + other, 200);
}

// Each name that is a reference, misspelt: always found, always with the right name as the mend.
TEST(Sampler, EachBrokenReferenceIsFound) {
  const Files whole = sampler();
  const std::vector<std::tuple<std::string, std::string, std::string, std::string>> cases{
      {"pack.yaml", "view: manifests", "view: manifest", "pack.view_unknown"},
      {"pack.yaml", "[regulator,", "[regulater,", "pack.role_unknown"},
      {"entities/manifest.yaml", "on: waste", "on: wate", "pack.chain_unknown"},
      {"entities/manifest.yaml", "owner: producer", "owner: producr", "pack.field_unknown"},
      {"entities/manifest.yaml", "tags: label", "tags: lable", "pack.dictionary_unknown"},
      {"entities/manifest.yaml", "l.kind", "it.licnces", "rules.type_field"},
      {"entities/manifest.yaml", "record.producer.id", "record.producr.id", "rules.type_field"},
      {"entities/manifest.yaml", "it.producer.district", "it.producer.distrct", "rules.type_field"},
      {"entities/manifest.yaml", "[producer, leaves]", "[producer, leves]", "pack.field_unknown"},
      {"entities/manifest.yaml", "to: [closed]", "to: [close]", "pack.state_unknown"},
      {"entities/manifest.yaml", "me.region", "me.regon", "rules.type_field"},
      {"rules/inspection.yaml", "for: manifest", "for: manifst", "pack.entity_unknown"},
      {"rules/inspection.yaml", "then: stopped", "then: stoped", "pack.outcome_unknown"},
      {"rules/inspection.yaml", "it.mixed", "it.mixd", "rules.type_field"},
      {"views/manifests.yaml", "newest: leaves", "newest: leave", "pack.field_unknown"},
      {"views/manifest_form.yaml", "[lines]", "[line]", "pack.field_unknown"},
      {"views/manifest_form.yaml", "form: manifest", "form: manfest", "pack.entity_unknown"},
      {"processes/transfer.yaml", "decide: inspection", "decide: inspecton", "pack.decision_unknown"},
      {"processes/transfer.yaml", "by: carrier", "by: carier", "pack.person_unknown"},
      {"processes/transfer.yaml", "calendar: national", "calendar: nationl", "pack.calendar_unknown"},
      {"entities/enterprise.yaml", "tree: region", "tree: regions", "pack.dictionary_unknown"}};
  for (const auto& [path, what, with, reason] : cases) {
    Files bent = whole;
    std::string text = to_string(bent.content[path]);
    const size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    bent.content[path] = to_bytes(view(text.replace(at, what.size(), with)));
    const std::vector<Files> packs{bent};
    const auto shown = check(packs).findings.shown();
    const auto found =
        std::find_if(shown.begin(), shown.end(), [&](const Finding& each) { return each.reason == reason; });
    ASSERT_NE(found, shown.end()) << what;
    EXPECT_EQ(found->file, "s/" + path);
    EXPECT_FALSE(found->mend.empty()) << what;
    EXPECT_EQ(found->at.line, 1 + std::count(text.begin(), text.begin() + ptrdiff_t(at), '\n')) << what;
  }
}

void walk(const Node& node, const std::function<void(const Node&)>& visit) {
  if (node.is(Node::Kind::scalar)) visit(node);
  for (const Node& item : node.items) walk(item, visit);
  for (const Member& member : node.members) walk(member.value, visit);
}

size_t offset_of(std::string_view text, Place at) {
  size_t offset = 0;
  for (; at.line > 1; --at.line) offset = text.find('\n', offset) + 1;
  for (; at.column > 1; --at.column) do
      ++offset;
    while ((uint8_t(text[offset]) & 0xc0) == 0x80);
  return offset;
}

// Members of objects, "SHAPE.member", and words that decide what is done, "SHAPE.member = word".
class Features {
 public:
  void offer(const Shape& shape, const std::string& about) {
    if (about == "step.may" || about == "step.on_late" || about == "field.on_delete")
      for (const std::string_view word : shape.words) offered_.insert(fmt::format("{} = {}", about, word));
    if (!seen_.insert({&shape, about}).second) return;
    for (const Row& row : shape.rows) {
      const std::string name = fmt::format("{}.{}", shape.id, row.name);
      offered_.insert(name);
      offer(*row.shape, name);
    }
    if (shape.of) offer(*shape.of, about);
    for (const Shape* each : shape.either) offer(*each, about);
  }

  void use(const Node& node, const Shape& shape, const std::string& about) {
    for (const Shape* each : shape.either) use(node, *each, about);
    if (std::count(shape.words.begin(), shape.words.end(), node.text) > 0)
      used_.insert(fmt::format("{} = {}", about, node.text));
    for (const Row& row : shape.rows)
      if (const Node* value = node.find(row.name)) {
        const std::string name = fmt::format("{}.{}", shape.id, row.name);
        used_.insert(name);
        use(*value, *row.shape, name);
      }
    if (!shape.of) return;
    for (const Node& item : node.items) use(item, *shape.of, about);
    for (const Member& member : node.members) use(member.value, *shape.of, about);
  }

  Told unused() const {
    Told out;
    std::set_difference(offered_.begin(), offered_.end(), used_.begin(), used_.end(),
                        std::back_inserter(out));
    return out;
  }

 private:
  std::set<std::pair<const Shape*, std::string>> seen_;
  std::set<std::string> offered_, used_;
};

TEST(Sampler, UsesEveryFeature) {
  Findings findings;
  const Pack pack = read_pack(sampler(), findings);
  Features features;
  for (const FileKind& kind : file_kinds()) features.offer(*kind.shape, std::string(kind.kind));
  for (const auto& source : pack.sources) {
    const FileKind* kind = kind_of(std::string_view(source->file).substr(2));
    features.use(source->root, *kind->shape, std::string(kind->kind));
  }
  EXPECT_EQ(features.unused(), Told{"pack.uses"}) << "that takes a second pack";
}

// Every place in the sampler where a name stands for something that is described elsewhere.
TEST(Sampler, EveryNameCounts) {
  const Files whole = sampler();
  Findings findings;
  const Pack pack = read_pack(whole, findings);
  std::set<std::string> names{"number", "state"};
  for (const auto& source : pack.sources) {
    for (const char* map : {"fields", "states", "steps", "roles", "chains"})
      if (const Node* found = source->root.find(map))
        for (const Member& member : found->members) names.insert(member.name);
    for (const char* own : {"entity", "dictionary", "decision", "calendar", "view"})
      if (const Node* found = source->root.find(own)) names.insert(found->text);
    if (const Node* gives = source->root.find("gives"))
      for (const Node& each : gives->items) names.insert(each.text);
  }
  std::map<std::string, int> named;
  for (const auto& source : pack.sources) walk(source->root, [&](const Node& node) { ++named[node.text]; });
  size_t tried = 0;
  for (const auto& source : pack.sources)
    walk(source->root, [&](const Node& node) {
      if (!names.contains(node.text) || node.quoted) return;
      const bool declared = &node == source->root.find("decision");
      if (declared && named[node.text] == 1) return;  // nothing refers to it
      Files bent = whole;
      std::string text = source->text;
      text.insert(offset_of(text, node.at) + node.text.size(), "x");
      bent.content[source->file.substr(2)] = to_bytes(view(text));
      const std::vector<Files> packs{bent};
      EXPECT_FALSE(check(packs).good())
          << source->file << ":" << node.at.line << ":" << node.at.column << " " << node.text;
      ++tried;
    });
  EXPECT_GT(tried, 80u);
}

}  // namespace
}  // namespace chengxin::pack
