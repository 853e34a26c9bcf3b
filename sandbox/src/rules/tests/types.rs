//! Types of rules: each is right, or each mistake is named with its place and its mend.
use super::BUDGET;
use crate::rules::check::{Mistake, Typed};
use crate::rules::types::Environment;
use crate::rules::Rule;
use serde_json::{json, Value};
use std::sync::Arc;

pub fn manifest() -> Value {
    json!({
        "it": {"object": "manifest"},
        "me": {"object": "person"},
        "today": "date",
        "now": {"type": "instant"},
        "dictionaries": {"waste_code": ["HW08", "HW17", "HW49"], "state": ["draft", "sent"]},
        "objects": {
            "manifest": {"fields": {
                "total": {"decimal": 3, "unit": "t"},
                "price": {"decimal": 2},
                "weight": {"decimal": 1, "unit": "kg"},
                "serial": "int",
                "note": {"type": "text", "optional": true},
                "number": "text",
                "sealed": "bool",
                "day": "date",
                "arrived": {"type": "instant", "optional": true},
                "from": "time",
                "state": {"dictionary": "state"},
                "shape": "geometry",
                "digest": "bytes",
                "producer": {"ref": "enterprise"},
                "carrier": {"ref": "enterprise", "optional": true},
                "lines": {"list": {"object": "manifest.lines"}},
                "tags": {"list": "text"},
                "extra": {"map": "int"},
            }},
            "manifest.lines": {"fields": {
                "waste": {"dictionary": "waste_code"},
                "quantity": {"decimal": 3, "unit": "t"},
                "count": {"type": "int", "optional": true},
            }},
            "enterprise": {"fields": {"name": "text", "district": "text", "email": {"type": "text", "optional": true}}},
            "person": {"fields": {"district": "text", "districts": {"list": "text"}, "limit": {"decimal": 0}}},
        },
    })
}

pub fn typed_in(environment: &Value, text: &str, wanted: Option<Value>) -> Result<Typed, Vec<Mistake>> {
    let environment = Environment::compile(environment.to_string().as_bytes()).unwrap();
    let wanted = wanted.map(|wanted| environment.type_of(wanted.to_string().as_bytes()).unwrap());
    let rule = Rule::compile(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    Typed::new(Arc::new(rule), Arc::new(environment), wanted.as_ref())
}

fn typed(text: &str) -> Result<Typed, Vec<Mistake>> {
    typed_in(&manifest(), text, None)
}

#[test]
fn what_rules_give() {
    for (text, wanted) in [
        ("it.total", "decimal(3) t"),
        ("it.total + it.total", "decimal(3) t"),
        ("it.total + 5", "decimal(3) t"),
        ("it.total * it.price", "decimal(5) t"),
        ("it.total * it.weight", "decimal(4) t*kg"),
        ("div(it.total, it.total, 2, 'half_up')", "decimal(2)"),
        ("div(it.total, it.weight, 2, 'half_up')", "decimal(2) t/kg"),
        ("it.total.round(1, 'down')", "decimal(1) t"),
        ("-it.total", "decimal(3) t"),
        ("decimal('1.50') + it.price", "decimal(2)"),
        ("decimal(it.serial, 2)", "decimal(2)"),
        ("it.serial / 2 % 3", "int"),
        ("it.note", "optional(text)"),
        ("it.note.orValue('')", "text"),
        ("has(it.note) ? it.note : '-'", "text"),
        ("it.note != null ? size(it.note) : 0", "int"),
        ("it.note == null ? 0 : size(it.note)", "int"),
        ("has(it.note) && it.note.contains('a')", "bool"),
        ("!has(it.note) || it.note.size() > 3", "bool"),
        ("!(!has(it.note) || it.note == '') && it.note < 'b'", "bool"),
        ("has(it.carrier) && has(it.carrier.email) && it.carrier.email.endsWith('.cn')", "bool"),
        ("it.note == 'x' || it.note in ['a', 'b']", "bool"),
        ("has(it.note) && it.note != null && it.note.orValue('-').size() > 1", "bool"),
        ("it.producer.district == me.district", "bool"),
        ("it.lines.map(l, l.quantity).sum()", "decimal(3) t"),
        ("it.lines.map(l, l.quantity).max()", "optional(decimal(3) t)"),
        ("it.lines.map(l, has(l.count), l.count).sum()", "int"),
        ("it.lines.all(l, has(l.count) && l.count > 3)", "bool"),
        ("it.lines.filter(l, l.waste == 'HW08')", "list(object(manifest.lines))"),
        ("it.lines.map(l, l.waste).distinct().count()", "int"),
        ("it.lines.map(l, l.quantity).avg(1, 'half_even').orValue(0)", "decimal(1) t"),
        ("it.day.plus_months(3) <= today && it.day.days_until(today) < 30", "bool"),
        ("has(it.arrived) ? date(it.arrived) : it.day", "date"),
        ("now.minutes_until(now.plus_minutes(5))", "int"),
        ("time('08:30') <= it.from", "bool"),
        ("instant(it.day, it.from) > now", "bool"),
        ("it.sealed ? 1 : it.price", "decimal(2)"),
        ("it.sealed ? null : it.price", "optional(decimal(2))"),
        ("[1, it.price]", "list(decimal(2))"),
        ("it.extra.boxes + it.extra['bags']", "int"),
        ("me.districts.exists(d, it.producer.district.startsWith(d))", "bool"),
        ("it.number.matches('^[0-9]+$')", "bool"),
        ("it.digest == b'abc'", "bool"),
        ("it.lines.exists(l, it.lines.exists(k, k.quantity > l.quantity))", "bool"),
    ] {
        match typed(text) {
            Ok(typed) => assert_eq!(typed.gives().to_string(), wanted, "{text}"),
            Err(mistakes) => panic!("{text}: {mistakes:?}"),
        }
    }
}

#[test]
fn mistakes() {
    for (text, reason, mend) in [
        ("it.totel > 3", "rules.type_field", Some("total")),
        ("it.producer.distirct == ''", "rules.type_field", Some("district")),
        ("it.zzz", "rules.type_field", None),
        ("if_.total", "rules.type_variable", None),
        ("tody > it.day", "rules.type_variable", Some("today")),
        ("it.total > 0.5", "rules.type_double", Some("decimal('0.5')")),
        ("double(it.serial) > 1", "rules.type_double", Some("decimal(x, 3)")),
        ("it.serial > 1u", "rules.type_operand", Some("1")),
        ("it.total + it.weight", "rules.type_unit", None),
        ("it.total < it.weight", "rules.type_unit", None),
        ("it.total == it.weight", "rules.type_unit", None),
        ("it.sealed ? it.total : it.weight", "rules.type_operand", None),
        ("it.note.size() > 3", "rules.type_null", Some("has(it.note) && …, or it.note.orValue(…)")),
        ("it.carrier.name == 'x'", "rules.type_null", Some("has(it.carrier) && …, or it.carrier.orValue(…)")),
        ("has(it.carrier.email)", "rules.type_null", Some("has(it.carrier) && …, or it.carrier.orValue(…)")),
        ("has(it.note) || it.note.size() > 3", "rules.type_null", Some("has(it.note) && …, or it.note.orValue(…)")),
        ("it.lines.filter(l, has(l.count)).map(l, l.count).sum()", "rules.type_null", Some("list.map(x, has(x.field), x.field)")),
        ("it.lines.map(l, l.quantity).max() > 3", "rules.type_null", None),
        ("it.total == null", "rules.type_operand", None),
        ("it.number == 3", "rules.type_operand", None),
        ("it.number + 3", "rules.type_operand", None),
        ("it.total / 2", "rules.type_operand", Some("div(a, b, 3, 'half_up')")),
        ("it.day + 3", "rules.type_operand", Some("a.plus_days(n)")),
        ("today - it.day", "rules.type_operand", Some("b.days_until(a)")),
        ("it.producer == it.producer", "rules.type_operand", Some("compare a field that tells them apart")),
        ("it.shape == it.shape", "rules.type_operand", None),
        ("it.lines.exists(l, l.waste == 'HW80')", "rules.type_code", Some("HW08")),
        ("it.state in ['draft', 'snt']", "rules.type_code", Some("sent")),
        ("it.lines.exists(l, l.waste == it.state)", "rules.type_operand", None),
        ("it.total.round(it.serial, 'half_up') > 1", "rules.type_constant", None),
        ("it.total.round(2, 'nearest') > 1", "rules.type_constant", Some("'half_up'")),
        ("decimal(it.number) > 1", "rules.type_constant", Some("decimal(text, 3)")),
        ("decimal('1,5') > 1", "rules.type_constant", Some("decimal('12.34')")),
        ("it.price * it.price * it.price * it.price * it.price * it.price * it.price * it.price * it.price * it.price", "rules.type_operand", Some("a.round(3, 'half_up') * b")),
        ("it.sealed && it.serial", "rules.type_operand", None),
        ("it.serial ? 1 : 2", "rules.type_operand", None),
        ("it.serial.all(x, true)", "rules.type_operand", None),
        ("it.number.year() == 3", "rules.type_operand", None),
        ("[1, 'a']", "rules.type_operand", None),
        ("dyn(it.serial) == 'x'", "rules.type_operand", None),
        ("it.total.x", "rules.type_operand", None),
        ("null + 1", "rules.type_null", None),
    ] {
        let found = typed(text).err().unwrap_or_else(|| panic!("{text} is let through"));
        assert_eq!((found[0].reason, found[0].mend.as_deref(), found.len()), (reason, mend, 1), "{text}: {found:?}");
    }
}

#[test]
fn all_at_once_and_where() {
    let text = "it.totel > 3 &&\n  it.note.size() > 2 || '危险' == it.lnies ||\n it.total > 0.5";
    let found: Vec<_> = typed(text).err().unwrap().iter().map(|mistake| mistake.json(text)).collect();
    let places: Vec<_> = found.iter().map(|one| (one["reason"].as_str().unwrap(), one["line"].clone(), one["column"].clone())).collect();
    let wanted = [("rules.type_field", 1, 3), ("rules.type_null", 2, 5), ("rules.type_field", 2, 35), ("rules.type_double", 3, 13)];
    assert_eq!(places, wanted.map(|(reason, line, column)| (reason, json!(line), json!(column))), "{found:?}");
}

#[test]
fn wanted_types() {
    let reason = |text: &str, wanted: Value| typed_in(&manifest(), text, Some(wanted)).err().map(|mistakes| mistakes[0].reason);
    assert_eq!(reason("it.total", json!("bool")), Some("rules.type_result"));
    assert_eq!(reason("it.note", json!("text")), Some("rules.type_null"));
    assert_eq!(reason("it.note", json!({"type": "text", "optional": true})), None);
    assert_eq!(reason("it.number", json!({"type": "text", "optional": true})), None);
    assert_eq!(reason("it.serial", json!({"decimal": 2})), None);
    assert_eq!(reason("it.total", json!({"decimal": 2})), Some("rules.type_result"));
    assert_eq!(reason("it.price", json!({"decimal": 3, "unit": "t"})), None);
    assert_eq!(reason("it.weight", json!({"decimal": 3, "unit": "t"})), Some("rules.type_result"));
    assert_eq!(reason("[]", json!({"list": "text"})), None);
}

#[test]
fn environments() {
    for bad in [
        json!([]),
        json!({"it": "txt"}),
        json!({"it": {"object": "nowhere"}}),
        json!({"it": {"decimal": 19}}),
        json!({"it": {"decimal": 2, "unit": 3}}),
        json!({"it": {"list": "int", "optional": true}}),
        json!({"it": {"type": "int", "optionel": true}}),
        json!({"it": {"type": "int", "decimal": 2}}),
        json!({"it": {}}),
        json!({"objects": {"a": {"fields": 3}}}),
        json!({"objects": {"a": {}}}),
        json!({"dictionaries": {"a": [1]}}),
    ] {
        let fault = Environment::compile(bad.to_string().as_bytes()).err().unwrap_or_else(|| panic!("{bad}"));
        assert_eq!(fault.reason, "rules.environment", "{bad}");
    }
    let deep = format!("{{\"it\": {}\"int\"{}}}", "{\"list\": ".repeat(40), "}".repeat(40));
    assert_eq!(Environment::compile(deep.as_bytes()).err().unwrap().reason, "rules.environment");
}

#[test]
fn typed_data() {
    let run = |text: &str, it: Value| {
        let typed = typed(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
        let data = json!({"it": it, "me": {"limit": "5"}, "today": "2026-11-23", "now": 0});
        let result = typed.evaluate(data.to_string().as_bytes(), BUDGET);
        result.map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap()).map_err(|fault| fault.reason)
    };
    assert_eq!(run("it.total", json!({"total": "12.34"})), Ok(json!("12.340")));
    assert_eq!(run("it.total", json!({"total": 12})), Ok(json!("12.000")));
    assert_eq!(run("it.total * 2 > me.limit", json!({"total": "2.501"})), Ok(json!(true)));
    assert_eq!(run("it.note", json!({})), Ok(Value::Null));
    assert_eq!(run("has(it.note)", json!({"note": null})), Ok(json!(false)));
    assert_eq!(run("has(it.note) && it.note == 'x'", json!({"note": "x"})), Ok(json!(true)));
    assert_eq!(run("it.sealed ? 1 : it.price", json!({"sealed": true})), Ok(json!("1.00")));
    assert_eq!(run("it.lines.map(l, l.quantity).sum()", json!({"lines": []})), Ok(json!("0.000")));
    let most = json!({"price": "9999999999999999.99", "lines": []});
    assert_eq!(run("it.price + it.lines.map(l, l.quantity).sum()", most.clone()), Err("rule.arithmetic"));
    assert_eq!(run("true ? it.price : decimal('0.001')", most), Err("rule.arithmetic"));
    assert_eq!(run("it.day.days_until(today)", json!({"day": "2026-11-20"})), Ok(json!(3)));
    assert_eq!(run("it.digest", json!({"digest": "00ff"})), Ok(json!("00ff")));
    assert_eq!(run("it.arrived", json!({"arrived": 1000})), Ok(json!("1970-01-01T08:00:01+08:00")));
    assert_eq!(run("it.number", json!({})), Err("rule.key"));
    for wrong in [
        json!({"total": "1.2345"}),
        json!({"total": 1.5}),
        json!({"total": null}),
        json!({"total": "1", "day": "2026-02-30"}),
        json!({"total": "1", "from": "25:00"}),
        json!({"total": "1", "digest": "0g"}),
        json!({"total": "1", "lines": [{"quantity": "x"}]}),
        json!({"total": "1", "serial": "7"}),
        json!(7),
    ] {
        assert_eq!(run("it.total", wrong.clone()), Err("rule.data"), "{wrong}");
    }
    let missing = typed("it.total > 1 && today == today").unwrap().evaluate(b"{\"it\": {\"total\": 1}}", BUDGET);
    assert_eq!(missing.unwrap_err().reason, "rule.variable");
}

#[test]
fn what_a_rule_reads() {
    let reads = |text: &str| {
        let rule = typed(text).unwrap();
        let (fields, steps) = rule.reads();
        (fields.into_iter().map(|(object, field)| format!("{object}.{field}")).collect::<Vec<_>>().join(" "), steps)
    };
    assert_eq!(reads("it.producer.district == me.district"), ("enterprise.district manifest.producer person.district".into(), 3));
    assert_eq!(reads("has(it.carrier) && it.carrier.name == 'x'"), ("enterprise.name manifest.carrier".into(), 3));
    assert_eq!(
        reads("it.lines.exists(l, l.quantity > it.total) ? [it.serial] : it.tags.filter(t, t == 'a').map(t, size(t))"),
        ("manifest.lines manifest.serial manifest.tags manifest.total manifest.lines.quantity".into(), 5)
    );
    assert_eq!(reads("it.lines.map(l, l.waste != 'HW08', l.quantity).sum() > 1 || it.note.orValue('') .matches('a')").1, 4);
    assert_eq!(reads("today == today"), (String::new(), 0));
}
