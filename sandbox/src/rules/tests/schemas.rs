//! Facts of JSON Schema 2020-12, and schemas that would work for ever.
use crate::rules::schema::Schema;
use crate::rules::Fault;
use serde_json::{json, Value};

fn check(schema: &Value, document: &Value) -> Result<Vec<Value>, Fault> {
    let found = Schema::compile(schema.to_string().as_bytes(), true)?.check(document.to_string().as_bytes())?;
    Ok(serde_json::from_slice(&found).unwrap())
}

fn refused(schema: &Value) -> &'static str {
    Schema::compile(schema.to_string().as_bytes(), true).err().unwrap_or_else(|| panic!("{schema:.80}")).reason
}

#[test]
fn keywords() {
    let tree = json!({"$ref": "#/$defs/t", "$defs": {"t": {"type": "object", "properties": {"c": {"items": {"$ref": "#/$defs/t"}}}}}});
    for (schema, good, bad) in [
        (json!({"type": "integer"}), json!(1.0), json!(1.5)),
        (json!({"type": ["string", "null"]}), json!(null), json!(1)),
        (json!({"const": {"a": [1]}}), json!({"a": [1.0]}), json!({"a": [2]})),
        (json!({"enum": [1, "a"]}), json!("a"), json!(2)),
        (json!({"multipleOf": 0.01}), json!(19.99), json!(0.001)),
        (json!({"exclusiveMaximum": 3}), json!(2.9), json!(3)),
        (json!({"maxLength": 2}), json!("危险"), json!("abc")),
        (json!({"pattern": "^\\d{3}$"}), json!("123"), json!("12")),
        (json!({"prefixItems": [{"type": "string"}], "items": false}), json!(["a"]), json!(["a", 1])),
        (json!({"contains": {"type": "string"}, "maxContains": 1}), json!(["a", 1]), json!(["a", "b"])),
        (json!({"uniqueItems": true}), json!([1, true, "1"]), json!([1, 1.0])),
        (json!({"required": ["a"]}), json!({"a": 1}), json!({})),
        (json!({"dependentRequired": {"a": ["b"]}}), json!({"b": 1}), json!({"a": 1})),
        (json!({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": false}), json!({"xa": 1}), json!({"a": 1})),
        (json!({"propertyNames": {"maxLength": 1}}), json!({"a": 1}), json!({"ab": 1})),
        (json!({"anyOf": [{"type": "string"}, {"minimum": 3}]}), json!(3), json!(2)),
        (json!({"oneOf": [{"type": "integer"}, {"minimum": 3}]}), json!(2), json!(3)),
        (json!({"not": {"type": "null"}}), json!(1), json!(null)),
        (json!({"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"type": "integer"}}), json!("a"), json!("")),
        (json!({"allOf": [{"properties": {"a": true}}], "unevaluatedProperties": false}), json!({"a": 1}), json!({"b": 1})),
        // What a counted reference has seen counts as seen.
        (json!({"$ref": "#/$defs/a", "unevaluatedProperties": false, "$defs": {"a": {"properties": {"a": true}}}}), json!({"a": 1}), json!({"b": 1})),
        (json!({"$ref": "#/$defs/a", "allOf": [{"minimum": 2}], "$defs": {"a": {"maximum": 4}}}), json!(3), json!(1)),
        (json!({"$ref": "#x", "$defs": {"a": {"$anchor": "x", "maximum": 4}}}), json!(3), json!(5)),
        (json!({"properties": {"$ref": {"type": "string"}}}), json!({"$ref": "a"}), json!({"$ref": 1})),
        (json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}), json!({"type": "string"}), json!({"type": "text"})),
        (tree, json!({"c": [{"c": []}]}), json!({"c": [{"c": [1]}]})),
        (json!({"format": "date"}), json!("2024-02-29"), json!("2023-02-29")),
        (json!({"format": "date-time"}), json!("2024-01-01T00:00:00Z"), json!("2024-01-01")),
        (json!({"format": "email"}), json!("a@b.cn"), json!("a")),
        (json!({"format": "ipv4"}), json!("127.0.0.1"), json!("127.0.0.256")),
        (json!({"format": "uuid"}), json!("2eb8aa08-aa98-11ea-b4aa-73b441d16380"), json!("2eb8")),
        (json!({"format": "uri"}), json!("https://a.cn/b"), json!("a b")),
    ] {
        assert_eq!(check(&schema, &good), Ok(vec![]), "{schema}: {good}");
        assert_ne!(check(&schema, &bad).map(|found| found.len()), Ok(0), "{schema}: {bad}");
    }
    let lax = Schema::compile(b"{\"format\": \"date\"}", false).unwrap();
    assert_eq!(lax.check(b"\"x\""), Ok(b"[]".to_vec()));
}

#[test]
fn violations_say_where_and_what_but_not_which_value() {
    let schema = json!({"properties": {"a/b": {"items": {"$ref": "#/$defs/s"}}}, "required": ["c"], "$defs": {"s": {"type": "string", "maxLength": 2}}});
    let found = check(&schema, &json!({"a/b": ["x", 13812345678u64, "secret"]})).unwrap();
    let places: Vec<_> = found.iter().map(|violation| (violation["path"].as_str().unwrap(), violation["keyword"].as_str().unwrap())).collect();
    assert_eq!(places, [("", "required"), ("/a~1b/1", "type"), ("/a~1b/2", "maxLength")]);
    let all = json!(found).to_string();
    assert!(!all.contains("13812345678") && !all.contains("secret"), "{all}");
    assert_eq!(check(&json!({"items": {"type": "string"}}), &json!(vec![0; 1000])).map(|found| found.len()), Ok(100));
}

#[test]
fn refused_schemas() {
    for (schema, wanted) in [
        (json!(1), "schema.invalid"),
        (json!({"type": "text"}), "schema.invalid"),
        (json!({"minimum": "1"}), "schema.invalid"),
        (json!({"pattern": "("}), "schema.invalid"),
        (json!({"pattern": "(?=a)"}), "schema.invalid"),
        (json!({"pattern": "(a)\\1"}), "schema.invalid"),
        (json!({"format": "unheard-of"}), "schema.invalid"),
        (json!({"$ref": "#/$defs/none"}), "schema.invalid"),
        (json!({"$ref": "https://example.com/schema"}), "schema.invalid"),
        (json!({"$ref": "file:///etc/passwd"}), "schema.invalid"),
        (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "schema.dialect"),
        (json!({"$ref": "#/default", "default": {"$ref": "#/default"}}), "schema.reference"),
        (json!({"$ref": "#/%64efault", "default": {"$ref": "#/default"}}), "schema.reference"),
        (json!({"\u{1}work": 0}), "schema.invalid"),
        (json!({"x": "x".repeat(256 << 10)}), "schema.too_large"),
        ((0..9).fold(json!({}), |inner, _| json!({"allOf": [inner], "unevaluatedProperties": false})), "schema.too_large"),
    ] {
        assert_eq!(refused(&schema), wanted, "{schema:.80}");
    }
    assert_eq!(Schema::compile(b"{", true).err().map(|fault| fault.reason), Some("schema.malformed"));
    let deep = format!("{}{{}}{}", "{\"not\":".repeat(1000), "}".repeat(1000));
    assert_eq!(Schema::compile(deep.as_bytes(), true).err().map(|fault| fault.reason), Some("schema.malformed"));
}

/// a0 is asked 2^40 times, by whatever applies two subschemas to one value.
#[test]
fn references_that_multiply() {
    for kind in ["allOf", "anyOf", "oneOf"] {
        for leaf in [json!({"type": "string"}), json!({}), json!({"type": "integer"})] {
            let mut definitions = json!({"a0": leaf});
            for level in 1..=40 {
                let to = json!({"$ref": format!("#/$defs/a{}", level - 1)});
                definitions[format!("a{level}")] = json!({kind: [to, to]});
            }
            let found = check(&json!({"$ref": "#/$defs/a40", "$defs": definitions}), &json!(1));
            // anyOf ends at the first that fits.
            let wanted = if kind == "anyOf" && leaf["type"] != "string" { Ok(vec![]) } else { Err("schema.cost") };
            assert_eq!(found.map_err(|fault| fault.reason), wanted, "{kind} {leaf}");
        }
    }
    let mut definitions = json!({"a0": {"type": "string"}});
    for level in 1..=40 {
        let to = format!("#/$defs/a{}", level - 1);
        definitions[format!("a{level}")] = json!({"$ref": to, "not": {"$ref": to}});
    }
    let found = check(&json!({"$ref": "#/$defs/a40", "$defs": definitions}), &json!(1));
    assert!(found.as_ref().map_or_else(|fault| fault.reason == "schema.cost", |_| true), "{found:?}");
    // Over the depth of the document: each level asks twice for the next.
    let twice = json!({"type": "array", "allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]});
    let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(check(&twice, &deep).unwrap_err().reason, "schema.cost");
}

#[test]
fn references_in_circles_and_chains() {
    for schema in [json!({"$ref": "#"}), json!({"$ref": ""}), json!({"allOf": [{"$ref": "#"}]}), json!({"not": {"$ref": "#"}}), json!({"$dynamicRef": "#"})] {
        let found = check(&schema, &json!(1));
        assert!(found.as_ref().map_or_else(|fault| ["schema.cost", "schema.depth"].contains(&fault.reason), |_| true), "{schema}: {found:?}");
    }
    let mut definitions = json!({"a0": {"type": "string"}});
    for level in 1..=5000 {
        definitions[format!("a{level}")] = json!({"$ref": format!("#/$defs/a{}", level - 1)});
    }
    let found = check(&json!({"$ref": "#/$defs/a5000", "$defs": definitions}), &json!("x"));
    assert!(found.as_ref().map_or_else(|fault| ["schema.cost", "schema.depth"].contains(&fault.reason), Vec::is_empty), "{found:?}");
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let any = Schema::compile(b"{\"items\": {\"$ref\": \"#\"}}", true).unwrap();
    assert_eq!(any.check(deep.as_bytes()).unwrap_err().reason, "schema.document");
    let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
    assert_eq!(any.check(deep.as_bytes()), Ok(b"[]".to_vec()));
}

#[test]
fn patterns_are_linear() {
    let schema = json!({"pattern": "^(a+)+$"});
    assert_ne!(check(&schema, &json!(format!("{}b", "a".repeat(100_000)))).map(|found| found.len()), Ok(0));
    assert_eq!(refused(&json!({"pattern": "((a{1000}){1000}){1000}"})), "schema.invalid");
}

/// Data decides what a format's reader meets.
#[test]
fn formats_meet_hostile_texts() {
    let known = [
        "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "iri", "iri-reference", "json-pointer", "regex", "relative-json-pointer",
        "time", "uri", "uri-reference", "uri-template", "uuid",
    ];
    for format in known {
        let schema = Schema::compile(json!({"format": format}).to_string().as_bytes(), true).unwrap_or_else(|fault| panic!("{format}: {fault:?}"));
        for piece in ["(", "[", "{", "a{9}", "(?:", "(?=", "\\", "/", ":", "@", ".", "%", "0", "9", "危", "a.", "-", "*+", "|", "\u{0}", "[[^", "P1Y"] {
            let text = json!(piece.repeat(100_000)).to_string();
            let found = schema.check(text.as_bytes()).unwrap();
            assert!(found == b"[]" || found.starts_with(b"[{"), "{format} {piece}");
        }
    }
}
