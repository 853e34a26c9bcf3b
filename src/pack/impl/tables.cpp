#include "pack/impl/tables.h"

namespace chengxin::pack {
namespace {

using Kind = Shape::Kind;

const Shape& version_shape() {
  static const Shape shape{.kind = Kind::version, .id = "version"};
  return shape;
}
const Shape& range_shape() {
  static const Shape shape{.kind = Kind::range, .id = "range"};
  return shape;
}
const Shape& code_shape() {
  static const Shape shape{.kind = Kind::code, .id = "code"};
  return shape;
}
const Shape& key_shape() {
  static const Shape shape{.kind = Kind::key, .id = "key"};
  return shape;
}

const Shape& menus_shape() {
  static Shape list{.kind = Kind::list, .id = "menus"};
  static const Shape menu{
      .kind = Kind::object,
      .id = "menu",
      .rows = {{"zh", &text_shape(), "显示的名称", "what is shown, in Chinese", true},
               {"en", &text_shape(), "英文名称", "in English"},
               {"entity", &name_shape(), "打开此实体的列表", "opens the list of this entity"},
               {"view", &name_shape(), "打开此视图", "opens this view"},
               {"roles", &names_shape(), "谁能看到；缺省为能读该实体的角色",
                "who sees it; left out: the roles that may read the entity"},
               {"items", &list, "下级菜单", "menus below it"}},
      .one_of = {"entity", "view", "items"}};
  list.of = &menu;
  return list;
}

const Shape& titled_shape() {
  static const Shape object{.kind = Kind::object,
                            .id = "titled",
                            .rows = {{"zh", &text_shape(), "中文名称", "Chinese title", true},
                                     {"en", &text_shape(), "英文名称", "English title"},
                                     {"note", &titles_shape(), "说明", "what it is for"}}};
  static const Shape shape{
      .kind = Kind::either, .id = "titled_short", .either = {&text_shape(), &object}, .short_for = "zh"};
  return shape;
}

const Shape& codes_shape() {
  static Shape map{.kind = Kind::map, .id = "codes", .most = 20'000, .names = &code_shape()};
  static const Shape object{
      .kind = Kind::object,
      .id = "code_described",
      .rows = {{"zh", &text_shape(), "中文名称", "Chinese title", true},
               {"en", &text_shape(), "英文名称", "English title"},
               {"note", &titles_shape(), "说明", "what it means"},
               {"from", &date_shape(), "自此日起有效", "valid from this day on"},
               {"until", &date_shape(), "至此日止有效（含）", "valid up to this day, inclusive"},
               {"codes", &map, "下级代码", "the codes below it"}}};
  static const Shape code{
      .kind = Kind::either, .id = "code_entry", .either = {&text_shape(), &object}, .short_for = "zh"};
  map.of = &code;
  return map;
}

}  // namespace

const Shape& text_shape() {
  static const Shape shape{.kind = Kind::text, .most = 2000};
  return shape;
}
const Shape& name_shape() {
  static const Shape shape{.kind = Kind::name, .id = "name"};
  return shape;
}
const Shape& rule_shape() {
  static const Shape shape{.kind = Kind::rule, .id = "rule", .most = 16 << 10};
  return shape;
}
const Shape& date_shape() {
  static const Shape shape{.kind = Kind::date, .id = "date"};
  return shape;
}
const Shape& flag_shape() {
  static const Shape shape{.kind = Kind::flag};
  return shape;
}
const Shape& names_shape() {
  static const Shape shape{.kind = Kind::list, .id = "names", .of = &name_shape()};
  return shape;
}
const Shape& titles_shape() {
  static const Shape object{
      .kind = Kind::object,
      .id = "titles",
      .rows = {{"zh", &text_shape(), "中文", "Chinese", true}, {"en", &text_shape(), "英文", "English"}}};
  static const Shape shape{
      .kind = Kind::either, .id = "titles_short", .either = {&text_shape(), &object}, .short_for = "zh"};
  return shape;
}

const Shape& pack_shape() {
  static const Shape uses{.kind = Kind::map, .of = &range_shape(), .names = &name_shape()};
  static const Shape titled{.kind = Kind::map, .of = &titled_shape(), .names = &name_shape()};
  static const Shape shape{
      .kind = Kind::object,
      .id = "pack",
      .rows = {
          {"pack", &name_shape(), "场景包的标识", "the pack's name", true},
          {"version", &version_shape(), "版本：主.次.修订", "its version: major.minor.patch", true},
          {"title", &titles_shape(), "名称", "title", true},
          {"note", &titles_shape(), "说明", "what it is for"},
          {"engine", &range_shape(), "所需的引擎版本", "versions of the engine that it works with", true},
          {"uses", &uses, "所用的其他包及其版本", "other packs that it uses, and which versions"},
          {"chains", &titled, "所用的链", "the chains it writes to"},
          {"roles", &titled, "角色", "roles"},
          {"menus", &menus_shape(), "菜单", "menus"}}};
  return shape;
}

const Shape& dictionary_shape() {
  static const Shape shape{
      .kind = Kind::object,
      .id = "dictionary",
      .rows = {{"dictionary", &name_shape(), "字典的标识", "the dictionary's name", true},
               {"title", &titles_shape(), "名称", "title", true},
               {"note", &titles_shape(), "说明", "what it is for"},
               {"source", &text_shape(), "依据的标准或文件", "the standard or document that it follows"},
               {"version", &text_shape(), "该依据的版本", "the version of that"},
               {"from", &date_shape(), "自此日起有效", "valid from this day on"},
               {"until", &date_shape(), "至此日止有效（含）", "valid up to this day, inclusive"},
               {"codes", &codes_shape(), "代码，可逐级嵌套", "codes; they may hold others", true}}};
  return shape;
}

const Shape& texts_shape() {
  static const Shape texts{.kind = Kind::map, .most = 10'000, .of = &text_shape(), .names = &key_shape()};
  static const Shape words{.kind = Kind::choice, .words = {"zh-CN", "en"}};
  static const Shape shape{.kind = Kind::object,
                           .id = "texts",
                           .rows = {{"language", &words, "语言", "the language", true},
                                    {"texts", &texts, "文本", "texts by their keys", true}}};
  return shape;
}

const std::vector<FileKind>& file_kinds() {
  static const std::vector<FileKind> kinds{
      {"pack", "", "pack", &pack_shape(), "场景包", "the pack"},
      {"dictionary", "dictionaries", "dictionary", &dictionary_shape(), "字典", "a dictionary"},
      {"entity", "entities", "entity", &entity_shape(), "实体", "an entity"},
      {"decision", "rules", "decision", &decision_shape(), "决策表", "a decision table"},
      {"process", "processes", "process", &process_shape(), "流程", "a process"},
      {"calendar", "calendars", "calendar", &calendar_shape(), "工作日历", "a calendar of working days"},
      {"view", "views", "view", &view_shape(), "列表或表单", "a list or form"},
      {"texts", "texts", "language", &texts_shape(), "文本", "texts in one language"}};
  return kinds;
}

}  // namespace chengxin::pack
