//! What is refused, and the shape of what is not. That SQL chooses the rows that evaluation does is shown on databases:
//! tests/rules.
use super::types::{manifest, typed_in};
use crate::rules::sql::{Dialect, Mapping};
use crate::rules::Fault;
use serde_json::{json, Value};

fn mapping() -> Value {
    let columns = |names: &[&str]| names.iter().map(|name| (name.to_string(), json!(name))).collect::<serde_json::Map<_, _>>();
    let mut fields = columns(&["total", "price", "weight", "serial", "note", "number", "sealed", "day", "arrived", "state", "shape", "digest"]);
    fields.insert("producer".into(), json!("producer_id"));
    fields.insert("carrier".into(), json!("carrier_id"));
    fields.insert("lines".into(), json!({"of": "manifest_id"}));
    fields.insert("tags".into(), json!({"table": "tag", "of": "manifest_id", "value": {"sql": "lower({}.tag)"}}));
    json!({"alias": "m", "objects": {
        "manifest": {"table": "manifest", "key": "id", "fields": fields},
        "manifest.lines": {"table": "line", "key": "id", "fields": columns(&["waste", "quantity", "count"])},
        "enterprise": {"table": "enterprise", "key": "id", "fields": columns(&["name", "district", "email"])},
    }})
}

fn sql(text: &str) -> Result<Value, Fault> {
    sql_of(text, Dialect::Sqlite)
}

fn sql_of(text: &str, dialect: Dialect) -> Result<Value, Fault> {
    let typed = typed_in(&manifest(), text, None).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    let mapping = Mapping::compile(mapping().to_string().as_bytes()).unwrap();
    let variables = json!({"me": {"district": "江南", "districts": ["a", "b"], "limit": "7"}, "today": "2026-11-23", "now": 0});
    let made = typed.sql(dialect, &mapping, variables.to_string().as_bytes())?;
    Ok(serde_json::from_slice(&made).unwrap())
}

#[test]
fn shapes() {
    for (text, wanted, values) in [
        ("it.producer.district == me.district", "((SELECT r1.\"district\" FROM \"enterprise\" r1 WHERE r1.\"id\" = \"m\".\"producer_id\") = ?)", json!(["江南"])),
        ("it.total > me.limit + 1", "(\"m\".\"total\" > (? * 1000))", json!([8])),
        ("it.number in ['a', 'b'] && it.sealed", "((\"m\".\"number\" IN (?, ?)) AND (\"m\".\"sealed\" <> 0))", json!(["a", "b"])),
        ("has(it.carrier) && it.day <= today.plus_days(-30)", "((\"m\".\"carrier_id\" IS NOT NULL) AND (\"m\".\"day\" <= ?))", json!([20750])),
        ("it.note == null || it.note == 'x'", "((\"m\".\"note\" IS NULL) OR (\"m\".\"note\" = ?))", json!(["x"])),
        ("it.note == 'x'", "(\"m\".\"note\" IS ?)", json!(["x"])),
        ("it.digest == b'ab'", "(\"m\".\"digest\" = ?)", json!([{"b": "6162"}])),
        ("it.lines.exists(l, l.waste == 'HW08')", "EXISTS (SELECT 1 FROM \"line\" r1 WHERE (r1.\"manifest_id\" = \"m\".\"id\") AND (r1.\"waste\" = ?))", json!(["HW08"])),
        ("'x' in it.tags", "EXISTS (SELECT 1 FROM \"tag\" r1 WHERE (r1.\"manifest_id\" = \"m\".\"id\") AND ((lower(r1.tag)) = ?))", json!(["x"])),
        ("today > date('2020-01-01')", "TRUE", json!([])),
        ("me.districts.exists(d, it.number.startsWith(d))", "((substr(\"m\".\"number\", 1, length(?)) = ?) OR (substr(\"m\".\"number\", 1, length(?)) = ?))", json!(["a", "a", "b", "b"])),
    ] {
        let made = sql(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        assert_eq!((made["text"].as_str().unwrap(), &made["values"]), (wanted, &values), "{text}");
        assert!(sql_of(text, Dialect::Postgresql).is_ok(), "{text}");
    }
}

#[test]
fn refused() {
    for (text, reason, at) in [
        ("it.total", "rules.sql_type", 2),
        ("it.number.matches('^a')", "rules.sql_function", 17),
        ("it.total > 1 && it.day.plus_months(1) > today", "rules.sql_function", 34),
        ("div(it.total, it.price, 2, 'half_up') > 1", "rules.sql_function", 3),
        ("it.total.round(1, 'half_even') > 1", "rules.sql_function", 14),
        ("it.serial / it.serial == 1", "rules.sql_function", 14),
        ("it.lines[0].quantity > 1", "rules.sql_object", 8),
        ("(it.sealed ? it.producer : it.carrier) != null", "rules.sql_object", 11),
        ("it.lines.map(l, l.quantity * l.quantity).max() == null", "rules.sql_missing", 44),
        ("it.sealed == (it.extra.boxes > 1)", "rules.sql_object", 16),
        ("it.from < time('08:00')", "rules.sql_mapping", 2),
        ("it.number != 'a\\u0000b'", "rules.sql_value", 13),
        ("[it.number].exists(x, x == 'a')", "rules.sql_list", 0),
        ("it.sealed == ((it.sealed ? null : it.serial * 2) == 1)", "rules.sql_missing", 25),
    ] {
        let fault = sql(text).err().unwrap_or_else(|| panic!("{text} is let through"));
        assert_eq!((fault.reason, fault.at), (reason, Some(at)), "{text}: {fault:?}");
    }
    let long = vec!["it.number + it.number == 'a'"; 180].join(" && ");
    assert_eq!(sql(&long).map(|_| ()), Ok(()));
    for (times, wanted) in [(5, Ok(())), (90, Err("rules.sql_too_large"))] {
        let deep = format!("it.serial{} > 0", " * 3 + 1".repeat(times));
        assert_eq!(sql(&deep).map(|_| ()).map_err(|fault| fault.reason), wanted, "{times}");
    }
    let doubled = format!("{}it.serial{} > 0", "(it.sealed ? 1 : 1 + ".repeat(22), ")".repeat(22));
    assert_eq!(sql(&doubled).unwrap_err().reason, "rules.sql_too_large");
}

#[test]
fn mappings() {
    for bad in [
        json!([]),
        json!({"objects": {"a": {"key": "id"}}}),
        json!({"alias": "m m", "objects": {}}),
        json!({"objects": {"a": {"table": "a\"b", "key": "id"}}}),
        json!({"objects": {"a": {"table": "", "key": "id"}}}),
        json!({"objects": {"a": {"table": "t", "key": "id", "fields": {"x": "1x"}}}}),
        json!({"objects": {"a": {"table": "t", "key": "id", "fields": {"x": {"sql": "?"}}}}}),
        json!({"objects": {"a": {"table": "t", "key": "id", "fields": {"x": {"table": "t", "of": "x"}}}}}),
    ] {
        let fault = Mapping::compile(bad.to_string().as_bytes()).err().unwrap_or_else(|| panic!("{bad}"));
        assert_eq!(fault.reason, "rules.sql_mapping", "{bad}");
    }
}
