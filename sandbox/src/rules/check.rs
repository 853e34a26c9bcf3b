//! Types of a rule, before it runs. All mistakes are found at once; what hangs on one is not complained about again.
use super::functions::{Arguments, Wrong};
use super::lower::{Each, Kind, Node, Rule};
use super::types::{Environment, Type};
use super::value::Value;
use super::{place, Fault};
use serde_json::{json, Value as Json};
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Debug, PartialEq)]
pub struct Mistake {
    pub reason: &'static str,
    pub detail: String,
    /// What to write instead.
    pub mend: Option<String>,
    pub at: u32,
}

impl Mistake {
    /// {"reason", "detail", "line", "column"}, and "mend" where there is one.
    pub fn json(&self, text: &str) -> Json {
        let (line, column) = place(text, self.at);
        let mut object = json!({"reason": self.reason, "detail": self.detail, "line": line, "column": column});
        if let Some(mend) = &self.mend {
            object["mend"] = json!(mend);
        }
        object
    }
}

/// Of each node, by its number.
pub struct Types {
    of: Vec<Type>,
}

impl Types {
    pub fn of(&self, node: &Node) -> &Type {
        &self.of[node.id]
    }
}

/// The types of the rule's parts, or its mistakes in the order of the text. `wanted`: what it has to give.
pub fn check(rule: &Rule, environment: &Environment, wanted: Option<&Type>) -> Result<Types, Vec<Mistake>> {
    let of = vec![Type::Unknown; rule.nodes];
    let mut checker = Checker { environment, of, mistakes: Vec::new(), locals: Vec::new(), present: Vec::new() };
    let found = checker.node(&rule.root);
    if let Some(wanted) = wanted {
        checker.result(&rule.root, &found, wanted);
    }
    if checker.mistakes.is_empty() {
        return Ok(Types { of: checker.of });
    }
    checker.mistakes.sort_by_key(|mistake| mistake.at);
    Err(checker.mistakes)
}

struct Checker<'a> {
    environment: &'a Environment,
    of: Vec<Type>,
    mistakes: Vec<Mistake>,
    locals: Vec<Type>,
    /// What a test around this place has found to be there.
    present: Vec<String>,
}

impl Checker<'_> {
    fn node(&mut self, node: &Node) -> Type {
        let found = match self.kind(node) {
            Ok(Type::Optional(inner)) if self.is_present(node) => (*inner).clone(),
            Ok(found) => found,
            Err(wrong) => self.complain(node, wrong),
        };
        self.of[node.id] = found.clone();
        found
    }

    fn is_present(&self, node: &Node) -> bool {
        path(node).is_some_and(|path| self.present.contains(&path))
    }

    fn complain(&mut self, node: &Node, wrong: Wrong) -> Type {
        let Wrong { reason, detail, mend } = wrong;
        self.mistakes.push(Mistake { reason, detail, mend, at: node.at });
        Type::Unknown
    }

    fn kind(&mut self, node: &Node) -> Result<Type, Wrong> {
        match &node.kind {
            Kind::Constant(value) => constant(value),
            Kind::Local(index) => Ok(self.locals[*index].clone()),
            Kind::Variable(name) => self.environment.variables.get(name.as_str()).cloned().ok_or_else(|| {
                let mend = nearest(name, self.environment.variables.keys());
                Wrong::new("rules.type_variable", format!("no variable {name}"), mend)
            }),
            Kind::Select { of, field, test } => self.select(of, field, *test),
            Kind::And(a, b) => self.junction(a, b, true),
            Kind::Or(a, b) => self.junction(a, b, false),
            Kind::If(test, yes, no) => {
                self.flag(test);
                let yes = self.knowing(facts(test, true), |this| this.node(yes));
                let no = self.knowing(facts(test, false), |this| this.node(no));
                yes.join(&no).ok_or_else(|| Wrong::operand(format!("one branch gives {yes}, the other {no}")))
            }
            Kind::List(items) => self.list(items).map(|element| Type::List(Arc::new(element))),
            Kind::Map(entries) => self.map(entries),
            Kind::Call { function, arguments } => {
                let mut types = Vec::new();
                for argument in arguments {
                    let found = self.node(argument);
                    types.push(match function.takes_missing() {
                        // To ask a second time is no mistake.
                        true if self.is_present(argument) => found.optional(),
                        true => found,
                        false => self.there(argument, found),
                    });
                }
                function.give(&Arguments { types: &types, nodes: arguments, environment: self.environment })
            }
            Kind::Matches { text, .. } => {
                let found = self.node(text);
                match self.there(text, found) {
                    found if found.is_text() => Ok(Type::Bool),
                    found => Err(Wrong::operand(format!("matches() takes a text, not {found}"))),
                }
            }
            Kind::Loop { over, each } => self.each(over, each),
        }
    }

    /// Of what is used as if it were there.
    fn there(&mut self, node: &Node, found: Type) -> Type {
        match found {
            Type::Optional(_) | Type::Null => {
                let mend = path_text(node).map(|path| format!("has({path}) && …, or {path}.orValue(…)"));
                let (detail, rest) = match &found {
                    Type::Optional(inner) => ("the value may be missing", (**inner).clone()),
                    _ => ("null has no operations", Type::Unknown),
                };
                self.complain(node, Wrong::new("rules.type_null", detail.into(), mend));
                rest
            }
            found => found,
        }
    }

    fn flag(&mut self, node: &Node) {
        let found = self.node(node);
        let found = self.there(node, found);
        if !matches!(found, Type::Bool | Type::Unknown) {
            self.complain(node, Wrong::operand(format!("{found} where true or false belongs")));
        }
    }

    fn knowing<T>(&mut self, facts: Vec<String>, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.present.len();
        self.present.extend(facts);
        let result = work(self);
        self.present.truncate(before);
        result
    }

    fn junction(&mut self, a: &Node, b: &Node, and: bool) -> Result<Type, Wrong> {
        self.flag(a);
        self.knowing(facts(a, and), |this| this.flag(b));
        Ok(Type::Bool)
    }

    fn select(&mut self, of: &Node, field: &Arc<str>, test: bool) -> Result<Type, Wrong> {
        let found = self.node(of);
        let found = match self.there(of, found) {
            Type::Object(name) => {
                let fields = &self.environment.objects[&name];
                let mend = || nearest(field, fields.keys());
                fields.get(field).cloned().ok_or_else(|| {
                    Wrong::new("rules.type_field", format!("{name} has no field {field}"), mend())
                })?
            }
            Type::Map(element) => (*element).clone(),
            Type::Unknown => Type::Unknown,
            other => return Err(Wrong::operand(format!("{other} has no field {field}"))),
        };
        Ok(if test { Type::Bool } else { found })
    }

    fn list(&mut self, items: &[Node]) -> Result<Type, Wrong> {
        let mut joined = Type::Unknown;
        for item in items {
            let found = self.node(item);
            joined = joined.join(&found).ok_or_else(|| Wrong::operand(format!("a list of {joined} and {found}")))?;
        }
        Ok(joined)
    }

    fn map(&mut self, entries: &[(Node, Node)]) -> Result<Type, Wrong> {
        for (key, _) in entries {
            let found = self.node(key);
            if !self.there(key, found).is_text() {
                self.complain(key, Wrong::operand("the keys of a map are texts".into()));
            }
        }
        let mut joined = Type::Unknown;
        for (_, value) in entries {
            let found = self.node(value);
            joined = joined.join(&found).ok_or_else(|| Wrong::operand(format!("a map of {joined} and {found}")))?;
        }
        Ok(Type::Map(Arc::new(joined)))
    }

    fn each(&mut self, over: &Node, each: &Each) -> Result<Type, Wrong> {
        let found = self.node(over);
        let element = match self.there(over, found) {
            Type::List(element) => (*element).clone(),
            Type::Map(_) => Type::Text,
            Type::Unknown => Type::Unknown,
            other => {
                self.complain(over, Wrong::operand(format!("{other} has no elements")));
                Type::Unknown
            }
        };
        self.locals.push(element.clone());
        let given = match each {
            Each::All(test) | Each::Exists(test) | Each::ExistsOne(test) => {
                self.flag(test);
                Type::Bool
            }
            Each::Filter(test) => {
                self.flag(test);
                Type::List(Arc::new(element))
            }
            Each::Map { test, value } => {
                let known = test.as_ref().map_or(Vec::new(), |test| {
                    self.flag(test);
                    facts(test, true)
                });
                Type::List(Arc::new(self.knowing(known, |this| this.node(value))))
            }
        };
        self.locals.pop();
        Ok(given)
    }

    fn result(&mut self, root: &Node, found: &Type, wanted: &Type) {
        let fits = match (wanted, found) {
            (Type::Optional(inner), _) => found == &Type::Null || gives(found.present(), inner),
            _ => gives(found, wanted),
        };
        if fits {
            return;
        }
        if gives(found.present(), wanted) {
            self.there(root, found.clone());
            return;
        }
        self.complain(root, Wrong::new("rules.type_result", format!("the rule gives {found}, {wanted} is wanted"), None));
    }
}

fn gives(found: &Type, wanted: &Type) -> bool {
    match (found, wanted) {
        (Type::Int, Type::Decimal { .. }) => true,
        (Type::Decimal { scale: a, .. }, Type::Decimal { scale: b, .. }) => a <= b && found.join(wanted).is_some(),
        (Type::List(a), Type::List(b)) | (Type::Map(a), Type::Map(b)) => gives(a, b),
        (Type::Dictionary(_), Type::Text) | (Type::Unknown, _) => true,
        _ => found == wanted,
    }
}

fn constant(value: &Value) -> Result<Type, Wrong> {
    Ok(match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::String(_) => Type::Text,
        Value::Bytes(_) => Type::Bytes,
        Value::Double(number) => {
            let mend = Some(format!("decimal('{number}')"));
            return Err(Wrong::new("rules.type_double", "doubles are not exact".into(), mend));
        }
        Value::Uint(number) => {
            let detail = "whole numbers are int".to_string();
            return Err(Wrong::new("rules.type_operand", detail, Some(number.to_string())));
        }
        other => return Err(Wrong::operand(format!("{} as a constant", other.kind()))),
    })
}

/// What is there when this is true, or false.
fn facts(test: &Node, truth: bool) -> Vec<String> {
    let null = |node: &Node| matches!(node.kind, Kind::Constant(Value::Null));
    match &test.kind {
        Kind::Select { of, field, test: true } if truth => path(of).map(|of| format!("{of}.{field}")).into_iter().collect(),
        Kind::And(a, b) if truth => [facts(a, true), facts(b, true)].concat(),
        Kind::Or(a, b) if !truth => [facts(a, false), facts(b, false)].concat(),
        Kind::Call { function, arguments } => match (function.name(), arguments.as_slice()) {
            ("!_", [inner]) => facts(inner, !truth),
            ("_!=_", [a, b]) | ("_==_", [a, b]) if (function.name() == "_!=_") == truth => {
                let value = if null(b) { Some(a) } else { null(a).then_some(b) };
                value.and_then(path).into_iter().collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The same for two nodes that read the same place of the data; locals by their depth.
fn path(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Variable(name) => Some(name.clone()),
        Kind::Local(index) => Some(format!("#{index}")),
        Kind::Select { of, field, test: false } => Some(format!("{}.{field}", path(of)?)),
        _ => None,
    }
}

/// As it is written.
fn path_text(node: &Node) -> Option<String> {
    path(node).map(|path| if let Some((_, rest)) = path.strip_prefix('#').and_then(|p| p.split_once('.')) { format!("x.{rest}") } else { path })
}

/// The one of the names that was probably meant.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n Arc<str>>) -> Option<String> {
    let close = 1.max(name.chars().count() / 3);
    let measured = names.map(|known| (distance(name, known), known)).filter(|(distance, _)| *distance <= close);
    measured.min().map(|(_, known)| known.to_string())
}

/// Of Levenshtein, where two letters that changed places count once.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// A rule with its types: what evaluation of typed data and the compiler to SQL start from.
pub struct Typed {
    pub rule: Arc<Rule>,
    pub environment: Arc<Environment>,
    pub types: Types,
}

impl Typed {
    pub fn new(rule: Arc<Rule>, environment: Arc<Environment>, wanted: Option<&Type>) -> Result<Self, Vec<Mistake>> {
        let types = check(&rule, &environment, wanted)?;
        Ok(Typed { rule, environment, types })
    }

    pub fn gives(&self) -> &Type {
        self.types.of(&self.rule.root)
    }

    /// What it reads of objects, each once: their name and the field's; and how many such steps it takes, which no way
    /// along references is longer than.
    pub fn reads(&self) -> (BTreeSet<(&str, &str)>, usize) {
        let (mut found, mut steps) = (BTreeSet::new(), 0);
        self.rule.root.walk(&mut |node| {
            if let Kind::Select { of, field, .. } = &node.kind {
                if let Type::Object(name) = self.types.of(of).present() {
                    found.insert((&**name, &**field));
                    steps += 1;
                }
            }
        });
        (found, steps)
    }

    /// `variables`: a JSON object, of the types that were declared. The answer is JSON of the rule's type.
    pub fn evaluate(&self, variables: &[u8], budget: u64) -> Result<Vec<u8>, Fault> {
        self.rule.evaluate_typed(&self.environment, &self.types, variables, budget)
    }
}
