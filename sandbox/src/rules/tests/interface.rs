//! Through the C interface, as the platform comes in.
use crate::abi::{Buffer, Bytes, OK, REFUSED};
use crate::rules::*;
use serde_json::{json, Value};

fn taken(buffer: Buffer) -> Value {
    let bytes = unsafe { buffer.take() };
    if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() }
}

fn compile(text: &str) -> Result<*const Rule, Value> {
    let (mut rule, mut error) = (std::ptr::null(), Buffer::EMPTY);
    match unsafe { cx_rule_compile(Bytes::of(text.as_bytes()), &mut rule, &mut error) } {
        OK => Ok(rule),
        _ => Err(taken(error)),
    }
}

#[test]
fn rules() {
    let rule = compile("a + b").unwrap();
    assert_eq!(taken(unsafe { cx_rule_variables(rule) }), json!(["a", "b"]));
    unsafe { cx_rule_free(rule) };

    let rule = compile("a > 1 &&\n  a / b == 2").unwrap();
    assert_eq!(taken(unsafe { cx_rule_variables(rule) }), json!(["a", "b"]));
    let evaluate = |data: &str| {
        let mut result = Buffer::EMPTY;
        let verdict = unsafe { cx_rule_evaluate(rule, Bytes::of(data.as_bytes()), 1000, &mut result) };
        (verdict, taken(result))
    };
    assert_eq!(evaluate("{\"a\": 4, \"b\": 2}"), (OK, json!(true)));
    let wanted = json!({"reason": "rule.arithmetic", "detail": "division by zero", "line": 2, "column": 5});
    assert_eq!(evaluate("{\"a\": 4, \"b\": 0}"), (REFUSED, wanted));
    unsafe { cx_rule_free(rule) };
    unsafe { cx_rule_free(std::ptr::null()) };
}

#[test]
fn a_text_that_is_not_utf8() {
    let (mut rule, mut error) = (std::ptr::null(), Buffer::EMPTY);
    assert_eq!(unsafe { cx_rule_compile(Bytes::of(b"'\xff'"), &mut rule, &mut error) }, REFUSED);
    assert_eq!(taken(error)["reason"], "rule.syntax");
    assert!(rule.is_null());
}

/// Where: the line and the column in characters, whatever bytes stand before.
#[test]
fn positions() {
    for (text, line, column) in [
        ("'危险' +\n 'x' + nothing(1)", 2, 15),
        ("'危险' + nothing(1)", 1, 15),
        ("1 + 'a'.matches('(')", 1, 16),
        ("true &&\n\n 1 ) 2", 3, 4),
        ("'危险😀' ==\n'😀' ) 2", 2, 5),
        (&"(".repeat(30), 1, 25),
    ] {
        let error = compile(text).unwrap_err();
        assert_eq!((&error["line"], &error["column"]), (&json!(line), &json!(column)), "{text}: {error}");
    }
}

#[test]
fn schemas() {
    let (mut schema, mut error) = (std::ptr::null(), Buffer::EMPTY);
    let verdict = unsafe { cx_schema_compile(Bytes::of(b"{\"type\": 1}"), false, &mut schema, &mut error) };
    assert_eq!((verdict, &taken(error)["reason"]), (REFUSED, &json!("schema.invalid")));
    let mut error = Buffer::EMPTY;
    let text = b"{\"properties\": {\"a\": {\"type\": \"string\"}}}";
    assert_eq!(unsafe { cx_schema_compile(Bytes::of(text), false, &mut schema, &mut error) }, OK);
    let mut report = Buffer::EMPTY;
    assert_eq!(unsafe { cx_schema_check(schema, Bytes::of(b"{\"a\": \"b\"}"), &mut report) }, OK);
    assert_eq!(taken(report), json!([]));
    let mut report = Buffer::EMPTY;
    assert_eq!(unsafe { cx_schema_check(schema, Bytes::of(b"{"), &mut report) }, REFUSED);
    assert_eq!(taken(report)["reason"], "schema.document");
    unsafe { cx_schema_free(schema) };
}

/// One rule and one schema, many threads, no lock: each answer belongs to its question.
#[test]
fn threads() {
    let rule = Rule::compile("l.map(x, x * n).filter(x, x % 2 == 0)").unwrap();
    let schema = schema::Schema::compile(br##"{"$ref": "#/$defs/t", "$defs": {"t": {"items": {"$ref": "#/$defs/t"}, "maxItems": 3}}}"##, true).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8i64 {
            let (rule, schema) = (&rule, &schema);
            scope.spawn(move || {
                for n in 0..50 {
                    let data = json!({"l": [1, 2, thread], "n": n}).to_string();
                    let wanted: Vec<_> = [1, 2, thread].iter().map(|x| x * n).filter(|x| x % 2 == 0).collect();
                    let found = rule.evaluate(data.as_bytes(), 1000).unwrap();
                    assert_eq!(serde_json::from_slice::<Value>(&found).unwrap(), json!(wanted));
                    let document = json!([[vec![0; (thread % 5) as usize]]]).to_string();
                    assert_eq!(schema.check(document.as_bytes()).unwrap() == b"[]", thread % 5 <= 3);
                }
            });
        }
    });
}
