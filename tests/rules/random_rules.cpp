#include "random_rules.h"

namespace chengxin::rules::world {

std::string RandomRules::truth(int depth) {
  if (depth <= 0) return simple_truth();
  switch (below(10)) {
    case 0:
      return "!(" + truth(depth - 1) + ")";
    case 1:
    case 2:
      return "(" + truth(depth - 1) + of({" && ", " || "}) + truth(depth - 1) + ")";
    case 3:
      return "(" + truth(depth - 1) + " ? " + truth(depth - 1) + " : " + truth(depth - 1) + ")";
    case 4:
      return known(depth);
    case 5:
    case 6:
      return quantified(depth);
    default:
      return compared(depth);
  }
}

std::string RandomRules::simple_truth() {
  std::vector<std::string> choices = {"it.sealed",
                                      "true",
                                      "false",
                                      "has(it.note)",
                                      "has(it.carrier)",
                                      "it.carrier == null",
                                      "it.note == null",
                                      "it.producer.email != null",
                                      "it.state == 'draft'",
                                      "it.state in ['sent', 'closed']",
                                      "it.digest == b'\\x00'",
                                      "it.digest < b'\\xff\\x00'",
                                      "it.producer.district == me.district",
                                      "me.districts.exists(d, it.number.startsWith(d))",
                                      "me.districts.all(d, d != it.producer.district)",
                                      "it.producer.district in me.districts",
                                      "has(it.arrived) && date(it.arrived) <= today",
                                      "has(it.arrived) && it.arrived.plus_minutes(it.serial) > now",
                                      "has(it.arrived) && it.arrived.minutes_until(now) > it.serial",
                                      "it.start.hour() * 60 + it.start.minute() < 600 + it.start.second()",
                                      "it.serial > 1 / 0",
                                      "it.start > time('12:00')"};
  for (const std::string& line : lines_) choices.push_back(line + ".flag");
  return "(" + any(choices) + ")";
}

std::string RandomRules::compared(int depth) {
  const std::string order = of({" < ", " <= ", " > ", " >= ", " == ", " != "});
  switch (below(9)) {
    case 0:
    case 1:
      return "(" + integer(depth - 1) + order + integer(depth - 1) + ")";
    case 2:
    case 3:
      return "(" + decimal(depth - 1) + order + (below(4) ? decimal(depth - 1) : integer(depth - 1)) + ")";
    case 4:
      return "(" + text(depth - 1) + order + text(depth - 1) + ")";
    case 5:
      return "(" + day(depth - 1) + order + day(depth - 1) + ")";
    case 6:
      return text(depth - 1) + of({".contains(", ".startsWith(", ".endsWith("}) + text(depth - 1) + ")";
    case 7:
      return "(" + text(depth - 1) + " in " +
             (below(2) ? "[" + text(0) + ", " + text(0) + "]" : of({"it.tags", "it.lines.map(l, l.waste)"})) +
             ")";
    default:
      return of({"(it.note == ", "(it.producer.email != ", "(it.lines.map(l, l.waste).max() == "}) +
             (below(2) ? text(depth - 1) : of({"it.note", "it.producer.email"})) + ")";
  }
}

std::string RandomRules::quantified(int depth) {
  const std::string macro = of({"all", "exists", "exists", "exists_one"});
  if (below(4) == 0) {
    texts_.push_back("t");
    const std::string test = truth(depth - 2);
    texts_.pop_back();
    return "it.tags." + macro + "(t, " + test + ")";
  }
  return over_lines(depth, macro.c_str(), &RandomRules::truth);
}

std::string RandomRules::over_lines(int depth, const char* macro, std::string (RandomRules::*body)(int)) {
  const std::string list = lines(depth - 1), name = "l" + std::to_string(lines_.size());
  lines_.push_back(name);
  const std::string inside = (this->*body)(depth - 2);
  lines_.pop_back();
  return list + "." + macro + "(" + name + ", " + inside + ")";
}

std::string RandomRules::lines(int depth) {
  if (depth <= 1 || below(3)) return "it.lines";
  return over_lines(depth, "filter", &RandomRules::truth);
}

// What may be missing, where a test says that it is there.
std::string RandomRules::known(int depth) {
  auto with = [&](std::vector<std::string>& names, const std::string& name) {
    names.push_back(name);
    std::string test = truth(depth - 1);
    names.pop_back();
    const bool there = below(2);
    return there ? "(has(" + name + ") && " + test + ")" : "(" + name + " == null || " + test + ")";
  };
  if (!lines_.empty() && below(2)) return with(integers_, any(lines_) + ".count");
  if (below(2)) return with(texts_, "it.note");
  texts_.push_back("it.carrier.name");
  integers_.push_back("it.carrier.rank");
  const std::string test = truth(depth - 1);
  texts_.pop_back();
  integers_.pop_back();
  return of({"(has(it.carrier) && ", "(it.carrier == null ? it.sealed : "}) + test + ")";
}

std::string RandomRules::integer(int depth) {
  if (depth <= 0) {
    std::vector<std::string> choices = {"it.serial", "it.producer.rank",   "0", "1", "-3",
                                        "1000",      "9223372036854775807"};
    choices.insert(choices.end(), integers_.begin(), integers_.end());
    for (const std::string& line : lines_) choices.push_back(line + ".count.orValue(7)");
    return any(choices);
  }
  switch (below(9)) {
    case 0:
    case 1:
      return "(" + integer(depth - 1) + of({" + ", " - ", " * "}) + integer(depth - 1) + ")";
    case 2:
      return "(-" + integer(depth - 1) + ")";
    case 3:
      return "(" + integer(depth - 1) + of({" / 7", " % 7"}) + ")";
    case 4:
      return "(" + truth(depth - 1) + " ? " + integer(depth - 1) + " : " + integer(depth - 1) + ")";
    case 5:
      return "size(" + (below(2) ? text(depth - 1) : lines(depth - 1)) + ")";
    case 6:
      return over_lines(depth, "map", &RandomRules::integer) +
             of({".sum()", ".max().orValue(3)", ".distinct().count()"});
    case 7:
      return of({"it.lines.map(l, l.waste).distinct().count()",
                 "it.lines.map(l, has(l.count), l.count).sum()",
                 "(it.lines.map(l, l.quantity).max().orValue(0) == it.total ? 1 : 2)", "int(it.total)"});
    default:
      return day(depth - 1) + of({".days_until(today)", ".weekday()", ".year()", ".month()", ".day()"});
  }
}

std::string RandomRules::decimal(int depth) {
  if (depth <= 0) {
    std::vector<std::string> choices = {"it.total", "it.price", "me.limit", "decimal('0.5')",
                                        "decimal('-1')"};
    for (const std::string& line : lines_) choices.push_back(line + ".quantity");
    return any(choices);
  }
  switch (below(9)) {
    case 0:
    case 1:
      return "(" + decimal(depth - 1) + of({" + ", " - "}) + decimal(depth - 1) + ")";
    case 2:
      return "(" + decimal(depth - 1) + " * " +
             (below(2) ? integer(depth - 1) : std::string("decimal('0.2')")) + ")";
    case 3:
      return "(it.price * " + of({"it.price", "me.limit", "decimal('3')"}) + ")";
    case 4:
      return decimal(0) + of({".round(0, 'half_up')", ".round(4, 'down')", ".round(0, 'down')"});
    case 5:
      return "decimal(" + decimal(0) + of({", 1)", ", 3)", ", 0)"});
    case 6:
      return "abs(-" + decimal(depth - 1) + ")";
    case 7:
      return over_lines(depth, "map", &RandomRules::decimal) + ".sum()";
    default:
      return "it.lines.map(l, l.quantity)" + of({".sum()", ".min().orValue(it.total)", ".distinct().sum()"});
  }
}

std::string RandomRules::text(int depth) {
  if (depth <= 0) {
    std::vector<std::string> choices = {"it.number", "it.producer.name", "me.district",     "''", "'a'",
                                        "'危'",      "'\U0001f600'",     "string(it.state)"};
    choices.insert(choices.end(), texts_.begin(), texts_.end());
    for (const std::string& line : lines_) choices.push_back(line + ".waste");
    return any(choices);
  }
  switch (below(5)) {
    case 0:
      return "(" + text(depth - 1) + " + " + text(depth - 1) + ")";
    case 1:
      return "string(" + integer(depth - 1) + ")";
    case 2:
      return of({"it.note", "it.producer.email", "it.lines.map(l, l.waste).min()"}) + ".orValue(" +
             text(depth - 1) + ")";
    case 3:
      return "(" + truth(depth - 1) + " ? " + text(depth - 1) + " : " + text(depth - 1) + ")";
    default:
      return text(0);
  }
}

std::string RandomRules::day(int depth) {
  if (depth <= 0) return of({"it.day", "today", "today.plus_months(-2)", "date('0001-01-01')"});
  switch (below(3)) {
    case 0:
      return day(depth - 1) + ".plus_days(" + integer(depth - 1) + ")";
    case 1:
      return "(" + truth(depth - 1) + " ? " + day(depth - 1) + " : " + day(depth - 1) + ")";
    default:
      return day(0);
  }
}

}  // namespace chengxin::rules::world
