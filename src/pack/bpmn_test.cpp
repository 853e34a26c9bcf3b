#include "pack/bpmn.h"

#include <fstream>
#include <random>

#include "pack/impl/tables.h"
#include "pack/rig_for_tests.h"
#include "pack/steps.h"

namespace chengxin::pack {
namespace {

// As a modeller writes it, with an engine's words for who does what.
const std::string kLeave = R"(<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="http://www.flowable.org/processdef">
  <process id="applyLeave" name="请假" isExecutable="true" flowable:candidateStarterGroups="staff">
    <documentation>三天以上由主管审批</documentation>
    <startEvent id="startEvent1" flowable:initiator="initiator"/>
    <sequenceFlow id="f1" sourceRef="startEvent1" targetRef="fillIn"/>
    <userTask id="fillIn" name="填写" flowable:assignee="${initiator}" flowable:formKey="leave_form" flowable:dueDate="${due}"/>
    <sequenceFlow id="f2" sourceRef="fillIn" targetRef="check"/>
    <businessRuleTask id="check" name="判定" flowable:decisionRef="length" flowable:resultVariable="kind"/>
    <sequenceFlow id="f3" sourceRef="check" targetRef="g1"/>
    <exclusiveGateway id="g1"/>
    <sequenceFlow id="f4" sourceRef="g1" targetRef="head">
      <conditionExpression xsi:type="tFormalExpression"><![CDATA[${kind == 'long'}]]></conditionExpression>
    </sequenceFlow>
    <sequenceFlow id="f5" sourceRef="g1" targetRef="g2">
      <conditionExpression xsi:type="tFormalExpression"><![CDATA[${kind == "short"}]]></conditionExpression>
    </sequenceFlow>
    <userTask id="head" name="会签" flowable:candidateGroups="head, deputy">
      <multiInstanceLoopCharacteristics isSequential="false">
        <completionCondition>${nrOfCompletedInstances > 0}</completionCondition>
      </multiInstanceLoopCharacteristics>
    </userTask>
    <boundaryEvent id="late" attachedToRef="head" cancelActivity="false">
      <timerEventDefinition><timeDuration>PT1H30M</timeDuration></timerEventDefinition>
    </boundaryEvent>
    <sequenceFlow id="f6" sourceRef="head" targetRef="g2"/>
    <exclusiveGateway id="g2"/>
    <sequenceFlow id="f7" sourceRef="g2" targetRef="pause"/>
    <intermediateCatchEvent id="pause" name="公示">
      <timerEventDefinition><timeDuration>P1W</timeDuration></timerEventDefinition>
    </intermediateCatchEvent>
    <sequenceFlow id="f8" sourceRef="pause" targetRef="end1"/>
    <endEvent id="end1"/>
    <textAnnotation id="note1"><text>x</text></textAnnotation>
  </process>
</definitions>
)";

struct Read {
  std::optional<Imported> imported;
  Told told;
};
Read read(std::string_view xml, const BpmnDefaults& defaults = {.about = "leave", .start = {}}) {
  Findings findings;
  Read out{read_bpmn(xml, "f", defaults, findings), {}};
  out.told = pack::told(findings);
  EXPECT_EQ(out.imported.has_value(), findings.empty());
  for (const Finding& each : findings.shown()) EXPECT_NE(each.zh, each.reason) << "a reason without its text";
  return out;
}

std::string with(std::string text, std::string_view what, std::string_view by) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}
Told bent(std::string_view what, std::string_view by) { return read(with(kLeave, what, by)).told; }

Source parsed(const std::string& yaml) {
  Source out{.file = "f", .text = yaml, .root = {}};
  Findings findings;
  EXPECT_TRUE(parse_yaml(out, findings) && check_grammar(out, process_shape(), findings)) << yaml;
  EXPECT_EQ(told(findings), Told{}) << yaml;
  return out;
}

std::string exported(const Source& process) {
  Findings findings;
  const auto out = write_bpmn(process, findings);
  EXPECT_EQ(told(findings), Told{});
  return out.value_or("");
}

TEST(Bpmn, OfAModellerIsRead) {
  const Read leave = read(kLeave);
  ASSERT_EQ(leave.told, Told{});
  EXPECT_EQ(leave.imported->name, "apply_leave");
  EXPECT_EQ(leave.imported->yaml,
            "process: apply_leave\n"
            "title: 请假\n"
            "note: 三天以上由主管审批\n"
            "for: leave\n"
            "start: [staff]\n"
            "steps:\n"
            "  fill_in: {zh: 填写, by: starter, form: leave_form}\n"
            "  check: {zh: 判定, decide: length, to: {long: head, short: pause}}\n"
            "  head: {zh: 会签, any_of: [head, deputy], within: 90 minutes}\n"
            "  pause: {zh: 公示, wait: 7 days}\n");
  EXPECT_EQ(leave.imported->renamed, (Told{"fillIn → fill_in", "applyLeave → apply_leave"}));
  EXPECT_EQ(leave.imported->left_out, (Told{"userTask fillIn: dueDate", "textAnnotation note1"}));
}

TEST(Bpmn, TheSamplerComesBack) {
  Findings findings;
  Files files = read_folder(fs::path(CHENGXIN_SOURCE_DIR) / "packs/sampler", findings);
  files.label = "s";
  const std::vector<Files> packs{files};
  const Packs checked = check(packs);
  ASSERT_EQ(checked.packs.at(0).processes.size(), 1u);
  const Source& transfer = *checked.packs[0].processes[0].source;
  const std::string xml = exported(transfer);
  const Read back = read(xml, {});
  ASSERT_EQ(back.told, Told{});
  EXPECT_EQ(back.imported->name, "transfer");
  EXPECT_EQ(back.imported->renamed.size() + back.imported->left_out.size(), 0u);
  EXPECT_EQ(process_json(parsed(back.imported->yaml).root), process_json(transfer.root));
  files.content["processes/transfer.yaml"] = to_bytes(view(back.imported->yaml));
  const std::vector<Files> again{files};
  EXPECT_EQ(told(check(again).findings), Told{});
}

TEST(Bpmn, OurOwnWordsAreChecked) {
  Findings findings;
  const Files files = read_folder(fs::path(CHENGXIN_SOURCE_DIR) / "packs/sampler", findings);
  const Pack pack = read_pack(files, findings);
  const std::string xml = exported(*pack.processes.at(0).source);
  const auto bent_xml = [&](std::string_view what, std::string_view by) {
    Told out;
    for (const std::string& each : read(with(xml, what, by), {}).told)
      out.push_back(each.substr(0, each.find(' ')) + each.substr(std::min(each.find(" >"), each.size())));
    return out;
  };
  EXPECT_EQ(bent_xml("may=\"copy urge", "may=\"copy ruge"), Told{"pack.choice > urge"});
  EXPECT_EQ(bent_xml("decide=", "decode="),
            (Told{"pack.member_missing > <cx:step decide=\"…\"/>", "pack.member_unknown > decide"}));
  EXPECT_EQ(bent_xml("withdraw_before=\"depart", "withdraw_before=\"dapart"),
            Told{"pack.step_unknown > depart"});
  EXPECT_EQ(bent_xml("back=\"accept", "back=\"acept"), Told{"pack.step_unknown > accept"});
  EXPECT_EQ(bent_xml("unit=\"workday", "unit=\"workweek").front(), "pack.choice > workday");
  EXPECT_EQ(bent_xml("<cx:step en=\"Leaves\"", "<cx:step unit=\"workday\" en=\"Leaves\""),
            Told{"pack.member_alone"});
  EXPECT_EQ(
      bent_xml(
          "<bpmn:userTask id=\"accept\"",
          "<bpmn:userTask xmlns:f=\"http://flowable.org/bpmn\" f:candidateGroups=\"other\" id=\"accept\""),
      Told{"pack.member_twice"})
      << "who does it, said twice and differently";
  EXPECT_EQ(bent_xml("escalationCode=", "name2="), Told{"pack.bpmn_element"});
  EXPECT_EQ(bent_xml(" escalationCode=\"regulator\"", ""), Told{"pack.bpmn_reference"});
  EXPECT_EQ(bent_xml("escalationRef=\"Escalation-", "escalationRef=\"E-"), Told{"pack.bpmn_reference"});
}

// Makes processes that the grammar and the structure allow, with all that steps may say.
class Maker {
 public:
  // `tame`: without the texts that peers of tests/bpmn do not keep, line ends, tabs, ]]> and blanks before a
  // rule.
  Maker(std::mt19937& random, bool tame) : random_(random), tame_(tame) {}

  std::string run() {
    block(0, "end", true);
    std::string out = "process: " + name("p") + "\ntitle: " + titles() + "\n";
    if (coin()) out += "note: " + titles() + "\n";
    out += "for: thing\nstart: [a_role, other]\nsteps:\n";
    if (coin()) shuffle();
    for (const auto& [step, text] : steps_) out += fmt::format("  {}: {{{}}}\n", step, text);
    if (coin()) out += "withdraw_before: " + pick(all_) + "\n";
    if (coin()) out += "calendar: cal\n";
    return out;
  }

 private:
  bool coin() { return random_() % 2 == 0; }
  const std::string& pick(const std::vector<std::string>& among) { return among[random_() % among.size()]; }
  std::string name(const std::string& prefix) { return prefix + std::to_string(random_() % 1000); }

  std::string text() {
    static const std::vector<std::string> parts{"审批", "a",    " ", "<b>", "&amp;", "\\\"", "'",
                                                ": ",   "#",    "-", "{",   "}",     ", ",   "${x}",
                                                "é",    "null", "1", "\\n", "\\t",   "]]>"};
    std::string out = tame_ || coin() ? "办" : "";
    for (size_t i = random_() % 5; i-- > 0;) out += parts[random_() % (parts.size() - (tame_ ? 3 : 0))];
    return "\"" + out + "x\"";
  }
  std::string titles() { return coin() ? text() : fmt::format("{{zh: {}, en: {}}}", text(), text()); }
  std::string people() {
    static const std::vector<std::string> who{"starter", "a_role", "field", "other"};
    if (coin()) return "by: " + pick(who);
    const char* verbs[] = {"all_of", "any_of", "in_turn"};
    std::string out = fmt::format("{}: [{}", verbs[random_() % 3], pick(who));
    for (size_t i = random_() % 3; i-- > 0;) out += ", " + pick(who);
    return out + "]";
  }
  std::string length() {
    const char* units[] = {"minute", "hours", "day", "workdays"};
    return fmt::format("{} {}", 1 + random_() % (coin() ? 2 : 9999), units[random_() % 4]);
  }

  std::string person() {
    std::string out = fmt::format("zh: {}, {}", text(), people());
    if (coin()) out += ", en: " + text();
    if (coin()) out += ", when: " + text();
    if (coin()) out += ", form: a_form";
    if (coin()) out += ", state: open";
    if (random_() % 3 == 0) out += ", back: [" + pick(all_) + ", " + pick(all_) + "]";
    if (random_() % 3 == 0) out += ", may: [copy, urge, add_before]";
    if (!coin()) return out;
    out += ", within: " + length();
    if (coin()) return out + ", on_late: escalate" + (coin() ? ", escalate_to: a_role" : "");
    if (coin()) out += ", on_late: remind" + std::string(coin() ? ", escalate_to: other" : "");
    return out;
  }

  // A row of steps, of which the last goes on to `after`. Its names.
  std::vector<std::string> block(size_t depth, const std::string& after, bool outer) {
    std::vector<std::string> names;
    const size_t count = 1 + random_() % 4;
    for (size_t i = 0; i < count; ++i) {
      names.push_back("s" + std::to_string(all_.size()));
      all_.push_back(names.back());
    }
    for (size_t i = 0; i < count; ++i) {
      const std::string next = i + 1 < count ? names[i + 1] : after;
      step(depth, names, i, next, outer);
    }
    return names;
  }

  void step(size_t depth, const std::vector<std::string>& names, size_t i, const std::string& next,
            bool outer) {
    const size_t place = steps_.size();
    steps_.emplace_back(names[i], "");
    std::string said;
    switch (random_() % 6) {
      case 0:
        said = fmt::format("zh: {}, wait: {}, to: {}", text(), length(), next);
        break;
      case 1: {  // onward, or back to what somebody does
        said = fmt::format("zh: {}, decide: table, to: {{one: {}", text(), next);
        for (size_t k = i + 1; k < names.size() && coin(); ++k) said += fmt::format(", o{}: {}", k, names[k]);
        if (outer && coin()) said += ", stop: end";
        if (i > 0 && is_person(names[i - 1]) && coin()) said += ", again: " + names[i - 1];
        said += "}";
        break;
      }
      case 2:
        if (depth < 3 && all_.size() < 120) {
          said = fmt::format("zh: {}, fork: [", text());
          for (size_t k = 0, many = 2 + random_() % 2; k < many; ++k)
            said +=
                (k ? ", " : "") + (k && random_() % 5 == 0 ? next : block(depth + 1, next, false).front());
          said += "], join: " + next;
          break;
        }
        [[fallthrough]];
      default:
        said = person() + ", to: " + next;
    }
    steps_[place].second = said;
  }

  bool is_person(const std::string& step) const {
    for (const auto& [name, text] : steps_)
      if (name == step)
        return text.find("when: ") == std::string::npos && text.find("may:") != std::string::npos;
    return false;
  }

  // In another order, where what follows is all written out, and some of it left out again where it is next.
  void shuffle() {
    std::shuffle(steps_.begin() + 1, steps_.end(), random_);
    for (size_t i = 0; i < steps_.size(); ++i) {
      const std::string to = ", to: " + (i + 1 < steps_.size() ? steps_[i + 1].first : "end");
      if (steps_[i].second.ends_with(to) && coin())
        steps_[i].second.resize(steps_[i].second.size() - to.size());
    }
  }

  std::mt19937& random_;
  bool tame_;
  std::vector<std::string> all_;
  std::vector<std::pair<std::string, std::string>> steps_;
};

TEST(Bpmn, AnyProcessComesBackEqual) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr int kShown = 20;
  const char* folder = std::getenv("CHENGXIN_BPMN");  // tests/bpmn shows the first of them to others
  size_t forks = 0, skipped = 0;
  for (int i = 0; i < 1000 && !testing::Test::HasFailure(); ++i) {
    const std::string yaml = Maker(random, folder != nullptr && i < kShown).run();
    SCOPED_TRACE(yaml);
    const Source process = parsed(yaml);
    EXPECT_EQ(process_json(parsed(write_yaml(process.root)).root), process_json(process.root));
    const std::string xml = exported(process);
    SCOPED_TRACE(xml);
    const Read back = read(xml, {});
    ASSERT_EQ(back.told, Told{});
    EXPECT_EQ(back.imported->left_out, Told{});
    const Source again = parsed(back.imported->yaml);
    EXPECT_EQ(process_json(again.root), process_json(process.root));
    EXPECT_EQ(exported(again), xml) << "and is written the same";
    forks += xml.find("Join-") != std::string::npos;
    skipped += xml.find("Skip-") != std::string::npos;
    if (folder && i < kShown) std::ofstream(fs::path(folder) / fmt::format("{}.bpmn", i)) << xml;
  }
  EXPECT_GT(forks, 100u);
  EXPECT_GT(skipped, 300u);
}

TEST(Bpmn, WhatIsOutsideOfTheSubsetIsNamed) {
  EXPECT_EQ(bent("name=\"填写\" ", ""), Told{"pack.bpmn_unnamed f:8:5 > name=\"…\""});
  EXPECT_EQ(bent("<userTask id=\"fillIn\"", "<task id=\"fillIn\"").front(),
            "pack.bpmn_element f:8:5 > userTask");
  EXPECT_EQ(bent("${initiator}", "kermit"), Told{"pack.bpmn_people f:8:5 > candidateGroups=\"…\""});
  EXPECT_EQ(bent("${initiator}", "${manager}"), Told{}) << "a field";
  EXPECT_EQ(bent("flowable:assignee=\"${initiator}\"", "flowable:candidateUsers=\"kermit\"").size(), 2u);
  EXPECT_EQ(bent("${kind == 'long'}", "${days > 3}"), Told{"pack.bpmn_condition f:14:7 > kind == '…'"});
  EXPECT_EQ(bent("flowable:resultVariable=\"kind\"", "").size(), 2u) << "both outcomes";
  EXPECT_EQ(bent("cancelActivity=\"false\"", "cancelActivity=\"true\""),
            Told{"pack.bpmn_element f:24:5 > cancelActivity=\"false\""});
  EXPECT_EQ(bent(" cancelActivity=\"false\"", ""),
            Told{"pack.bpmn_element f:24:5 > cancelActivity=\"false\""});
  EXPECT_EQ(bent("PT1H30M", "P1M"), Told{"pack.bpmn_time f:25:29 > P3D | PT2H | PT30M"});
  EXPECT_EQ(bent("PT1H30M", "${due}"), Told{"pack.bpmn_time f:25:29 > P3D | PT2H | PT30M"});
  EXPECT_EQ(bent("nrOfCompletedInstances > 0", "nrOfCompletedInstances/nrOfInstances > 0.6"),
            Told{"pack.bpmn_people f:20:7 > nrOfCompletedInstances >= 1"});
  EXPECT_EQ(bent("isSequential=\"false\"", "isSequential=\"false\" flowable:collection=\"people\""),
            Told{"pack.bpmn_people f:20:7 > candidateGroups=\"…\""});
  EXPECT_EQ(bent("attachedToRef=\"head\"", "attachedToRef=\"heads\""), Told{"pack.bpmn_reference f:24:5"});
  EXPECT_EQ(bent("targetRef=\"pause\"", "targetRef=\"pauses\""), Told{"pack.bpmn_reference f:29:5"});
  EXPECT_EQ(bent("id=\"f7\"", "id=\"f6\""), Told{"pack.bpmn_id f:29:5"});
  const std::string named = with(with(kLeave, "\"pause\"", "\"办理\""), "\"pause\"", "\"办理\"");
  EXPECT_EQ(read(with(named, "\"pause\"", "\"办理\"")).told, Told{"pack.name f:30:5 > a_name"});
  EXPECT_EQ(bent("<startEvent", "<process2/><startEvent").size(), 1u);
  EXPECT_EQ(bent("targetRef=\"end1\"", "targetRef=\"pause\""), Told{"pack.no_end f:4:3 > endEvent"});
  for (const auto& [id, name] :
       std::map<std::string, std::string>{{"sid-1F2A", "sid_1f2a"}, {"_HRList", "hrlist"}})
    EXPECT_EQ(read(with(kLeave, "applyLeave", id)).imported->name, name);
  EXPECT_EQ(read(kLeave, {}).told, Told{"pack.member_missing f:4:3 > --for …"});
  EXPECT_EQ(read(kLeave, {.about = "leave", .start = {"boss"}}).told, Told{"pack.member_twice f:4:3"});
  EXPECT_EQ(
      bent("<endEvent id=\"end1\"/>", "<endEvent id=\"end1\"><terminateEventDefinition/></endEvent>").front(),
      "pack.bpmn_element f:34:25 > incoming | messageEventDefinition | escalationEventDefinition");
}

// A gateway that a person's step is skipped by, and others.
std::string skipping(std::string_view condition, std::string_view otherwise) {
  return fmt::format(
      R"(<b:definitions xmlns:b="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:c="http://camunda.org/schema/1.0/bpmn">
<b:process id="p" name="付款">
<b:startEvent id="StartEvent_1"/><b:sequenceFlow id="a" sourceRef="StartEvent_1" targetRef="g"/>
<b:exclusiveGateway id="g" default="c"/>
<b:sequenceFlow id="b" sourceRef="g" targetRef="Activity_0x1f"><b:conditionExpression>{}</b:conditionExpression></b:sequenceFlow>
<b:sequenceFlow id="c" sourceRef="g" targetRef="{}"/>
<b:userTask id="Activity_0x1f" name="复核" c:candidateGroups="head"/>
<b:sequenceFlow id="d" sourceRef="Activity_0x1f" targetRef="pay"/>
<b:userTask id="pay" name="付款" c:candidateGroups="cashier"/>
<b:sequenceFlow id="e" sourceRef="pay" targetRef="x"/><b:endEvent id="x"/>
</b:process></b:definitions>)",
      condition, otherwise);
}

TEST(Bpmn, AConditionMaySkipOneStep) {
  const BpmnDefaults defaults{.about = "bill", .start = {"clerk", "head"}};
  const Read good = read(skipping("it.amount &gt; 3", "pay"), defaults);
  ASSERT_EQ(good.told, Told{});
  EXPECT_NE(
      good.imported->yaml.find("start: [clerk, head]\nsteps:\n  activity_0x1f: {zh: 复核, by: head, when: "
                               "\"it.amount > 3\"}\n  pay: {zh: 付款, by: cashier}\n"),
      std::string::npos)
      << good.imported->yaml;
  EXPECT_EQ(read(skipping("${amount > 3 &amp;&amp; kind == 'a b'}", "pay"), defaults).told,
            Told{"pack.bpmn_condition f:5:64 > it.amount > 3 && it.kind == 'a b'"});
  EXPECT_EQ(read(skipping("it.amount &gt; 3", "x"), defaults).told,
            Told{"pack.bpmn_condition f:4:1 > businessRuleTask"});
  EXPECT_EQ(read(skipping("", "pay"), defaults).told, Told{"pack.bpmn_condition f:5:64 > it.…"});
  const std::string several = with(skipping("${amount > 3}", "pay"), "<b:endEvent id=\"x\"/>",
                                   "<b:endEvent id=\"x\"/><b:scriptTask id=\"s\"/>");
  EXPECT_EQ(read(several, {}).told.size(), 4u) << "the condition, the task, and what the file does not say";
}

std::string forked(std::string_view flows) {
  std::string out =
      "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' xmlns:c='urn:chengxin:bpmn:1'>"
      "<process id='p' name='并行'>\n";
  for (const char* gateway : {"f", "j"}) out += fmt::format("<parallelGateway id='{}' name='分'/>", gateway);
  for (const char* task : {"a", "b"})
    out += fmt::format(
        "<userTask id='{}' name='办'><potentialOwner><resourceAssignmentExpression>"
        "<formalExpression>group(head)</formalExpression></resourceAssignmentExpression>"
        "</potentialOwner></userTask>",
        task);
  out +=
      "<businessRuleTask id='r' name='判'><extensionElements><c:step decide='t'/></extensionElements>"
      "</businessRuleTask><exclusiveGateway id='g'/><startEvent id='s'/><endEvent id='e'/>\n";
  size_t number = 0;
  while (!flows.empty()) {  // "sf fa": from s to f, from f to a; g's flows have conditions
    const std::string condition = flows[0] == 'g' ? fmt::format("outcome == 'o{}'", number) : "";
    out += fmt::format(
        "<sequenceFlow id='f{}' sourceRef='{}' targetRef='{}'>{}</sequenceFlow>", number++, flows[0],
        flows[1], condition.empty() ? "" : "<conditionExpression>" + condition + "</conditionExpression>");
    flows.remove_prefix(std::min<size_t>(3, flows.size()));
  }
  return out + "</process></definitions>";
}

TEST(Bpmn, BranchesAreEnteredAndLeftByTheirGateways) {
  const BpmnDefaults defaults{.about = "x", .start = {"y"}};
  const auto reason = [&](std::string_view flows) {
    const Told told = read(forked(flows), defaults).told;
    return told.empty() ? "" : told.front().substr(0, told.front().find(' '));
  };
  EXPECT_EQ(reason("sr rg gf ge fa fb aj bj je"), "");
  EXPECT_EQ(reason("sf fa fb aj br rg gj je"), "");
  EXPECT_EQ(reason("sf fa fb aj br rg gj ge je"), "pack.bpmn_flow") << "leaves for the end";
  EXPECT_EQ(reason("sf fa fb aj br rg gj gj je"), "pack.bpmn_flow") << "waits for one too many";
  EXPECT_EQ(reason("sf fa fb aj br rg gj gf je"), "pack.bpmn_flow") << "back to before the fork";
  EXPECT_EQ(reason("sf fa fb ae be rg gj je"), "pack.bpmn_flow") << "no join";
  EXPECT_EQ(reason("sr rg gr gf fa fb aj bj je"), "pack.bpmn_circle");
  EXPECT_EQ(reason("sf fa fb aj bj jr rg ge gf"), "pack.bpmn_flow");
  EXPECT_EQ(reason("sr rg gj gf fa fb aj bj je"), "pack.bpmn_flow") << "into the middle";
  EXPECT_EQ(reason("sa ab br rg ge ga"), "pack.bpmn_flow") << "gateways without flows";
}

Told structure(const std::string& steps) {
  Findings findings;
  const Source source = parsed("process: p\ntitle: 题\nfor: x\nstart: [y]\nsteps:\n" + steps);
  const bool written = write_bpmn(source, findings).has_value();
  EXPECT_EQ(written, findings.empty());
  return told(findings);
}

TEST(Bpmn, WhatHasNoStructureIsNotWritten) {
  const std::string two = "  f: {zh: 分, fork: [a, b], join: c}\n  a: {zh: 甲, by: y, to: c}\n";
  EXPECT_EQ(structure(two + "  b: {zh: 乙, by: y}\n  c: {zh: 丙, by: y}\n"), Told{});
  EXPECT_EQ(structure(two + "  b: {zh: 乙, by: y, to: end}\n  c: {zh: 丙, by: y}\n"),
            Told{"pack.bpmn_branches f:6:3"});
  EXPECT_EQ(structure(two + "  b: {zh: 乙, by: y, to: a}\n  c: {zh: 丙, by: y}\n"),
            Told{"pack.bpmn_branches f:7:3"});
  EXPECT_EQ(structure(two + "  b: {zh: 乙, by: y}\n  c: {zh: 丙, decide: t, to: {o: b, p: end}}\n"),
            Told{"pack.bpmn_branches f:9:3"});
  EXPECT_EQ(structure("  a: {zh: 甲, decide: t, to: {o: b, p: end}}\n  b: {zh: 乙, decide: t, to: {o: a}}\n"),
            Told{"pack.bpmn_circle f:6:3"});
}

TEST(Bpmn, HostileFilesAreRefused) {
  EXPECT_EQ(read("").told, Told{"pack.bpmn_xml f:1:1"});
  EXPECT_EQ(read("<a><b></a>").told, Told{"pack.bpmn_xml f:1:9"});
  EXPECT_EQ(read("<a/>").told, Told{"pack.bpmn_root f:1:1"});
  EXPECT_EQ(
      bent("<definitions", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><definitions").size(),
      1u);
  EXPECT_TRUE(bent("<definitions", "<!DOCTYPE a><definitions").front().starts_with("pack.bpmn_doctype f:2:"));
  std::string bomb = "<!DOCTYPE a [<!ENTITY a0 \"x\">";
  for (int i = 1; i < 40; ++i) bomb += fmt::format("<!ENTITY a{} \"&a{};&a{};\">", i, i - 1, i - 1);
  EXPECT_TRUE(read(bomb + "]><a>&a39;</a>").told.front().starts_with("pack.bpmn_doctype"));
  EXPECT_EQ(bent("name=\"填写\"", "name=\"&xxe;\""), Told{"pack.bpmn_xml f:8:33"});
  EXPECT_EQ(bent("name=\"填写\"", "name=\"a&#0;b\""), Told{"pack.bpmn_xml f:8:34"});
  EXPECT_EQ(bent("name=\"填写\"", "name=\"a&#xD800;b\""), Told{"pack.not_utf8 f:8:5"});
  EXPECT_EQ(bent("name=\"填写\"", "name=\"a&#8238;b\""), Told{"pack.control_character f:8:5"});
  EXPECT_EQ(bent("name=\"填写\"", "name=\"甲\" name=\"乙\""), Told{"pack.bpmn_xml f:8:5"});
  EXPECT_EQ(bent("flowable:formKey", "nobody:formKey"), Told{"pack.bpmn_xml f:8:5"});
  EXPECT_EQ(bent("填写", "\xff"), Told{"pack.not_utf8 f:8:33"});
  EXPECT_EQ(read(std::string(10 << 20, ' ')).told, Told{"pack.bpmn_too_large f:0:0"});
  std::string deep, wide = "<a>";
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  for (int i = 0; i < 100'000; ++i) wide += "<b/>";
  EXPECT_EQ(read(deep).told.size(), 1u);
  for (int i = 0; i < 100'000; ++i) deep += "</a>";
  EXPECT_EQ(read(deep).told, Told{"pack.bpmn_too_large f:1:193"});
  EXPECT_EQ(read(wide + "</a>").told, Told{fmt::format("pack.bpmn_too_large f:1:{}", 4 + 4 * 49'999)});
  std::string many = kLeave;
  const size_t end = many.find("<endEvent");
  std::string flows;
  for (int i = 0; i < 20'000; ++i)
    flows += fmt::format("<sequenceFlow id='m{}' sourceRef='head' targetRef='g2'/>", i);
  EXPECT_EQ(read(many.insert(end, flows)).told, Told{"pack.too_many f:4:3"});
  const size_t one_too_many = flows.find("<sequenceFlow id='m4000'");
  EXPECT_EQ(read(std::string(kLeave).insert(end, flows.substr(0, one_too_many))).told,
            Told{"pack.too_many f:4:3"});
}

// Whatever is changed in a file: a mistake that is named, or a process that the grammar allows.
TEST(Bpmn, AMutantIsRefusedOrAProcess) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  size_t refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string xml = random() % 2 == 0 ? kLeave : skipping("it.amount &gt; 3", "pay");
    const size_t at = random() % xml.size();
    switch (random() % 4) {
      case 0:
        xml[at] = char(random());
        break;
      case 1:
        xml.erase(at, 1 + random() % 20);
        break;
      case 2:
        xml.insert(at, 1, "<>&\"'/!?= x"[random() % 11]);
        break;
      default: {
        const size_t from = random() % xml.size();
        xml.insert(at, xml.substr(from, random() % 200));
      }
    }
    const Read read_back = read(xml, {.about = "bill", .start = {}});
    refused += !read_back.imported;
    if (read_back.imported) parsed(read_back.imported->yaml);
  }
  EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace chengxin::pack
