//! From the text of a rule to a tree with every name resolved. cel's parser is all that is used of it.
use super::functions::{self, Function};
use super::value::Value;
use super::{on_large_stack, Fault};
use cel::common::ast::{operators, CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo};
use std::collections::BTreeSet;

const MAX_TEXT_BYTES: usize = 16 << 10;
/// Of brackets in the text, which the parser recurses into.
const MAX_NESTING: usize = 24;
/// Of the tree, which evaluation recurses into.
const MAX_DEPTH: usize = 200;
/// Of a compiled pattern.
const MAX_PATTERN_BYTES: usize = 1 << 20;

pub struct Node {
    pub at: u32,
    /// Its number in the rule, from 0: where the checker keeps its type.
    pub id: usize,
    pub kind: Kind,
}

pub enum Kind {
    Constant(Value),
    Variable(String),
    /// The innermost of the loops around it is the last.
    Local(usize),
    Select { of: Box<Node>, field: std::sync::Arc<str>, test: bool },
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    If(Box<Node>, Box<Node>, Box<Node>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Call { function: &'static Function, arguments: Vec<Node> },
    Matches { text: Box<Node>, pattern: regex::Regex },
    Loop { over: Box<Node>, each: Each },
}

/// What a macro does with each element.
pub enum Each {
    All(Box<Node>),
    Exists(Box<Node>),
    ExistsOne(Box<Node>),
    Filter(Box<Node>),
    Map { test: Option<Box<Node>>, value: Box<Node> },
}

impl Node {
    /// This node and all below it.
    pub fn walk<'n>(&'n self, visit: &mut impl FnMut(&'n Node)) {
        visit(self);
        match &self.kind {
            Kind::Constant(_) | Kind::Variable(_) | Kind::Local(_) => {}
            Kind::Select { of, .. } => of.walk(visit),
            Kind::And(a, b) | Kind::Or(a, b) => [a, b].into_iter().for_each(|node| node.walk(visit)),
            Kind::If(test, yes, no) => [test, yes, no].into_iter().for_each(|node| node.walk(visit)),
            Kind::List(items) => items.iter().for_each(|node| node.walk(visit)),
            Kind::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).for_each(|node| node.walk(visit)),
            Kind::Call { arguments, .. } => arguments.iter().for_each(|node| node.walk(visit)),
            Kind::Matches { text, .. } => text.walk(visit),
            Kind::Loop { over, each } => {
                over.walk(visit);
                match each {
                    Each::All(test) | Each::Exists(test) | Each::ExistsOne(test) | Each::Filter(test) => test.walk(visit),
                    Each::Map { test, value } => test.iter().chain([value]).for_each(|node| node.walk(visit)),
                }
            }
        }
    }
}

/// Compiled once; used by any number of threads.
pub struct Rule {
    text: String,
    pub(super) root: Node,
    pub(super) variables: BTreeSet<String>,
    pub(super) nodes: usize,
}

impl Rule {
    pub fn compile(text: &str) -> Result<Rule, Fault> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Fault::new("rule.too_large", format!("{} bytes, at most {MAX_TEXT_BYTES}", text.len())));
        }
        check_nesting(text)?;
        on_large_stack(|| parse(text)).unwrap_or_else(|| Err(Fault::new("rule.syntax", "the parser gave up")))
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// That it reads, ascending.
    pub fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }
}

/// Counts brackets in quotes too: a text that fools it is refused, never let through.
fn check_nesting(text: &str) -> Result<(), Fault> {
    let mut depth = 0usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(Fault::new("rule.too_large", format!("more than {MAX_NESTING} brackets in one another")).or_at(at as u32));
        }
    }
    Ok(())
}

fn parse(text: &str) -> Result<Rule, Fault> {
    // An environment without macros leaves them as calls, which is what `Lowering` knows.
    let parsed = cel::Env::default().parser().parse_with_source_info(text);
    let (tree, source) = parsed.map_err(|errors| match errors.errors.first() {
        Some(error) => Fault { at: offset(text, error.pos), ..Fault::new("rule.syntax", error.msg.clone()) },
        None => Fault::new("rule.syntax", "not an expression"),
    })?;
    let mut lowering = Lowering { source, locals: Vec::new(), variables: BTreeSet::new(), depth: 0, nodes: 0 };
    let root = lowering.node(&tree)?;
    Ok(Rule { text: text.into(), root, variables: lowering.variables, nodes: lowering.nodes })
}

/// The parser counts lines, and characters in them, from 1.
fn offset(text: &str, (line, column): (isize, isize)) -> Option<u32> {
    let (line, column) = (usize::try_from(line - 1).ok()?, usize::try_from(column - 1).ok()?);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = &text[before..];
    let within = rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at);
    u32::try_from(before + within).ok()
}

struct Lowering {
    source: SourceInfo,
    locals: Vec<String>,
    variables: BTreeSet<String>,
    depth: usize,
    nodes: usize,
}

impl Lowering {
    fn node(&mut self, expression: &IdedExpr) -> Result<Node, Fault> {
        let at = self.source.offset_for(expression.id).map_or(0, |(start, _)| start);
        if self.depth == MAX_DEPTH {
            return Err(Fault::new("rule.too_large", format!("more than {MAX_DEPTH} operations in one another")).or_at(at));
        }
        self.depth += 1;
        let kind = self.kind(&expression.expr).map_err(|fault| fault.or_at(at));
        self.depth -= 1;
        let id = self.nodes;
        self.nodes += 1;
        Ok(Node { at, id, kind: kind? })
    }

    fn boxed(&mut self, expression: &IdedExpr) -> Result<Box<Node>, Fault> {
        self.node(expression).map(Box::new)
    }

    fn nodes(&mut self, expressions: &[IdedExpr]) -> Result<Vec<Node>, Fault> {
        expressions.iter().map(|expression| self.node(expression)).collect()
    }

    fn kind(&mut self, expression: &Expr) -> Result<Kind, Fault> {
        Ok(match expression {
            Expr::Literal(literal) => Kind::Constant(constant(literal)),
            Expr::Ident(name) => match self.locals.iter().rposition(|local| local == name) {
                Some(index) => Kind::Local(index),
                None => {
                    self.variables.insert(name.clone());
                    Kind::Variable(name.clone())
                }
            },
            Expr::Select(select) => self.select(&select.operand, &select.field, false)?,
            Expr::List(list) => Kind::List(self.nodes(&list.elements)?),
            Expr::Map(map) => {
                let mut entries = Vec::new();
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        entries.push((self.node(&entry.key)?, self.node(&entry.value)?));
                    }
                }
                Kind::Map(entries)
            }
            Expr::Call(call) => self.call(call)?,
            _ => return Err(Fault::new("rule.unsupported", "messages cannot be made in a rule")),
        })
    }

    fn select(&mut self, of: &IdedExpr, field: &str, test: bool) -> Result<Kind, Fault> {
        Ok(Kind::Select { of: self.boxed(of)?, field: field.into(), test })
    }

    fn call(&mut self, call: &CallExpr) -> Result<Kind, Fault> {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [a, b]) => Ok(Kind::And(self.boxed(a)?, self.boxed(b)?)),
            (operators::LOGICAL_OR, None, [a, b]) => Ok(Kind::Or(self.boxed(a)?, self.boxed(b)?)),
            (operators::CONDITIONAL, None, [test, yes, no]) => {
                Ok(Kind::If(self.boxed(test)?, self.boxed(yes)?, self.boxed(no)?))
            }
            ("has", None, [argument]) => match &argument.expr {
                Expr::Select(select) => self.select(&select.operand, &select.field, true),
                _ => Err(Fault::new("rule.syntax", "has() takes a field: has(a.b)")),
            },
            ("matches", Some(text), [pattern]) | ("matches", None, [text, pattern]) => self.matches(text, pattern),
            (name @ ("all" | "exists" | "exists_one" | "filter"), Some(over), [variable, test]) => {
                let (over, test) = self.inner(over, variable, |this| this.boxed(test))?;
                let each = match name {
                    "all" => Each::All(test),
                    "exists" => Each::Exists(test),
                    "exists_one" => Each::ExistsOne(test),
                    _ => Each::Filter(test),
                };
                Ok(Kind::Loop { over, each })
            }
            ("map", Some(over), [variable, value]) => {
                let (over, value) = self.inner(over, variable, |this| this.boxed(value))?;
                Ok(Kind::Loop { over, each: Each::Map { test: None, value } })
            }
            ("map", Some(over), [variable, test, value]) => {
                let (over, (test, value)) = self.inner(over, variable, |this| Ok((this.boxed(test)?, this.boxed(value)?)))?;
                Ok(Kind::Loop { over, each: Each::Map { test: Some(test), value } })
            }
            (name, target, arguments) => {
                let function = functions::find(name, target.is_some(), arguments.len() + usize::from(target.is_some()))
                    .ok_or_else(|| Fault::new("rule.unknown_function", format!("no function {name} that is called so")))?;
                let mut lowered = target.map(|target| self.node(target)).transpose()?.into_iter().collect::<Vec<_>>();
                lowered.extend(self.nodes(arguments)?);
                Ok(Kind::Call { function, arguments: lowered })
            }
        }
    }

    /// What is looped over, outside the name of the element; and what `body` gives, inside it.
    fn inner<T>(
        &mut self, over: &IdedExpr, variable: &IdedExpr, body: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<(Box<Node>, T), Fault> {
        let Expr::Ident(name) = &variable.expr else {
            return Err(Fault::new("rule.syntax", "the first argument is a name for the element"));
        };
        let over = self.boxed(over)?;
        self.locals.push(name.clone());
        let body = body(self);
        self.locals.pop();
        Ok((over, body?))
    }

    /// Patterns stand in the rule: one from data could be any.
    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr) -> Result<Kind, Fault> {
        let Expr::Literal(LiteralValue::String(pattern)) = &pattern.expr else {
            return Err(Fault::new("rule.pattern", "the pattern must stand in the rule itself"));
        };
        let built = regex::RegexBuilder::new(pattern.inner()).size_limit(MAX_PATTERN_BYTES).nest_limit(32).build();
        let pattern = built.map_err(|error| Fault::new("rule.pattern", error.to_string()))?;
        Ok(Kind::Matches { text: self.boxed(text)?, pattern })
    }
}

fn constant(literal: &LiteralValue) -> Value {
    match literal {
        LiteralValue::Null => Value::Null,
        LiteralValue::Boolean(flag) => Value::Bool(*flag.inner()),
        LiteralValue::Int(number) => Value::Int(*number.inner()),
        LiteralValue::UInt(number) => Value::Uint(*number.inner()),
        LiteralValue::Double(number) => Value::Double(*number.inner()),
        LiteralValue::String(text) => Value::text(text.inner()),
        LiteralValue::Bytes(bytes) => Value::Bytes(bytes.inner().into()),
    }
}
