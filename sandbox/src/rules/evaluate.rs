//! One evaluation of a rule. Everything it does is paid for.
use super::lower::{Each, Kind, Node, Rule};
use super::check::Types;
use super::types::{Environment, Type};
use super::value::{Key, Value};
use super::{read_json, Fault, Meter, COST};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

const MAX_DATA_BYTES: usize = 4 << 20;

type Given<'a> = BTreeMap<&'a str, Value>;

impl Rule {
    /// `variables`: a JSON object. The answer is JSON.
    pub fn evaluate(&self, variables: &[u8], budget: u64) -> Result<Vec<u8>, Fault> {
        let json = read_data(variables)?;
        let mut given = Given::new();
        for name in &self.variables {
            if let Some(value) = json.get(name) {
                given.insert(name.as_str(), Value::from_json(value)?);
            }
        }
        let mut run = Run::new(given, None, budget);
        let value = run.value(&self.root)?;
        Ok(value.to_json(&mut run.meter)?.to_string().into_bytes())
    }

    /// The same for data of the types that the rule was checked against.
    pub fn evaluate_typed(&self, environment: &Environment, types: &Types, variables: &[u8], budget: u64) -> Result<Vec<u8>, Fault> {
        let given = self.given(environment, &read_data(variables)?, None)?;
        let mut run = Run::new(given, Some(types), budget);
        let value = run.value(&self.root)?;
        Ok(types.of(&self.root).json(&value, &mut run.meter)?.to_string().into_bytes())
    }

    /// All that the rule reads, but `except`.
    pub fn given(&self, environment: &Environment, json: &Json, except: Option<&str>) -> Result<Given<'_>, Fault> {
        let mut given = Given::new();
        for name in self.variables.iter().map(String::as_str).filter(|name| Some(*name) != except) {
            let of = environment.variables.get(name).unwrap_or(&Type::Unknown);
            let value = match (json.get(name), of) {
                (Some(value), _) => environment.value(of, value, name)?,
                (None, Type::Optional(_)) => Value::Null,
                (None, _) => return Err(Fault::new("rule.variable", format!("no variable {name}"))),
            };
            given.insert(name, value);
        }
        Ok(given)
    }
}

/// An object of variables.
pub fn read_data(variables: &[u8]) -> Result<Json, Fault> {
    let json = read_json(variables, MAX_DATA_BYTES, "rule.data_too_large", "rule.data")?;
    if json.is_object() { Ok(json) } else { Err(Fault::new("rule.data", "not an object")) }
}

pub struct Run<'a> {
    given: Given<'a>,
    pub locals: Vec<Value>,
    meter: Meter,
    /// Of a checked rule. Then has() asks whether a value is there, not whether a null is, and a decimal has the scale of
    /// its type: which one must not hang on the branch that was taken, or on a list being empty.
    types: Option<&'a Types>,
}

/// What a step of a loop says: go on, or end with this.
type Step = Result<Option<Value>, Fault>;

impl<'a> Run<'a> {
    pub fn new(given: Given<'a>, types: Option<&'a Types>, budget: u64) -> Self {
        Run { given, locals: Vec::new(), meter: Meter::new(budget), types }
    }

    pub fn value(&mut self, node: &Node) -> Result<Value, Fault> {
        let value = self.meter.spend(1).and_then(|()| self.kind(&node.kind));
        let typed = match self.types {
            Some(types) => value.and_then(|value| types.of(node).scaled(value)),
            None => value,
        };
        typed.map_err(|fault| fault.or_at(node.at))
    }

    fn kind(&mut self, kind: &Kind) -> Result<Value, Fault> {
        match kind {
            Kind::Constant(value) => Ok(value.clone()),
            Kind::Local(index) => Ok(self.locals[*index].clone()),
            Kind::Variable(name) => match self.given.get(name.as_str()) {
                Some(value) => Ok(value.clone()),
                None => Err(Fault::new("rule.variable", format!("no variable {name}"))),
            },
            Kind::Select { of, field, test } => {
                let of = self.value(of)?;
                select(&of, field, *test, self.types.is_some())
            }
            Kind::And(a, b) => self.junction(a, b, false),
            Kind::Or(a, b) => self.junction(a, b, true),
            Kind::If(test, yes, no) => {
                let yes_or_no = if self.flag(test)? { yes } else { no };
                self.value(yes_or_no)
            }
            Kind::List(items) => items.iter().map(|item| self.value(item)).collect::<Result<_, _>>().map(Value::list),
            Kind::Map(entries) => self.map(entries),
            Kind::Call { function, arguments } => {
                let values = arguments.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>, _>>()?;
                function.run(&values, &mut self.meter)
            }
            Kind::Matches { text, pattern } => match self.value(text)? {
                Value::String(text) => {
                    // Linear in the text for each of the pattern's states.
                    self.meter.spend(text.len() as u64 * (1 + pattern.as_str().len() as u64 / 8))?;
                    Ok(Value::Bool(pattern.is_match(&text)))
                }
                other => Err(Fault::new("rule.type", format!("matches() takes a string, not {}", other.kind()))),
            },
            Kind::Loop { over, each } => self.each(over, each),
        }
    }

    fn flag(&mut self, node: &Node) -> Result<bool, Fault> {
        match self.value(node)? {
            Value::Bool(flag) => Ok(flag),
            other => Err(Fault::new("rule.type", format!("{} where true or false belongs", other.kind())).or_at(node.at)),
        }
    }

    /// `||` with `decides` true, `&&` with false: what decides wins over a fault on the other side.
    fn junction(&mut self, a: &Node, b: &Node, decides: bool) -> Result<Value, Fault> {
        let first = self.flag(a);
        if first == Ok(decides) {
            return Ok(Value::Bool(decides));
        }
        absorbable(&first)?;
        let second = self.flag(b)?;
        if second == decides { Ok(Value::Bool(decides)) } else { first.map(Value::Bool) }
    }

    fn map(&mut self, entries: &[(Node, Node)]) -> Result<Value, Fault> {
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let found = self.value(key)?;
            let found = match &found {
                Value::Double(_) => None,
                _ => found.key(),
            };
            let found = found.ok_or_else(|| Fault::new("rule.type", "a key is an int, uint, bool or string").or_at(key.at))?;
            if map.insert(found, self.value(value)?).is_some() {
                return Err(Fault::new("rule.key", "a key stands twice").or_at(key.at));
            }
        }
        Ok(Value::Map(Arc::new(map)))
    }

    /// Over the elements of a list, or the keys of a map in their order.
    fn walk(&mut self, over: &Node, mut step: impl FnMut(&mut Self, &Value) -> Step) -> Step {
        let items = match self.value(over)? {
            Value::List(items) => items,
            Value::Map(entries) => {
                self.meter.spend(entries.len() as u64)?;
                Arc::new(entries.keys().map(Value::from_key).collect())
            }
            other => return Err(Fault::new("rule.type", format!("{} has no elements", other.kind())).or_at(over.at)),
        };
        for item in items.iter() {
            self.meter.spend(1)?;
            self.locals.push(item.clone());
            let ended = step(self, item);
            self.locals.pop();
            if let Some(value) = ended? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn each(&mut self, over: &Node, each: &Each) -> Result<Value, Fault> {
        match each {
            Each::All(test) => self.quantify(over, test, false),
            Each::Exists(test) => self.quantify(over, test, true),
            Each::ExistsOne(test) => {
                let mut count = 0u64;
                self.walk(over, |run, _| {
                    count += u64::from(run.flag(test)?);
                    Ok(None)
                })?;
                Ok(Value::Bool(count == 1))
            }
            Each::Filter(test) => {
                let mut kept = Vec::new();
                self.walk(over, |run, item| {
                    if run.flag(test)? {
                        kept.push(item.clone());
                    }
                    Ok(None)
                })?;
                Ok(Value::list(kept))
            }
            Each::Map { test, value } => {
                let mut made = Vec::new();
                self.walk(over, |run, _| {
                    let wanted = test.as_ref().map_or(Ok(true), |test| run.flag(test))?;
                    if wanted {
                        made.push(run.value(value)?);
                    }
                    Ok(None)
                })?;
                Ok(Value::list(made))
            }
        }
    }

    /// `||` or `&&` over the elements, faults included.
    fn quantify(&mut self, over: &Node, test: &Node, decides: bool) -> Result<Value, Fault> {
        let mut fault = None;
        let ended = self.walk(over, |run, _| {
            let flag = run.flag(test);
            if flag == Ok(decides) {
                return Ok(Some(Value::Bool(decides)));
            }
            absorbable(&flag)?;
            if let Err(error) = flag {
                fault.get_or_insert(error);
            }
            Ok(None)
        })?;
        match (ended, fault) {
            (Some(value), _) => Ok(value),
            (None, Some(fault)) => Err(fault),
            (None, None) => Ok(Value::Bool(!decides)),
        }
    }
}

/// Running out of work ends everything.
fn absorbable(result: &Result<bool, Fault>) -> Result<(), Fault> {
    match result {
        Err(fault) if fault.reason == COST => Err(fault.clone()),
        _ => Ok(()),
    }
}

fn select(of: &Value, field: &Arc<str>, test: bool, typed: bool) -> Result<Value, Fault> {
    let Value::Map(entries) = of else {
        return Err(Fault::new("rule.type", format!("{} has no field {field}", of.kind())));
    };
    match entries.get(&Key::String(field.clone())) {
        found if test => Ok(Value::Bool(found.is_some_and(|value| !typed || !matches!(value, Value::Null)))),
        Some(value) => Ok(value.clone()),
        None => Err(Fault::new("rule.key", format!("no field {field}"))),
    }
}
