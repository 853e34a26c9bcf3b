//! Random expressions, evaluated here and by cel's own interpreter, which shares the parser alone.
use super::run;
use cel::objects::Key;
use cel::{Context, Program, Value};
use serde_json::{json, Map, Value as Json};

fn theirs(text: &str) -> Option<Json> {
    let mut context = Context::default();
    context.add_variable_from_value("i", 3i64);
    context.add_variable_from_value("j", -4i64);
    context.add_variable_from_value("s", "危险废物");
    context.add_variable_from_value("l", vec![1i64, 5, 2]);
    context.add_variable_from_value("yes", true);
    json_of(&Program::compile(text).ok()?.execute(&context).ok()?)
}

fn json_of(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Int(number) => json!(number),
        Value::UInt(number) => json!(number),
        Value::Float(number) => Json::Number(serde_json::Number::from_f64(*number)?),
        Value::String(text) => json!(**text),
        Value::List(items) => Json::Array(items.iter().map(json_of).collect::<Option<_>>()?),
        Value::Map(entries) => {
            let entry = |(key, value): (&Key, &Value)| match key {
                Key::String(key) => Some((key.to_string(), json_of(value)?)),
                _ => None,
            };
            Json::Object(entries.map.iter().map(entry).collect::<Option<Map<_, _>>>()?)
        }
        _ => return None,
    })
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn int(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.of(&["i", "j", "0", "1", "7", "9223372036854775807", "l[0]", "l[9]"]).into();
        }
        match self.below(6) {
            0..=2 => format!("({} {} {})", self.int(depth - 1), self.of(&["+", "-", "*", "/", "%"]), self.int(depth - 1)),
            3 => format!("({} ? {} : {})", self.bool(depth - 1), self.int(depth - 1), self.int(depth - 1)),
            4 => format!("size({})", self.list(depth - 1)),
            _ => format!("size({})", self.text(depth - 1)),
        }
    }

    fn bool(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.of(&["yes", "true", "false", "missing", "s == '危'"]).into();
        }
        match self.below(8) {
            0 => format!("!{}", self.bool(depth - 1)),
            1 | 2 => format!("({} {} {})", self.bool(depth - 1), self.of(&["&&", "||"]), self.bool(depth - 1)),
            3 => format!("({} {} {})", self.int(depth - 1), self.of(&["<", "<=", ">", ">=", "==", "!="]), self.int(depth - 1)),
            4 => format!("({} {} {})", self.text(depth - 1), self.of(&["<", "==", "!="]), self.text(depth - 1)),
            5 => format!("{}.{}(x, {})", self.list(depth - 1), self.of(&["all", "exists", "exists_one"]), self.bool(depth - 1)),
            6 => format!("({} in {})", self.int(depth - 1), self.list(depth - 1)),
            _ => format!("{}.{}({})", self.text(depth - 1), self.of(&["contains", "startsWith", "endsWith"]), self.text(depth - 1)),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.of(&["s", "''", "'危'", "'物'", "'ab'"]).into();
        }
        match self.below(3) {
            0 => format!("({} + {})", self.text(depth - 1), self.text(depth - 1)),
            1 => format!("string({})", self.int(depth - 1)),
            _ => format!("({} ? {} : {})", self.bool(depth - 1), self.text(depth - 1), self.text(depth - 1)),
        }
    }

    fn list(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.of(&["l", "[]", "[i, j]", "[0, 1, 2]"]).into();
        }
        match self.below(4) {
            0 => format!("{}.map(x, x + {})", self.list(depth - 1), self.int(depth - 1)),
            1 => format!("{}.filter(x, x {} {})", self.list(depth - 1), self.of(&["<", ">", "=="]), self.int(depth - 1)),
            2 => format!("({} + {})", self.list(depth - 1), self.list(depth - 1)),
            _ => format!("[{}, {}]", self.int(depth - 1), self.int(depth - 1)),
        }
    }
}

#[test]
fn random_expressions() {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let mut random = Random(seed | 1);
    let data = json!({"i": 3, "j": -4, "s": "危险废物", "l": [1, 5, 2], "yes": true});
    let mut valued = 0;
    for round in 0..3_000 {
        let depth = 1 + random.below(3);
        let text = match round % 4 {
            0 => random.int(depth),
            1 => random.bool(depth),
            2 => random.text(depth),
            _ => random.list(depth),
        };
        let ours = run(&text, &data);
        assert_eq!(ours.clone().ok(), theirs(&text), "{text}: {ours:?}");
        valued += usize::from(ours.is_ok());
    }
    assert!(valued > 500, "only {valued} expressions have a value");
}
