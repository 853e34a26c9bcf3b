//! Lists of rows: subqueries.
use super::fragment::{fill, joined, Dialect, Sql};
use super::mapping::Field;
use super::{Compiler, Made, Place};
use crate::rules::lower::{Each, Kind, Node};
use crate::rules::types::Type;
use crate::rules::Fault;

/// What is selected from a table for a list of the data.
pub struct Rows {
    /// "table" r1
    from: String,
    /// All of them TRUE: the row is an element.
    conditions: Vec<Sql>,
    /// Any of them TRUE: evaluating the list faults.
    faults: Vec<Sql>,
    pub element: Element,
    distinct: bool,
}

#[derive(Clone)]
pub enum Element {
    Row(Place),
    Value(Sql),
}

impl Compiler<'_> {
    pub fn rows(&mut self, node: &Node) -> Result<Rows, Fault> {
        let made = match &node.kind {
            Kind::Select { of, field, test: false } => self.listed(node, of, field),
            Kind::Loop { over, each: Each::Filter(test) } => self.rows(over).and_then(|rows| {
                let test = self.inside(&rows, |this| this.scalar(test))?;
                self.filtered(rows, test)
            }),
            Kind::Loop { over, each: Each::Map { test, value } } => self.mapped_rows(over, test.as_deref(), value),
            Kind::Call { function, arguments } if function.name() == "distinct" => {
                self.rows(&arguments[0]).map(|rows| Rows { distinct: true, ..rows })
            }
            _ => Err(Fault::new("rules.sql_list", "in SQL a list is one of a row's, filtered or mapped")),
        };
        made.map_err(|fault| fault.or_at(node.at))
    }

    fn listed(&mut self, node: &Node, of: &Node, field: &str) -> Result<Rows, Fault> {
        let owner = self.place(of)?;
        let (key, row) = (self.key(&owner)?, self.alias());
        let (table, by, element) = match (self.field(&owner, field)?, self.type_of(node).present()) {
            (Field::Rows { of }, Type::List(element)) => match &**element {
                Type::Object(object) => {
                    let place = Place::Here { object: object.clone(), row: row.clone() };
                    (self.mapped(object)?.table.clone(), of, Element::Row(place))
                }
                other => return Err(Fault::new("rules.sql_mapping", format!("{field} is a list of {other}, not of rows"))),
            },
            (Field::Values { table, of, value }, Type::List(element)) => {
                let read = Sql::plain(value.of(&row));
                let value = if **element == Type::Bool { fill("({} <> 0)", &[&read])? } else { read };
                let missing = matches!(**element, Type::Optional(_));
                (table, of, Element::Value(Sql { missing, ..value }))
            }
            _ => return Err(Fault::new("rules.sql_list", "this list has no table of its own")),
        };
        let condition = fill(&format!("({row}.{by} = {{}})"), &[&key])?;
        Ok(Rows { from: format!("{table} {row}"), conditions: vec![condition], faults: Vec::new(), element, distinct: false })
    }

    fn mapped_rows(&mut self, over: &Node, test: Option<&Node>, value: &Node) -> Result<Rows, Fault> {
        let mut rows = self.rows(over)?;
        if let Some(test) = test {
            let test = self.inside(&rows, |this| this.scalar(test))?;
            rows = self.filtered(rows, test)?;
        }
        if rows.distinct {
            return Err(Fault::new("rules.sql_list", "distinct() comes last"));
        }
        if matches!(self.type_of(value).present(), Type::Object(_)) {
            rows.element = Element::Row(self.inside(&rows, |this| this.place(value))?);
            return Ok(rows);
        }
        let value = self.inside(&rows, |this| this.scalar(value))?;
        if value.faults {
            let fault = self.some(&rows, &fill("({} IS NULL)", &[&value])?)?;
            rows.faults.push(fault);
        }
        rows.element = Element::Value(Sql { faults: false, ..value });
        Ok(rows)
    }

    pub fn filtered(&mut self, mut rows: Rows, test: Sql) -> Result<Rows, Fault> {
        if rows.distinct {
            return Err(Fault::new("rules.sql_list", "distinct() comes last"));
        }
        if test.faults {
            let fault = self.some(&rows, &fill("({} IS NULL)", &[&test])?)?;
            rows.faults.push(fault);
        }
        rows.conditions.push(test.settled());
        Ok(rows)
    }

    fn chosen(&self, rows: &Rows) -> Made {
        joined(rows.conditions.clone(), "AND", "TRUE")
    }

    /// Whether there is one of them of which this is TRUE.
    fn some(&self, rows: &Rows, test: &Sql) -> Made {
        let template = format!("EXISTS (SELECT 1 FROM {} WHERE {{}} AND {{}})", rows.from);
        fill(&template, &[&self.chosen(rows)?, test]).map(Sql::settled)
    }

    /// NULL where the list faults.
    fn unless_faulty(&self, rows: &Rows, made: Sql) -> Made {
        if rows.faults.is_empty() {
            return Ok(made);
        }
        let missing = made.missing;
        let faulty = joined(rows.faults.clone(), "OR", "FALSE")?;
        let whole = fill("(CASE WHEN {} THEN NULL ELSE {} END)", &[&faulty, &made])?.faulting();
        Ok(Sql { missing, ..whole })
    }

    /// exists(), or all(): that there is none of which the test is false.
    pub fn exists(&mut self, rows: &Rows, test: &Sql, all: bool) -> Made {
        let deciding = if all { fill("(NOT {})", &[test])? } else { test.clone() };
        let hit = self.some(rows, &deciding)?;
        let made = match (test.faults, all) {
            (false, false) => hit,
            (false, true) => fill("(NOT {})", &[&hit])?,
            (true, _) => {
                let unknown = self.some(rows, &fill("({} IS NULL)", &[test])?)?;
                let (yes, no) = if all { ("FALSE", "TRUE") } else { ("TRUE", "FALSE") };
                fill(&format!("(CASE WHEN {{}} THEN {yes} WHEN {{}} THEN NULL ELSE {no} END)"), &[&hit, &unknown])?.faulting()
            }
        };
        self.unless_faulty(rows, made)
    }

    pub fn count(&mut self, rows: &Rows) -> Made {
        let made = match (&rows.element, rows.distinct) {
            (Element::Value(value), true) if !value.missing => self.folded(rows, "count(s.v)")?,
            (_, true) => return Err(Fault::new("rules.sql_list", "distinct() of what may be missing")),
            _ => fill(&format!("(SELECT count(*) FROM {} WHERE {{}})", rows.from), &[&self.chosen(rows)?])?,
        };
        self.unless_faulty(rows, made.settled())
    }

    /// SELECT `what` of the values, which are s.v: an aggregate of what the rows around alone decide would be theirs.
    fn folded(&self, rows: &Rows, what: &str) -> Made {
        let Element::Value(value) = &rows.element else {
            return Err(Fault::new("rules.sql_list", "a list of rows: map it to one of their fields"));
        };
        let distinct = if rows.distinct { "DISTINCT " } else { "" };
        let template = format!("(SELECT {what} FROM (SELECT {distinct}{{}} AS v FROM {} WHERE {{}}) s)", rows.from);
        fill(&template, &[value, &self.chosen(rows)?]).map(Sql::settled)
    }

    pub fn sum(&mut self, rows: &Rows, of: &Type) -> Made {
        // SQLite ends a statement whose sum overflows: it adds the upper and the lower halves of the numbers.
        let low = "coalesce(sum(s.v & 4294967295), 0)";
        let halves = format!("(coalesce(sum(s.v >> 32), 0) + ({low} >> 32)) * 4294967296 + ({low} & 4294967295)");
        let made = match self.dialect {
            Dialect::Postgresql => self.folded(rows, "coalesce(sum(s.v), 0)")?,
            Dialect::Sqlite => self.folded(rows, &halves)?,
        };
        let made = match (of, self.dialect) {
            (Type::Int, Dialect::Sqlite) => fill("(SELECT CASE typeof(t.n) WHEN 'integer' THEN t.n END FROM (SELECT {} AS n) t)", &[&made])?.faulting(),
            (Type::Int, _) => self.within_int(&made)?,
            _ => self.within_decimal(&made)?,
        };
        self.unless_faulty(rows, made)
    }

    pub fn extreme(&mut self, rows: &Rows, name: &str, of: &Type) -> Made {
        let collation = if of.present().is_text() { self.collation() } else { "" };
        if *of.present() == Type::Bytes {
            return Err(Fault::new("rules.sql_type", "bytes have no order in every database"));
        }
        let made = self.folded(rows, &format!("{name}(s.v{collation})"))?;
        self.unless_faulty(rows, Sql { missing: true, ..made })
    }

    /// Whether a value is among the elements.
    pub fn among(&mut self, wanted: &Sql, of: &Type, rows: &Rows, element_type: &Type) -> Made {
        let Element::Value(value) = &rows.element else {
            return Err(Fault::new("rules.sql_list", "a list of rows: map it to one of their fields"));
        };
        let same = self.equal(&value.clone(), element_type, wanted, of)?;
        let made = self.some(rows, &same)?;
        let made = match wanted.faults {
            true => fill("(CASE WHEN {} IS NULL THEN NULL ELSE {} END)", &[wanted, &made])?.faulting(),
            false => made,
        };
        self.unless_faulty(rows, made)
    }
}
