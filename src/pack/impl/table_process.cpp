#include "pack/impl/tables.h"

// Processes (feature 7): the steps and who does them; calendars (feature 14): which days are worked.
namespace chengxin::pack {
namespace {

using Kind = Shape::Kind;

const Shape kDuration{.kind = Kind::duration, .id = "duration"};
const Shape kOnLate{.kind = Kind::choice, .words = {"remind", "escalate"}};
const Shape kVerb{.kind = Kind::choice,
                  .words = {"add_before", "add_after", "hand_over", "delegate", "copy", "urge"}};
const Shape kVerbs{.kind = Kind::list, .id = "verbs", .of = &kVerb};
constexpr std::string_view kOfPeople = "by all_of any_of in_turn";

const Shape& to_shape() {
  static const Shape outcomes{
      .kind = Kind::map, .id = "to_by_outcome", .of = &name_shape(), .names = &name_shape()};
  static const Shape shape{.kind = Kind::either, .id = "to", .either = {&name_shape(), &outcomes}};
  return shape;
}

const Shape& steps_shape() {
  static const Shape step{
      .kind = Kind::object,
      .id = "step",
      .rows = {{"zh", &text_shape(), "名称", "title, in Chinese", true},
               {"en", &text_shape(), "英文名称", "in English"},
               {"by", &name_shape(), "由谁办理：角色、引用字段或 starter",
                "who does it: a role, a field that refers, or starter"},
               {"all_of", &names_shape(), "会签：全部办理", "all of these do it"},
               {"any_of", &names_shape(), "或签：其一办理", "any one of these does it"},
               {"in_turn", &names_shape(), "依次办理", "these do it, one after the other"},
               {"decide", &name_shape(), "由此决策表判定", "this decision table decides"},
               {"wait", &kDuration, "等待时长", "waits so long"},
               {"fork", &names_shape(), "并行：各分支的首个步骤",
                "branches side by side: the first step of each"},
               {"join", &name_shape(), "各分支都到达后继续的步骤", "the step that waits for all branches",
                false, "fork"},
               {"to", &to_shape(), "下一步骤，或按结果；缺省为下一个；end 为结束",
                "the step after it, or one for each outcome; left out: the next one; end"},
               {"when", &rule_shape(), "不成立则跳过", "skipped when this does not hold", false, kOfPeople},
               {"form", &name_shape(), "所用的表单", "the form that it shows", false, kOfPeople},
               {"state", &name_shape(), "到达时的状态", "the record's state from here on"},
               {"within", &kDuration, "办理时限", "how long it may take", false, kOfPeople},
               {"on_late", &kOnLate, "逾期时：催办、上报", "when it takes longer: remind, escalate", false,
                "within"},
               {"escalate_to", &name_shape(), "上报给哪个角色", "the role that it is escalated to", false,
                "on_late"},
               {"back", &names_shape(), "可退回的步骤", "steps that it may be returned to", false, kOfPeople},
               {"may", &kVerbs, "还可：前加签、后加签、转办、委派、抄送、催办",
                "what else may be done: add others before or after, hand over, delegate, copy, urge", false,
                kOfPeople}},
      .one_of = {"by", "all_of", "any_of", "in_turn", "decide", "wait", "fork"}};
  static const Shape shape{.kind = Kind::map, .id = "steps", .of = &step, .names = &name_shape()};
  return shape;
}

}  // namespace

const Shape& process_shape() {
  static const Shape shape{
      .kind = Kind::object,
      .id = "process",
      .rows = {
          {"process", &name_shape(), "流程的标识", "the process's name", true},
          {"title", &titles_shape(), "名称", "title", true},
          {"note", &titles_shape(), "说明", "what it is for"},
          {"for", &name_shape(), "对哪个实体", "the entity that it is about", true},
          {"start", &names_shape(), "哪些角色可发起", "roles that may start it", true},
          {"steps", &steps_shape(), "步骤，首个为开始", "steps; the first is where it begins", true},
          {"withdraw_before", &name_shape(), "到此步骤前发起人可撤回",
           "the starter may withdraw it before this step"},
          {"calendar", &name_shape(), "时限所依的工作日历", "the calendar that its lengths of time go by"}}};
  return shape;
}

const Shape& calendar_shape() {
  static const Shape day{
      .kind = Kind::object,
      .id = "calendar_day",
      .rows = {{"off", &date_shape(), "此日放假", "this day is off"},
               {"work", &date_shape(), "此日上班（调休）", "this day is worked, though it is of a weekend"},
               {"until", &date_shape(), "放假至此日（含）", "off up to this day, inclusive", false, "off"},
               {"zh", &text_shape(), "名称", "its name, in Chinese", true},
               {"en", &text_shape(), "英文名称", "in English"}},
      .one_of = {"off", "work"}};
  static const Shape days{.kind = Kind::list, .id = "calendar_days", .most = 2000, .of = &day};
  static const Shape shape{
      .kind = Kind::object,
      .id = "calendar",
      .rows = {{"calendar", &name_shape(), "日历的标识", "the calendar's name", true},
               {"title", &titles_shape(), "名称", "title", true},
               {"note", &titles_shape(), "说明", "what it is for"},
               {"source", &text_shape(), "依据的文件", "the notice that it follows"},
               {"days", &days, "与周末不同的日子", "days that are not as the week would have them", true}}};
  return shape;
}

}  // namespace chengxin::pack
