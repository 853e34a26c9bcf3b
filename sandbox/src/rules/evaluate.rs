//! One evaluation of a rule. Everything it does is paid for.
use super::lower::{Each, Kind, Node, Rule};
use super::value::{Key, Value};
use super::{read_json, Fault, Meter, COST};
use std::collections::BTreeMap;
use std::sync::Arc;

const MAX_DATA_BYTES: usize = 4 << 20;

impl Rule {
    /// `variables`: a JSON object. The answer is JSON.
    pub fn evaluate(&self, variables: &[u8], budget: u64) -> Result<Vec<u8>, Fault> {
        let json = read_json(variables, MAX_DATA_BYTES, "rule.data_too_large", "rule.data")?;
        let object = json.as_object().ok_or_else(|| Fault::new("rule.data", "not an object"))?;
        let mut given = BTreeMap::new();
        for name in &self.variables {
            if let Some(value) = object.get(name) {
                given.insert(name.as_str(), Value::from_json(value)?);
            }
        }
        let mut run = Run { given, locals: Vec::new(), meter: Meter::new(budget) };
        let value = run.value(&self.root)?;
        Ok(value.to_json(&mut run.meter)?.to_string().into_bytes())
    }
}

struct Run<'a> {
    given: BTreeMap<&'a str, Value>,
    locals: Vec<Value>,
    meter: Meter,
}

/// What a step of a loop says: go on, or end with this.
type Step = Result<Option<Value>, Fault>;

impl Run<'_> {
    fn value(&mut self, node: &Node) -> Result<Value, Fault> {
        self.meter.spend(1).and_then(|()| self.kind(&node.kind)).map_err(|fault| fault.or_at(node.at))
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
                select(&of, field, *test)
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

fn select(of: &Value, field: &Arc<str>, test: bool) -> Result<Value, Fault> {
    let Value::Map(entries) = of else {
        return Err(Fault::new("rule.type", format!("{} has no field {field}", of.kind())));
    };
    match entries.get(&Key::String(field.clone())) {
        found if test => Ok(Value::Bool(found.is_some())),
        Some(value) => Ok(value.clone()),
        None => Err(Fault::new("rule.key", format!("no field {field}"))),
    }
}
