//! From a rule with its types to a condition in SQL that chooses the same rows as evaluating it does.
//!
//! The rule is over `it`, a row; whatever does not read it is evaluated here and becomes a value. Where evaluation faults, SQL
//! has NULL: AND, OR and NOT then do with it what &&, || and ! do with a fault, and a row is chosen only by TRUE. So no part
//! may fail in the database: what could overflow is computed where it cannot and becomes NULL. What has no such form is
//! refused (rules.sql_…), never left to be evaluated row by row.
mod calls;
mod fragment;
mod lists;
mod mapping;

pub use fragment::Dialect;
pub use mapping::Mapping;

use super::check::Typed;
use super::evaluate::{read_data, Run};
use super::lower::{Each, Kind, Node};
use super::types::Type;
use super::value::Value;
use super::{Fault, COST};
use fragment::{fill, joined, literal, null, Sql};
use lists::{Element, Rows};
use mapping::{Column, Field};
use serde_json::json;
use std::sync::Arc;

/// What the constants of a rule may cost.
const BUDGET: u64 = 1_000_000;
const ROW: &str = "it";

type Made = Result<Sql, Fault>;

impl Typed {
    /// {"text": a condition with ? for each value, "values": [number, text or {"b": hex}]}. `variables`: of all that the rule
    /// reads but `it`.
    pub fn sql(&self, dialect: Dialect, mapping: &Mapping, variables: &[u8]) -> Result<Vec<u8>, Fault> {
        if self.gives() != &Type::Bool {
            let detail = format!("a filter gives true or false, not {}", self.gives());
            return Err(Fault::new("rules.sql_type", detail).or_at(self.rule.root.at));
        }
        let given = self.rule.given(&self.environment, &read_data(variables)?, Some(ROW))?;
        let run = Run::new(given, Some(&self.types), BUDGET);
        let mut compiler = Compiler { typed: self, dialect, mapping, run, locals: Vec::new(), aliases: 0 };
        let made = compiler.scalar(&self.rule.root)?;
        Ok(json!({"text": made.text, "values": made.values}).to_string().into_bytes())
    }
}

/// A name that a macro gives to an element.
enum Local {
    Row(Place),
    Value(Sql),
    Constant(Value),
}

/// Where a row is found.
#[derive(Clone)]
enum Place {
    /// In a table that stands in FROM under this name.
    Here { object: Arc<str>, row: String },
    /// The row whose key is this.
    Through { object: Arc<str>, key: Sql },
}

impl Place {
    fn object(&self) -> &Arc<str> {
        match self {
            Place::Here { object, .. } | Place::Through { object, .. } => object,
        }
    }
}

struct Compiler<'a> {
    typed: &'a Typed,
    dialect: Dialect,
    mapping: &'a Mapping,
    run: Run<'a>,
    locals: Vec<Local>,
    aliases: usize,
}

impl<'a> Compiler<'a> {
    fn type_of(&self, node: &Node) -> &'a Type {
        self.typed.types.of(node)
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("r{}", self.aliases)
    }

    fn mapped(&self, object: &str) -> Result<&'a mapping::Object, Fault> {
        let found = self.mapping.objects.get(object);
        found.ok_or_else(|| Fault::new("rules.sql_mapping", format!("no table of {object}")))
    }

    /// Of a value, also of one that may be missing.
    fn scalar(&mut self, node: &Node) -> Made {
        let made = if self.reads_row(node) { self.kind(node) } else { self.constant(node) };
        let made = made.map_err(|fault| fault.or_at(node.at))?;
        if made.missing && made.faults {
            let detail = "whether the value is missing or its evaluation fails is not to be told apart in SQL";
            return Err(Fault::new("rules.sql_missing", detail).or_at(node.at));
        }
        Ok(made)
    }

    fn reads_row(&self, node: &Node) -> bool {
        let any = |nodes: &[Node]| nodes.iter().any(|node| self.reads_row(node));
        match &node.kind {
            Kind::Constant(_) => false,
            Kind::Variable(name) => name == ROW,
            // One of a loop inside the node stands for what is looped over.
            Kind::Local(index) => self.locals.get(*index).is_some_and(|local| !matches!(local, Local::Constant(_))),
            Kind::Select { of, .. } | Kind::Matches { text: of, .. } => self.reads_row(of),
            Kind::And(a, b) | Kind::Or(a, b) => self.reads_row(a) || self.reads_row(b),
            Kind::If(a, b, c) => [a, b, c].iter().any(|node| self.reads_row(node)),
            Kind::List(items) => any(items),
            Kind::Map(entries) => entries.iter().any(|(key, value)| self.reads_row(key) || self.reads_row(value)),
            Kind::Call { arguments, .. } => any(arguments),
            Kind::Loop { over, each } => {
                let inside = match each {
                    Each::All(test) | Each::Exists(test) | Each::ExistsOne(test) | Each::Filter(test) => self.reads_row(test),
                    Each::Map { test, value } => test.as_ref().is_some_and(|test| self.reads_row(test)) || self.reads_row(value),
                };
                inside || self.reads_row(over)
            }
        }
    }

    /// The value of what reads no row; a fault is the value of `Err(None)`.
    fn evaluated(&mut self, node: &Node) -> Result<Option<Value>, Fault> {
        self.run.locals = self.locals.iter().map(|local| if let Local::Constant(value) = local { value.clone() } else { Value::Null }).collect();
        match self.run.value(node) {
            Ok(value) => Ok(Some(value)),
            Err(fault) if fault.reason == COST => Err(fault),
            Err(_) => Ok(None),
        }
    }

    fn constant(&mut self, node: &Node) -> Made {
        let of = self.type_of(node);
        match self.evaluated(node)? {
            None => Ok(Sql { missing: matches!(of, Type::Optional(_)), ..null(of).faulting() }),
            Some(value) => literal(of, &value).ok_or_else(|| Fault::new("rules.sql_value", &format!("this {of} has no form in SQL"))),
        }
    }

    fn kind(&mut self, node: &Node) -> Made {
        match &node.kind {
            Kind::Local(index) => match &self.locals[*index] {
                Local::Value(sql) => Ok(sql.clone()),
                _ => Err(Fault::new("rules.sql_object", "a whole object has no form in SQL: name one of its fields")),
            },
            Kind::Select { of, field, test: true } => {
                let place = self.place(of)?;
                match self.field(&place, field)? {
                    Field::Column(column) => fill("({} IS NOT NULL)", &[&self.read(&place, &column)?]).map(Sql::settled),
                    _ => Ok(Sql::plain("TRUE")),
                }
            }
            Kind::Select { of, field, test: false } => self.select(node, of, field),
            Kind::And(..) | Kind::Or(..) => self.junction(node),
            Kind::If(test, yes, no) => self.conditional(node, test, yes, no),
            Kind::Call { function, arguments } => self.call(node, function.name(), arguments),
            Kind::Loop { over, each } => self.quantified(over, each),
            Kind::Matches { .. } => Err(Fault::new("rules.sql_function", "patterns differ between databases: startsWith, endsWith, contains")),
            _ => Err(Fault::new("rules.sql_list", "a list or map that is put together has no form in SQL")),
        }
    }

    /// A chain of && or of ||: each part beside the others, so that a long one is not deep.
    fn junction(&mut self, node: &Node) -> Made {
        let conjunction = matches!(node.kind, Kind::And(..));
        let (mut parts, mut open) = (Vec::new(), vec![node]);
        while let Some(next) = open.pop() {
            match (&next.kind, conjunction) {
                (Kind::And(a, b), true) | (Kind::Or(a, b), false) if self.reads_row(next) => open.extend([&**b, &**a]),
                _ => parts.push(self.scalar(next)?),
            }
        }
        joined(parts, if conjunction { "AND" } else { "OR" }, "TRUE")
    }

    fn conditional(&mut self, node: &Node, test: &Node, yes: &Node, no: &Node) -> Made {
        let test = self.scalar(test)?;
        let (yes, no) = (self.as_type(yes, self.type_of(node))?, self.as_type(no, self.type_of(node))?);
        let made = fill("(CASE {} WHEN TRUE THEN {} WHEN FALSE THEN {} END)", &[&test, &yes, &no])?;
        Ok(Sql { missing: yes.missing || no.missing, ..made })
    }

    fn place(&mut self, node: &Node) -> Result<Place, Fault> {
        match &node.kind {
            Kind::Variable(name) if name == ROW => match self.type_of(node) {
                Type::Object(object) => {
                    let row = self.mapping.alias.clone().map_or_else(|| self.mapped(object).map(|mapped| mapped.table.clone()), Ok)?;
                    Ok(Place::Here { object: object.clone(), row })
                }
                _ => Err(Fault::new("rules.sql_object", "it is no object")),
            },
            Kind::Local(index) => match &self.locals[*index] {
                Local::Row(place) => Ok(place.clone()),
                _ => Err(Fault::new("rules.sql_object", "this is no row")),
            },
            Kind::Select { of, field, test: false } => match self.type_of(node).present() {
                Type::Object(object) => {
                    let owner = self.place(of)?;
                    match self.field(&owner, field)? {
                        Field::Column(column) => Ok(Place::Through { object: object.clone(), key: self.read(&owner, &column)? }),
                        _ => Err(Fault::new("rules.sql_mapping", format!("{}.{field} is no column", owner.object()))),
                    }
                }
                other => Err(Fault::new("rules.sql_object", format!("{other} is no row"))),
            },
            _ => Err(Fault::new("rules.sql_object", "a row is named by fields alone")),
        }
        .map_err(|fault| fault.or_at(node.at))
    }

    fn field(&self, place: &Place, field: &str) -> Result<Field, Fault> {
        let found = self.mapped(place.object())?.fields.get(field).cloned();
        found.ok_or_else(|| Fault::new("rules.sql_mapping", format!("no column of {}.{field}", place.object())))
    }

    fn read(&mut self, place: &Place, column: &Column) -> Made {
        match place {
            Place::Here { row, .. } => Ok(Sql::plain(column.of(row))),
            Place::Through { object, key } => {
                let (mapped, row) = (self.mapped(object)?, self.alias());
                let (value, table, by) = (column.of(&row), &mapped.table, &mapped.key);
                fill(&format!("(SELECT {value} FROM {table} {row} WHERE {row}.{by} = {{}})"), &[key])
            }
        }
    }

    fn key(&self, place: &Place) -> Made {
        match place {
            Place::Here { object, row } => Ok(Sql::plain(format!("{row}.{}", self.mapped(object)?.key))),
            Place::Through { key, .. } => Ok(key.clone()),
        }
    }

    fn select(&mut self, node: &Node, of: &Node, field: &Arc<str>) -> Made {
        let place = self.place(of)?;
        let Field::Column(column) = self.field(&place, field)? else {
            return Err(Fault::new("rules.sql_list", "a list is not a value: exists, all, size or sum of it is"));
        };
        let read = self.read(&place, &column)?;
        let found = self.type_of(node);
        let made = match found.present() {
            Type::Bool => fill("({} <> 0)", &[&read])?,
            Type::Geometry | Type::Map(_) | Type::List(_) => return Err(Fault::new("rules.sql_type", format!("{found} has no form in SQL"))),
            _ => read,
        };
        Ok(Sql { missing: matches!(found, Type::Optional(_)), ..made })
    }

    fn quantified(&mut self, over: &Node, each: &Each) -> Made {
        let (Each::All(test) | Each::Exists(test) | Each::ExistsOne(test)) = each else {
            return Err(Fault::new("rules.sql_list", "a list is not a value: exists, all, size or sum of it is"));
        };
        if !self.reads_row(over) {
            return self.over_constants(over, each, test);
        }
        let rows = self.rows(over)?;
        let test = self.inside(&rows, |this| this.scalar(test))?;
        match each {
            Each::All(_) => self.exists(&rows, &test, true),
            Each::Exists(_) => self.exists(&rows, &test, false),
            _ => {
                let rows = self.filtered(rows, test)?;
                let count = self.count(&rows)?;
                fill("({} = 1)", &[&count])
            }
        }
    }

    /// Of a list that no row is needed for: once for each of its elements.
    fn over_constants(&mut self, over: &Node, each: &Each, test: &Node) -> Made {
        let items = match self.evaluated(over)? {
            None => return Ok(null(&Type::Bool).faulting()),
            Some(Value::List(items)) => items,
            Some(_) => return Err(Fault::new("rules.sql_list", "only lists are looped over")),
        };
        let mut made = Vec::new();
        for item in items.iter() {
            self.locals.push(Local::Constant(item.clone()));
            let one = self.scalar(test);
            self.locals.pop();
            made.push(one?);
        }
        match each {
            Each::All(_) => joined(made, "AND", "TRUE"),
            Each::Exists(_) => joined(made, "OR", "FALSE"),
            _ => Err(Fault::new("rules.sql_function", "exists_one of what is no list of rows")),
        }
    }

    /// With the element of these rows under the name that a macro gives it.
    fn inside<T>(&mut self, rows: &Rows, work: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.locals.push(match &rows.element {
            Element::Row(place) => Local::Row(place.clone()),
            Element::Value(value) => Local::Value(value.clone()),
        });
        let made = work(self);
        self.locals.pop();
        made
    }
}
