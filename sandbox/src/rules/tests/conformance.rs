//! Facts of the language definition of CEL.
use super::{reason, run};
use serde_json::json;

#[test]
fn true_ones() {
    let data = json!({
        "n": 3, "big": 18446744073709551615u64, "half": 0.5, "name": "危险废物", "none": null,
        "list": [1, 2, 3], "map": {"a": 1, "b": {"c": [true]}}, "lines": [{"q": 2}, {"q": 5}],
    });
    for text in [
        "1 + 2 * 3 == 7", "7 / 2 == 3", "-7 / 2 == -3", "7 % 3 == 1", "-7 % 3 == -1", "7u / 2u == 3u", "7.0 / 2.0 == 3.5",
        "1 == 1.0", "1 == 1u", "1u == 1.0", "1 != 1.5", "1 < 1.5", "-1 < 0u", "9223372036854775807 < 9223372036854775808u",
        "9007199254740993 != 9007199254740992.0", "9223372036854775807 < 9223372036854775808.0",
        "-9223372036854775808 < 0", "0x1F == 31", "1e3 == 1000.0", "0.1 + 0.2 != 0.3", "1.0 / 0.0 > 1e308",
        "!(0.0 / 0.0 == 0.0 / 0.0)", "!(0.0 / 0.0 < 1.0)",
        "'a' + 'b' == 'ab'", "'a' < 'b'", "'Z' < 'a'", "b'ab' == bytes('ab')", "b'\\xff' > b'a'", "r'\\d' == '\\\\d'", "'\\u4e2d' == '中'",
        "size('危险') == 2", "size(b'中') == 3", "'abc'.size() == 3", "size([1, 2]) == 2", "size({'a': 1}) == 1",
        "'hello'.startsWith('he') && 'hello'.endsWith('lo') && 'hello'.contains('ell')",
        "'900-041-49'.matches('^[0-9]{3}-[0-9]{3}-[0-9]{2}$')", "matches('foobar', 'o+b')", "!'a'.matches('^b')",
        "[1, 2] + [3] == [1, 2, 3]", "[1, 2][1] == 2", "{'a': 1}['a'] == 1", "{1: 'x', true: 'y'}[true] == 'y'", "{1: 'x'}[1u] == 'x'",
        "{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "[1] == [1.0]", "[1] != [2]", "1 != '1'", "null == null", "null != 0",
        "2 in [1, 2]", "!(4 in [1, 2])", "'a' in {'a': 1}", "2.0 in [1, 2]",
        "true && true", "!false", "true ? true : (1 / 0 == 0)",
        "true || 1 / 0 == 0", "1 / 0 == 0 || true", "!(false && 1 / 0 == 0)", "!(1 / 0 == 0 && false)",
        "[1, 2, 3].all(x, x > 0)", "![1, 2].all(x, x > 1)", "[1, 2].exists(x, x == 2)", "[1, 2, 2].exists_one(x, x == 1)",
        "![1, 2, 2].exists_one(x, x == 2)", "[].all(x, false)", "![].exists(x, true)",
        "[1, 2, 3].map(x, x * x) == [1, 4, 9]", "[1, 2, 3].map(x, x > 1, x * 10) == [20, 30]", "[1, 2, 3].filter(x, x > 1) == [2, 3]",
        "{'a': 1, 'b': 2}.map(k, k) == ['a', 'b']", "{'a': 1}.exists(k, k == 'a')",
        "[0, 1].exists(x, 1 / x == 1)", "![0, 1].all(x, 1 / x == 0)",
        "[[1, 2], [3]].map(x, x.map(y, y + size(x))) == [[3, 4], [4]]", "[1].map(x, [2].map(x, x)) == [[2]]",
        "has(map.a) && !has(map.z) && has(map.b.c)", "map.b.c[0]", "map['b']['c'][0]", "lines.all(l, l.q > 1)",
        "name == '危险废物' && n == 3 && big == 18446744073709551615u && half == 0.5 && none == null",
        "int('42') == 42", "int(3.9) == 3", "int(-3.9) == -3", "int(5u) == 5", "uint(5) == 5u", "uint('7') == 7u", "double(1) == 1.0",
        "double('1.5') == 1.5", "string(1) == '1'", "string(1.5) == '1.5'", "string(1u) == '1'", "string(true) == 'true'",
        "string(b'abc') == 'abc'", "bool('true')", "dyn(1) == 1", "string(1e300) == '1e300'", "string(0.0) == '0'",
        "// a remark\n true",
    ] {
        assert_eq!(run(text, &data), Ok(json!(true)), "{text}");
    }
}

#[test]
fn faults() {
    let data = json!({"n": 3, "map": {"a": 1}, "list": [1]});
    for (text, wanted) in [
        ("1 / 0", "rule.arithmetic"),
        ("1 % 0", "rule.arithmetic"),
        ("1u - 2u", "rule.arithmetic"),
        ("9223372036854775807 + 1", "rule.arithmetic"),
        ("9223372036854775807 * 2", "rule.arithmetic"),
        ("-9223372036854775808 - 1", "rule.arithmetic"),
        ("-(-9223372036854775808)", "rule.arithmetic"),
        ("-9223372036854775808 / -1", "rule.arithmetic"),
        ("18446744073709551615u + 1u", "rule.arithmetic"),
        ("int(1e99)", "rule.arithmetic"),
        ("int(9223372036854775807.0)", "rule.arithmetic"),
        ("uint(-1)", "rule.arithmetic"),
        ("9223372036854775808", "rule.syntax"),
        ("int('x')", "rule.conversion"),
        ("string(b'\\xff')", "rule.conversion"),
        ("1 + 1.0", "rule.type"),
        ("1 + '1'", "rule.type"),
        ("1 && true", "rule.type"),
        ("1 < 'a'", "rule.type"),
        ("5.0 % 2.0", "rule.type"),
        ("!1", "rule.type"),
        ("1 ? 2 : 3", "rule.type"),
        ("n.a", "rule.type"),
        ("n.all(x, true)", "rule.type"),
        ("b'a'", "rule.type"),
        ("{1: 2}", "rule.type"),
        ("{1.5: 2}", "rule.type"),
        ("1.0 / 0.0", "rule.number"),
        ("{'a': 1, 'a': 2}", "rule.key"),
        ("map.z", "rule.key"),
        ("map['z']", "rule.key"),
        ("list[1]", "rule.key"),
        ("list[-1]", "rule.key"),
        ("zzz", "rule.variable"),
        ("nothing(1)", "rule.unknown_function"),
        ("size()", "rule.unknown_function"),
        ("contains('a', 'b')", "rule.unknown_function"),
        ("Message{a: 1}", "rule.unsupported"),
        ("'a'.matches(n)", "rule.pattern"),
        ("'a'.matches('(')", "rule.pattern"),
        ("'a'.matches('(a)\\\\1')", "rule.pattern"),
        ("1 +", "rule.syntax"),
        ("", "rule.syntax"),
        ("has(1)", "rule.syntax"),
        ("[1].map(1, 2)", "rule.syntax"),
        ("1 / 0 == 0 || false", "rule.arithmetic"),
        ("[0, 2].all(x, 1 / x == 0)", "rule.arithmetic"),
    ] {
        assert_eq!(reason(text, &data), wanted, "{text}");
    }
}

#[test]
fn json_in_and_out() {
    let data = json!({"v": {"z": [1, -1, 1.5, "中\"", null, true, 18446744073709551615u64], "a": {}}});
    assert_eq!(run("v", &data), Ok(data["v"].clone()));
    assert_eq!(run("[1.0, 2]", &json!({})), Ok(json!([1.0, 2])));
    assert_eq!(super::Rule::compile("b.c + a + [1].map(x, x + d)[0] + size(a)").unwrap().variables().iter().collect::<Vec<_>>(), ["a", "b", "d"]);
}
