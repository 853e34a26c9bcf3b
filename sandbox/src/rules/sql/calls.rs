//! Operators and functions in SQL. What is not here is refused.
use super::fragment::{fill, joined, literal, Dialect, Sql};
use super::{Compiler, Made};
use crate::rules::calendar::{DAY_MS, DEFAULT_ZONE_MINUTES, FIRST_DAY, LAST_DAY};
use crate::rules::decimal::{power, UNITS_END};
use crate::rules::lower::{Kind, Node};
use crate::rules::types::Type;
use crate::rules::value::Value;
use crate::rules::Fault;

fn scale_of(of: &Type) -> u8 {
    match of.present() {
        Type::Decimal { scale, .. } => *scale,
        _ => 0,
    }
}

fn is_decimal(of: &Type) -> bool {
    matches!(of.present(), Type::Decimal { .. })
}

fn is_null(node: &Node) -> bool {
    matches!(node.kind, Kind::Constant(Value::Null))
}

impl Compiler<'_> {
    pub fn call(&mut self, node: &Node, name: &str, arguments: &[Node]) -> Made {
        match (name, arguments) {
            ("!_", [a]) => fill("(NOT {})", &[&self.scalar(a)?]),
            ("_+_" | "_-_" | "_*_", [a, b]) => self.arithmetic(node, name, a, b),
            ("-_", [a]) => self.negated(node, a),
            ("_/_" | "_%_", [a, b]) => self.whole_division(name, a, b),
            ("_==_", [a, b]) => self.equality(a, b),
            ("_!=_", [a, b]) => fill("(NOT {})", &[&self.equality(a, b)?]),
            ("_<_" | "_<=_" | "_>_" | "_>=_", [a, b]) => self.ordered(name.trim_matches('_'), a, b),
            ("@in", [a, list]) => self.within(a, list),
            ("contains" | "startsWith" | "endsWith", [a, b]) => self.texts(name, a, b),
            ("size" | "count", [a]) => match self.type_of(a) {
                Type::List(_) => self.rows(a).and_then(|rows| self.count(&rows)),
                Type::Map(_) => Err(Fault::new("rules.sql_list", "maps have no form in SQL")),
                _ => fill("length({})", &[&self.scalar(a)?]),
            },
            ("sum", [list]) => self.rows(list).and_then(|rows| self.sum(&rows, self.type_of(node))),
            ("min" | "max", [list]) => self.rows(list).and_then(|rows| self.extreme(&rows, name, self.type_of(node))),
            ("orValue", [a, b]) => self.or_value(node, a, b),
            ("decimal", [a, ..]) if self.type_of(a).is_number() => self.to_scale(a, scale_of(self.type_of(node))),
            ("round", [a, _, rounding]) => self.rounded(a, scale_of(self.type_of(node)), rounding),
            ("abs", [a]) if is_decimal(self.type_of(a)) => fill("abs({})", &[&self.scalar(a)?]),
            ("int", [a]) if self.type_of(a).is_number() => {
                let units = self.scalar(a)?;
                self.divided(&units, power(scale_of(self.type_of(a))))
            }
            ("string", [a]) if *self.type_of(a) == Type::Int => fill("CAST({} AS text)", &[&self.scalar(a)?]),
            ("string", [a]) if self.type_of(a).is_text() => self.scalar(a),
            _ => self.time_call(name, arguments),
        }
    }

    fn time_call(&mut self, name: &str, arguments: &[Node]) -> Made {
        let (first, last) = (i64::from(FIRST_DAY), i64::from(LAST_DAY));
        match (name, arguments) {
            ("plus_days", [a, b]) => {
                let (a, b) = (self.numeric(a)?, self.numeric(b)?);
                self.between(&fill("({} + {})", &[&a, &b])?, first, last)
            }
            ("plus_minutes", [a, b]) => {
                let (a, b) = (self.numeric(a)?, self.numeric(b)?);
                let sum = fill("({} + {} * 60000)", &[&a, &b])?;
                self.between(&sum, (first + 1) * DAY_MS, last * DAY_MS - 1)
            }
            ("days_until", [a, b]) => self.difference(b, a),
            ("minutes_until", [a, b]) => {
                let difference = self.difference(b, a)?;
                self.divided(&difference, 60_000)
            }
            // The first day is a Monday.
            ("weekday", [a]) => fill(&format!("(({{}} + {}) % 7 + 1)", -first), &[&self.scalar(a)?]),
            ("year" | "month" | "day", [a]) => self.day_part(name, a),
            ("hour", [a]) => {
                let seconds = self.scalar(a)?;
                self.divided(&seconds, 3600)
            }
            ("minute", [a]) => {
                let seconds = self.scalar(a)?;
                fill("({} % 60)", &[&self.divided(&seconds, 60)?])
            }
            ("second", [a]) => fill("({} % 60)", &[&self.scalar(a)?]),
            ("date", [a]) if *self.type_of(a) == Type::Instant => {
                // Counted from the first day on, so that no number is below zero.
                let shift = (1 - first) * DAY_MS + i64::from(DEFAULT_ZONE_MINUTES) * 60_000;
                let shifted = fill(&format!("({{}} + {shift})"), &[&self.scalar(a)?])?;
                fill(&format!("({{}} - {})", 1 - first), &[&self.divided(&shifted, i128::from(DAY_MS))?])
            }
            _ => Err(Fault::new("rules.sql_function", format!("{} has no form in SQL", name.trim_matches('_')))),
        }
    }

    fn difference(&mut self, a: &Node, b: &Node) -> Made {
        let (a, b) = (self.scalar(a)?, self.scalar(b)?);
        fill("({} - {})", &[&a, &b])
    }

    fn day_part(&mut self, name: &str, a: &Node) -> Made {
        let day = self.scalar(a)?;
        match self.dialect {
            Dialect::Sqlite => {
                let format = &name[..1];
                let format = if name == "year" { "Y" } else { format };
                fill(&format!("CAST(strftime('%{format}', {{}} * 86400, 'unixepoch') AS integer)"), &[&day])
            }
            Dialect::Postgresql => {
                fill(&format!("CAST(extract({name} FROM DATE '1970-01-01' + CAST({{}} AS integer)) AS bigint)"), &[&day])
            }
        }
    }

    /// So that PostgreSQL neither overflows nor fails; SQLite turns what overflows into REAL, beyond every limit here.
    fn wide(&self, number: &Sql) -> Made {
        match self.dialect {
            Dialect::Sqlite => Ok(number.clone()),
            Dialect::Postgresql => fill("CAST({} AS numeric)", &[number]),
        }
    }

    fn numeric(&mut self, node: &Node) -> Made {
        let number = self.scalar(node)?;
        self.wide(&number)
    }

    /// NULL where a number is not among these. Both functions of PostgreSQL pass over NULL, those of SQLite give NULL.
    fn between(&self, number: &Sql, from: i64, to: i64) -> Made {
        let (below, above) = (i128::from(from) - 1, i128::from(to) + 1);
        let (most, least) = match self.dialect {
            Dialect::Sqlite => ("max", "min"),
            Dialect::Postgresql => ("greatest", "least"),
        };
        let template = format!("nullif(nullif({most}({least}({{}}, {above}), {below}), {above}), {below})");
        fill(&template, &[number]).map(Sql::faulting)
    }

    pub fn within_decimal(&self, units: &Sql) -> Made {
        self.between(units, (1 - UNITS_END) as i64, (UNITS_END - 1) as i64)
    }

    /// Of a sum of ints in PostgreSQL.
    pub fn within_int(&self, number: &Sql) -> Made {
        self.between(number, i64::MIN, i64::MAX)
    }

    /// Of ints: in SQLite what overflowed stays REAL through + - and *, so the outermost of them looks.
    fn int_operand(&mut self, node: &Node) -> Made {
        if self.dialect == Dialect::Sqlite && self.reads_row(node) && *self.type_of(node) == Type::Int {
            if let Kind::Call { function, arguments } = &node.kind {
                match (function.name(), arguments.as_slice()) {
                    (name @ ("_+_" | "_-_" | "_*_"), [a, b]) => return self.int_operation(name, a, b),
                    ("-_", [a]) => return fill("(- {})", &[&self.int_operand(a)?]).map(Sql::faulting),
                    _ => {}
                }
            }
        }
        self.numeric(node)
    }

    fn int_operation(&mut self, name: &str, a: &Node, b: &Node) -> Made {
        let (a, b) = (self.int_operand(a)?, self.int_operand(b)?);
        fill(&format!("({{}} {} {{}})", name.trim_matches('_')), &[&a, &b]).map(Sql::faulting)
    }

    fn int_result(&self, number: &Sql) -> Made {
        match self.dialect {
            Dialect::Sqlite => fill("(CASE typeof({}) WHEN 'integer' THEN {} END)", &[number, number]),
            Dialect::Postgresql => self.within_int(number),
        }
    }

    fn arithmetic(&mut self, node: &Node, name: &str, a: &Node, b: &Node) -> Made {
        let of = self.type_of(node);
        match of {
            Type::Text => {
                let (a, b) = (self.scalar(a)?, self.scalar(b)?);
                fill("({} || {})", &[&a, &b])
            }
            Type::Int => {
                let made = self.int_operation(name, a, b)?;
                self.int_result(&made)
            }
            Type::Decimal { scale, .. } => {
                let (to_a, to_b) = if name == "_*_" { (None, None) } else { (Some(*scale), Some(*scale)) };
                let (a, b) = (self.decimal_operand(a, to_a)?, self.decimal_operand(b, to_b)?);
                self.within_decimal(&fill(&format!("({{}} {} {{}})", name.trim_matches('_')), &[&a, &b])?)
            }
            other => Err(Fault::new("rules.sql_type", format!("{other} has no arithmetic in SQL"))),
        }
    }

    /// Units, of this scale where one is said; an int is in range first, as a decimal is.
    fn decimal_operand(&mut self, node: &Node, scale: Option<u8>) -> Made {
        let of = self.type_of(node);
        let mut units = self.numeric(node)?;
        if !is_decimal(of) {
            units = self.within_decimal(&units)?;
        }
        self.scaled(&units, scale_of(of), scale.unwrap_or(scale_of(of)))
    }

    /// From one scale to a larger one, beyond all limits.
    fn scaled(&self, units: &Sql, from: u8, to: u8) -> Made {
        if from >= to {
            return Ok(units.clone());
        }
        fill(&format!("({{}} * {})", power(to - from)), &[&self.wide(units)?])
    }

    fn negated(&mut self, node: &Node, a: &Node) -> Made {
        if is_decimal(self.type_of(node)) {
            return fill("(- {})", &[&self.scalar(a)?]);
        }
        let operand = self.int_operand(a)?;
        self.int_result(&fill("(- {})", &[&operand])?.faulting())
    }

    /// Towards zero.
    fn divided(&self, number: &Sql, by: i128) -> Made {
        match self.dialect {
            Dialect::Sqlite => fill(&format!("({{}} / {by})"), &[number]),
            Dialect::Postgresql => fill(&format!("div(CAST({{}} AS numeric), {by})"), &[number]),
        }
    }

    fn whole_division(&mut self, name: &str, a: &Node, b: &Node) -> Made {
        let by = match b.kind {
            Kind::Constant(Value::Int(by)) if by > 0 => by,
            _ => return Err(Fault::new("rules.sql_function", "in SQL the divisor is a number above zero in the rule itself").or_at(b.at)),
        };
        let number = self.scalar(a)?;
        match name {
            "_/_" => self.divided(&number, i128::from(by)),
            _ => fill(&format!("({{}} % {by})"), &[&number]),
        }
    }

    fn to_scale(&mut self, a: &Node, scale: u8) -> Made {
        let of = self.type_of(a);
        let from = scale_of(of);
        if from <= scale {
            let units = self.decimal_operand(a, Some(scale))?;
            return if from == scale && is_decimal(of) { Ok(units) } else { self.within_decimal(&units) };
        }
        let (units, factor) = (self.scalar(a)?, power(from - scale));
        let quotient = self.divided(&units, factor)?;
        Ok(fill(&format!("(CASE {{}} % {factor} WHEN 0 THEN {{}} END)"), &[&units, &quotient])?.faulting())
    }

    fn rounded(&mut self, a: &Node, scale: u8, rounding: &Node) -> Made {
        let from = scale_of(self.type_of(a));
        if from <= scale {
            return self.to_scale(a, scale);
        }
        let (units, factor) = (self.scalar(a)?, power(from - scale));
        match &rounding.kind {
            Kind::Constant(Value::String(name)) if &**name == "down" => self.divided(&units, factor),
            Kind::Constant(Value::String(name)) if &**name == "half_up" => {
                let half = factor / 2;
                let away = fill(&format!("({{}} + CASE WHEN {{}} < 0 THEN -{half} ELSE {half} END)"), &[&units, &units])?;
                self.divided(&away, factor)
            }
            _ => Err(Fault::new("rules.sql_function", "in SQL rounding is down or half_up")),
        }
    }

    pub fn collation(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => " COLLATE BINARY",
            Dialect::Postgresql => " COLLATE \"C\"",
        }
    }

    fn ordered(&mut self, operator: &str, a: &Node, b: &Node) -> Made {
        let (of_a, of_b) = (self.type_of(a), self.type_of(b));
        let (a, b) = (self.scalar(a)?, self.scalar(b)?);
        let (a, b) = self.alike(&a, of_a, &b, of_b)?;
        let collation = if of_a.is_text() { self.collation() } else { "" };
        fill(&format!("({{}}{collation} {operator} {{}})"), &[&a, &b])
    }

    /// Numbers as units of one scale, beyond all limits: what overflows in SQLite is still on the right side.
    fn alike(&self, a: &Sql, of_a: &Type, b: &Sql, of_b: &Type) -> Result<(Sql, Sql), Fault> {
        let (from_a, from_b) = (scale_of(of_a), scale_of(of_b));
        let scale = from_a.max(from_b);
        let keep = |sql: &Sql, scaled: Sql| Sql { missing: sql.missing, ..scaled };
        Ok((keep(a, self.scaled(a, from_a, scale)?), keep(b, self.scaled(b, from_b, scale)?)))
    }

    fn equality(&mut self, a: &Node, b: &Node) -> Made {
        match (is_null(a), is_null(b)) {
            (false, true) => self.is_missing(a),
            (true, false) => self.is_missing(b),
            _ => {
                let (of_a, of_b) = (self.type_of(a), self.type_of(b));
                let (a, b) = (self.scalar(a)?, self.scalar(b)?);
                self.equal(&a, of_a, &b, of_b)
            }
        }
    }

    fn is_missing(&mut self, node: &Node) -> Made {
        let value = match self.type_of(node).present() {
            Type::Object(_) => self.place(node).and_then(|place| self.key(&place))?,
            _ => self.scalar(node)?,
        };
        fill("({} IS NULL)", &[&value]).map(Sql::settled)
    }

    /// NULL where one of them faults; two that are missing are equal.
    pub fn equal(&self, a: &Sql, of_a: &Type, b: &Sql, of_b: &Type) -> Made {
        let (a, b) = self.alike(a, of_a, b, of_b)?;
        if !a.missing && !b.missing {
            return fill("({} = {})", &[&a, &b]);
        }
        let template = match self.dialect {
            Dialect::Sqlite => "({} IS {})",
            Dialect::Postgresql => "({} IS NOT DISTINCT FROM {})",
        };
        let same = fill(template, &[&a, &b])?.settled();
        match (a.faults, b.faults) {
            (false, false) => Ok(same),
            (true, _) => fill("(CASE WHEN {} IS NULL THEN NULL ELSE {} END)", &[&a, &same]).map(Sql::faulting),
            (false, true) => fill("(CASE WHEN {} IS NULL THEN NULL ELSE {} END)", &[&b, &same]).map(Sql::faulting),
        }
    }

    fn within(&mut self, wanted: &Node, list: &Node) -> Made {
        let of = self.type_of(wanted);
        let Type::List(element) = self.type_of(list) else {
            return Err(Fault::new("rules.sql_list", "maps have no form in SQL"));
        };
        let sought = self.scalar(wanted)?;
        let items: Vec<(Sql, &Type)> = if !self.reads_row(list) {
            let Some(Value::List(items)) = self.evaluated(list)? else {
                return Ok(super::null(&Type::Bool).faulting());
            };
            let one = |item| literal(element, item).ok_or_else(|| Fault::new("rules.sql_value", "an element has no form in SQL").or_at(list.at));
            items.iter().map(|item| Ok((one(item)?, &**element))).collect::<Result<_, Fault>>()?
        } else if let Kind::List(nodes) = &list.kind {
            nodes.iter().map(|node| Ok((self.scalar(node)?, self.type_of(node)))).collect::<Result<_, Fault>>()?
        } else {
            let rows = self.rows(list)?;
            return self.among(&sought, of, &rows, element);
        };
        if items.iter().any(|(item, _)| item.faults) {
            return Err(Fault::new("rules.sql_list", "an element whose evaluation may fail").or_at(list.at));
        }
        self.one_of(&sought, of, items)
    }

    fn one_of(&mut self, sought: &Sql, of: &Type, items: Vec<(Sql, &Type)>) -> Made {
        if items.is_empty() {
            let none = Sql::plain("FALSE");
            return if sought.faults { fill("(CASE WHEN {} IS NULL THEN NULL ELSE {} END)", &[sought, &none]).map(Sql::faulting) } else { Ok(none) };
        }
        let plain = !sought.missing && items.iter().all(|(item, item_of)| !item.missing && scale_of(item_of) == scale_of(of));
        if !plain {
            let same = items.iter().map(|(item, item_of)| self.equal(sought, of, item, item_of));
            return joined(same.collect::<Result<_, _>>()?, "OR", "FALSE");
        }
        let template = format!("({{}} IN ({}))", vec!["{}"; items.len()].join(", "));
        let parts: Vec<&Sql> = std::iter::once(sought).chain(items.iter().map(|(item, _)| item)).collect();
        fill(&template, &parts)
    }

    fn texts(&mut self, name: &str, a: &Node, b: &Node) -> Made {
        let (a, b) = (self.scalar(a)?, self.scalar(b)?);
        match (name, self.dialect) {
            ("contains", Dialect::Sqlite) => fill("(instr({}, {}) > 0)", &[&a, &b]),
            ("contains", Dialect::Postgresql) => fill("(strpos({}, {}) > 0)", &[&a, &b]),
            ("startsWith", Dialect::Sqlite) => fill("(substr({}, 1, length({})) = {})", &[&a, &b, &b]),
            ("startsWith", Dialect::Postgresql) => fill("starts_with({}, {})", &[&a, &b]),
            (_, Dialect::Sqlite) => fill("(CASE length({}) WHEN 0 THEN {} = {} ELSE substr({}, - length({})) = {} END)", &[&b, &a, &a, &a, &b, &b]),
            (_, Dialect::Postgresql) => fill("(right({}, length({})) = {})", &[&a, &b, &b]),
        }
    }

    fn or_value(&mut self, node: &Node, a: &Node, b: &Node) -> Made {
        let of = self.type_of(node);
        let (first, second) = (self.as_type(a, of)?, self.as_type(b, of)?);
        let made = match first.missing {
            true => fill("coalesce({}, {})", &[&first, &second])?,
            false => first.clone(),
        };
        let made = Sql { missing: first.missing && second.missing, ..made };
        // Both are evaluated, so a fault of the second is one of the whole.
        match second.faults {
            true => Ok(Sql { missing: made.missing, ..fill("(CASE WHEN {} IS NULL THEN NULL ELSE {} END)", &[&second, &made])?.faulting() }),
            false => Ok(made),
        }
    }

    /// A value where a type is wanted that it was joined into, with another one or null.
    pub fn as_type(&mut self, node: &Node, of: &Type) -> Made {
        let from = self.type_of(node);
        if from == &Type::Null {
            return Ok(Sql { missing: true, ..super::null(of) });
        }
        let value = self.scalar(node)?;
        if !is_decimal(of) || (is_decimal(from) && scale_of(from) == scale_of(of)) {
            return Ok(value);
        }
        let made = self.within_decimal(&self.scaled(&value, scale_of(from), scale_of(of))?)?;
        Ok(Sql { missing: value.missing, ..made })
    }
}
