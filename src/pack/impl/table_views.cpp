#include "pack/impl/tables.h"

// Decision tables (feature 9), lists and forms (features 4 and 5).
namespace chengxin::pack {
namespace {

using Kind = Shape::Kind;

const Shape kHit{.kind = Kind::choice, .words = {"first", "unique", "collect"}};
const Shape kOutcomes{.kind = Kind::list, .id = "outcomes", .of = &name_shape()};

const Shape& rows_shape() {
  static const Shape row{
      .kind = Kind::object,
      .id = "row",
      .rows = {{"when", &rule_shape(), "条件；缺省为其余情形", "the condition; left out: otherwise"},
               {"then", &name_shape(), "结果", "the outcome", true},
               {"zh", &text_shape(), "理由", "why, in Chinese"},
               {"en", &text_shape(), "英文理由", "why, in English"},
               {"from", &date_shape(), "自此日起有效", "valid from this day on"},
               {"until", &date_shape(), "至此日止有效（含）", "valid up to this day, inclusive"}}};
  static const Shape shape{.kind = Kind::list, .id = "rows", .of = &row};
  return shape;
}

const Shape& sections_shape() {
  static const Shape section{.kind = Kind::object,
                             .id = "section",
                             .rows = {{"zh", &text_shape(), "标题", "title, in Chinese", true},
                                      {"en", &text_shape(), "英文标题", "in English"},
                                      {"fields", &names_shape(), "字段", "fields", true},
                                      {"when", &rule_shape(), "何时显示", "when it is shown"}}};
  static const Shape shape{.kind = Kind::list, .id = "sections", .of = &section};
  return shape;
}

}  // namespace

const Shape& decision_shape() {
  static const Shape shape{
      .kind = Kind::object,
      .id = "decision",
      .rows = {{"decision", &name_shape(), "决策表的标识", "the decision table's name", true},
               {"title", &titles_shape(), "名称", "title", true},
               {"note", &titles_shape(), "说明", "what it is for"},
               {"for", &name_shape(), "对哪个实体，规则中为 it", "the entity that rules read as it", true},
               {"hit", &kHit, "取首个（缺省）、须唯一、取全部",
                "the first (unless said otherwise), the only one, all"},
               {"gives", &kOutcomes, "可能的结果", "what may come out", true},
               {"rows", &rows_shape(), "各行", "its rows", true}}};
  return shape;
}

const Shape& view_shape() {
  static const Shape shape{
      .kind = Kind::object,
      .id = "view",
      .rows = {{"view", &name_shape(), "视图的标识", "the view's name", true},
               {"title", &titles_shape(), "名称", "title", true},
               {"note", &titles_shape(), "说明", "what it is for"},
               {"list", &name_shape(), "此实体的列表", "a list of this entity"},
               {"form", &name_shape(), "此实体的表单", "a form of this entity"},
               {"columns", &names_shape(), "列", "columns", false, "list"},
               {"filters", &names_shape(), "可筛选的字段", "fields that it is filtered by", false, "list"},
               {"search", &names_shape(), "全文检索的字段", "fields of the full-text search", false, "list"},
               {"newest", &name_shape(), "按此字段自新到旧排列", "sorted by this field, the newest first",
                false, "list"},
               {"where", &rule_shape(), "只列出哪些记录", "which records are in it", false, "list"},
               {"sections", &sections_shape(), "分区", "sections", false, "form"}},
      .one_of = {"list", "form"}};
  return shape;
}

}  // namespace chengxin::pack
