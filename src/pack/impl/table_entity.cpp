#include "pack/impl/tables.h"

// Entities and their fields (features 1 to 3).
namespace chengxin::pack {
namespace {

using Kind = Shape::Kind;

const Shape kPresent{.kind = Kind::choice, .words = {"true"}};
const Shape kTextKind{
    .kind = Kind::choice,
    .words = {"line", "long", "phone", "email", "url", "id_card", "credit_code", "postcode", "plate"}};
const Shape kDigits{.kind = Kind::whole, .least = 0, .most = 9};
const Shape kCurrency{.kind = Kind::choice, .words = {"CNY", "USD", "EUR", "GBP", "HKD", "JPY", "MOP"}};
const Shape kPrecision{.kind = Kind::choice, .words = {"minute", "second"}};
const Shape kFileType{.kind = Kind::choice,
                      .words = {"pdf", "ofd", "jpg", "png", "docx", "xlsx", "csv", "txt", "zip", "mp4"}};
const Shape kFileTypes{.kind = Kind::list, .of = &kFileType};
const Shape kAnyFile{.kind = Kind::choice, .words = {"any"}};
const Shape kAttachment{.kind = Kind::either, .either = {&kAnyFile, &kFileTypes}};
const Shape kGeometry{.kind = Kind::choice, .words = {"point", "line", "area"}};
const Shape kSensitivity{.kind = Kind::choice, .words = {"public", "internal", "personal", "secret"}};
const Shape kRecord{.kind = Kind::choice, .words = {"none", "digest", "encrypted", "full"}};
const Shape kOnDelete{.kind = Kind::choice, .words = {"refuse", "clear", "delete"}};
const Shape kSearch{.kind = Kind::choice, .words = {"equal"}};
const Shape kDelete{.kind = Kind::choice, .words = {"keep", "erase", "never"}};
const Shape kLength{.kind = Kind::whole, .least = 1, .most = 1000000};
const Shape kMegabytes{.kind = Kind::whole, .least = 1, .most = 4096};
const Shape kUnit{.kind = Kind::text, .most = 20};
const Shape kConstant{.kind = Kind::constant, .id = "constant"};
const Shape kPattern{.kind = Kind::pattern, .most = 500};
const Shape kNumber{.kind = Kind::text, .most = 100};

const Shape& default_shape() {
  static const Shape computed{
      .kind = Kind::object,
      .id = "initial_rule",
      .rows = {{"rule", &rule_shape(), "在建立记录时计算", "computed when the record is made", true}}};
  static const Shape shape{.kind = Kind::either, .id = "initial", .either = {&kConstant, &computed}};
  return shape;
}

std::vector<Row> type_rows(const Shape* fields) {
  return {{"text", &kTextKind, "文本", "text"},
          {"whole", &kPresent, "整数", "a whole number"},
          {"decimal", &kDigits, "精确小数：小数位数", "an exact number: digits behind the point"},
          {"money", &kCurrency, "金额：币种，两位小数", "money: the currency; two digits"},
          {"flag", &kPresent, "是否", "yes or no"},
          {"date", &kPresent, "日期", "a day"},
          {"time", &kPrecision, "时刻", "a time of day"},
          {"instant", &kPrecision, "日期时间", "a day and time"},
          {"dictionary", &name_shape(), "字典中的一个代码", "a code of this dictionary"},
          {"tree", &name_shape(), "字典树中的一个节点", "a node of this dictionary's tree"},
          {"ref", &name_shape(), "引用此实体的一条记录", "a record of this entity"},
          {"attachment", &kAttachment, "附件：文件类型", "a file: its types"},
          {"geometry", &kGeometry, "几何图形（CGCS2000）", "a geometry (CGCS2000)"},
          {"table", fields, "子表：各列", "a table inside the record: its columns"},
          {"json", &kPresent, "任意 JSON", "any JSON"}};
}

std::vector<Row> option_rows() {
  return {
      {"zh", &text_shape(), "中文名称", "Chinese title"},
      {"en", &text_shape(), "英文名称", "English title"},
      {"note", &titles_shape(), "填写说明", "how to fill it in"},
      {"required", &flag_shape(), "必填", "has to be filled in"},
      {"default", &default_shape(), "缺省值，或 {rule: …}", "what it is when nothing is given, or {rule: …}"},
      {"value", &rule_shape(), "计算得出，不可填写", "computed; nobody fills it in"},
      {"unique", &flag_shape(), "不得重复", "no two records have the same", false,
       "text whole decimal date dictionary ref"},
      {"unit", &kUnit, "单位", "unit", false, "whole decimal"},
      {"min", &kConstant, "最小值", "least", false, "whole decimal money date"},
      {"max", &kConstant, "最大值", "most", false, "whole decimal money date"},
      {"shortest", &kLength, "最少字符数", "least characters", false, "text"},
      {"longest", &kLength, "最多字符数", "most characters", false, "text"},
      {"pattern", &kPattern, "正则表达式", "a regular expression", false, "text"},
      {"many", &flag_shape(), "可有多个", "several of them", false, "dictionary tree ref attachment"},
      {"where", &rule_shape(), "可选哪些：it 为候选，record 为本记录",
       "which may be chosen: it is the candidate, record this record", false, "ref dictionary tree"},
      {"on_delete", &kOnDelete, "被引用记录删除时：拒绝、清空、一并删除",
       "when the record it names is deleted: refuse, clear, or delete this one too", false, "ref"},
      {"largest_mb", &kMegabytes, "单个文件上限（MB）", "a file's limit in MB", false, "attachment"},
      {"sensitivity", &kSensitivity, "敏感级别", "sensitivity"},
      {"search", &kSearch, "加密后仍可按相等查找", "can be looked up though it is encrypted", false, "text"},
      {"chain", &kRecord, "上链方式", "what of it the chain holds"}};
}

const Shape& fields_shape() {
  static Shape map{
      .kind = Kind::map, .id = "fields", .most = kMostFields, .names = &name_shape(), .reserved = true};
  static const Shape word{.kind = Kind::choice,
                          .words = {"text", "whole", "money", "flag", "date", "time", "instant", "attachment",
                                    "geometry", "json"}};
  static Shape object{.kind = Kind::object, .id = "field"};
  static const Shape field{
      .kind = Kind::either, .id = "field_short", .either = {&word, &object}, .short_for = "*"};
  [[maybe_unused]] static const bool made = [] {  // columns of a table are fields
    object.rows = type_rows(&map);
    for (const Row& row : object.rows) object.one_of.push_back(row.name);
    for (const Row& row : option_rows()) object.rows.push_back(row);
    map.of = &field;
    return true;
  }();
  return map;
}

const Shape& states_shape() {
  static const Shape object{.kind = Kind::object,
                            .id = "state",
                            .rows = {{"zh", &text_shape(), "中文名称", "Chinese title", true},
                                     {"en", &text_shape(), "英文名称", "English title"},
                                     {"to", &names_shape(), "之后可到的状态；缺省为终态",
                                      "the states that follow; left out: it is the last"},
                                     {"by", &names_shape(), "谁可以转出此状态", "who may move it on"},
                                     {"when", &rule_shape(), "转出的条件", "on what condition"}}};
  static const Shape state{
      .kind = Kind::either, .id = "state_short", .either = {&text_shape(), &object}, .short_for = "zh"};
  static const Shape shape{.kind = Kind::map, .id = "states", .of = &state, .names = &name_shape()};
  return shape;
}

const Shape& checks_shape() {
  static const Shape key{.kind = Kind::key, .id = "key"};
  static const Shape check{
      .kind = Kind::object,
      .id = "check",
      .rows = {{"rule", &rule_shape(), "必须成立的条件", "what has to hold", true},
               {"reason", &key, "不成立时的原因键", "the reason when it does not", true},
               {"zh", &text_shape(), "中文说明；缺省取自 texts", "in Chinese; left out: from texts"},
               {"en", &text_shape(), "英文说明", "in English"},
               {"at", &name_shape(), "在哪个字段处显示", "the field beside which it is shown"}}};
  static const Shape shape{.kind = Kind::list, .id = "checks", .of = &check};
  return shape;
}

const Shape& access_shape() {
  static const Shape role{
      .kind = Kind::object,
      .id = "access",
      .rows = {
          {"read", &rule_shape(), "可读哪些：all、own 或条件", "which it reads: all, own, or a rule"},
          {"create", &flag_shape(), "可新建", "makes new ones"},
          {"change", &rule_shape(), "可改哪些：all、own 或条件", "which it changes: all, own, or a rule"},
          {"delete", &rule_shape(), "可删哪些：all、own 或条件", "which it deletes: all, own, or a rule"},
          {"hide", &names_shape(), "看不到的字段", "fields that it does not see"},
          {"mask", &names_shape(), "只见掩码的字段", "fields that it sees masked"},
          {"fixed", &names_shape(), "可见而不可改的字段", "fields that it sees and does not change"}}};
  static const Shape shape{.kind = Kind::map, .id = "access_by_role", .of = &role, .names = &name_shape()};
  return shape;
}

const Shape& chain_shape() {
  static const Shape shape{.kind = Kind::object,
                           .id = "chain",
                           .rows = {{"on", &name_shape(), "哪条链", "which chain", true},
                                    {"record", &kRecord, "各字段的上链方式，字段可另定",
                                     "what the chain holds of each field, unless it says otherwise", true}}};
  return shape;
}

}  // namespace

const Shape& entity_shape() {
  static const Shape keys{.kind = Kind::list, .id = "keys", .of = &names_shape()};
  static const Shape shape{
      .kind = Kind::object,
      .id = "entity",
      .rows = {
          {"entity", &name_shape(), "实体的标识", "the entity's name", true},
          {"title", &titles_shape(), "名称", "title", true},
          {"note", &titles_shape(), "说明", "what it is for"},
          {"label", &name_shape(), "以哪个字段称呼一条记录", "the field by which a record is called"},
          {"number", &kNumber, "编号规则", "the rule for its numbers"},
          {"owner", &name_shape(), "归属：引用字段，或 creator",
           "whose it is: a field that refers to one, or creator"},
          {"chain", &chain_shape(), "上链", "what goes on a chain"},
          {"sensitivity", &kSensitivity, "敏感级别，字段可另定",
           "sensitivity, unless a field says otherwise"},
          {"tags", &name_shape(), "标签取自此字典", "tags, from this dictionary"},
          {"delete", &kDelete, "删除：留存（缺省）、抹除、不可",
           "deleting: kept out of sight (unless said otherwise), erased, never"},
          {"fields", &fields_shape(), "字段", "fields", true},
          {"unique", &keys, "不得同时重复的字段组", "fields that are not the same together"},
          {"states", &states_shape(), "状态，首个为初始", "states; the first is where it begins"},
          {"checks", &checks_shape(), "跨字段校验", "what has to hold across fields"},
          {"access", &access_shape(), "各角色的权限；未写即无", "what each role may; nothing unless said"}}};
  return shape;
}

}  // namespace chengxin::pack
