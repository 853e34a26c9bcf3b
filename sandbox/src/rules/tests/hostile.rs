use super::{reason, run, BUDGET};
use crate::rules::Rule;
use serde_json::json;

#[test]
fn texts() {
    for text in [
        "(".repeat(10_000), "[".repeat(16_000), "{".repeat(16_000), "a.".repeat(8_000), "!".repeat(16_000), "-".repeat(16_000),
        format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000)), format!("{}1{}", "[".repeat(24), "]".repeat(23)),
        format!("a{}", ".b".repeat(8_000)), format!("1{}", "+1".repeat(8_000)), format!("true{}", "?1:true".repeat(2_300)),
        format!("a{}", "[0]".repeat(5_000)), format!("{}x", "f(".repeat(20)), "\u{0}".into(), "'".repeat(9_999), "\"\"\"".into(), "`".repeat(100),
        // Each took a gigabyte of older versions of the parser.
        "!!(!!!!!!(!!!!(((((!!(!!(!!!!((".repeat(4) + "1", "!!(!!!!!!(!!!!)))!!(!!(!!!!))!!".repeat(40),
        "1".repeat(16_000), "[[[[[[[[[[[[[[[[[[[[[[[1,".into(), "x".repeat(20_000), "{1:{1:{1:{1:{1:{1:{1:{1:{1:{1:{".into(), "?:".repeat(8_000),
    ] {
        let fault = Rule::compile(&text).err().unwrap_or_else(|| panic!("{:.40} compiles", text));
        assert!(["rule.syntax", "rule.too_large"].contains(&fault.reason), "{text:.40}: {}", fault.reason);
    }
    // These are large and still rules.
    assert_eq!(run(&format!("true{}", "&&true".repeat(2_000)), &json!({})), Ok(json!(true)));
    assert_eq!(run(&format!("{}1{}", "(".repeat(24), ")".repeat(24)), &json!({})), Ok(json!(1)));
    assert_eq!(run(&format!("1{}", "+1".repeat(150)), &json!({})), Ok(json!(151)));
}

#[test]
fn work() {
    let data = json!({"l": vec![1; 2_000], "s": "x".repeat(100_000)});
    for text in [
        "l.all(a, l.all(b, l.all(c, true)))",
        "l.map(a, l).map(a, a.map(b, l))",
        "l.exists(a, l.exists(b, a + b == 0))",
        "l.map(a, s + s).all(a, a.contains('yy'))",
        "[l, l, l, l].map(a, [a, a, a, a]).map(a, [a, a, a, a]).map(a, [a, a, a, a]).map(a, [a, a, a, a])",
        "l.exists(a, s.matches('^(x+x+)+y$'))",
        "l.filter(a, l.map(b, b) == l)",
        // Faults that || would hide, were the work not the limit.
        "l.all(a, l.all(b, l.all(c, true))) || true",
        "true && (l.exists(a, l.exists(b, false)) || true)",
    ] {
        assert_eq!(reason(text, &data), "rule.cost", "{text}");
    }
    let doubling = (0..40).fold("l".to_string(), |text, _| format!("[{text}].map(x, [x, x])[0]"));
    assert!(["rule.cost", "rule.too_large"].contains(&reason(&doubling, &data)));
}

#[test]
fn the_budget_decides_to_the_unit() {
    let rule = Rule::compile("[1, 2, 3].all(x, x > 0)").unwrap();
    let enough = (1..BUDGET).find(|budget| rule.evaluate(b"{}", *budget).is_ok()).unwrap();
    // The loop, the list and its 3 constants; of each element 1, and `>` of 2 values; the answer.
    assert_eq!(enough, 5 + 3 * 4 + 1);
    assert_eq!(rule.evaluate(b"{}", 0).unwrap_err().reason, "rule.cost");
}

#[test]
fn data() {
    let rule = Rule::compile("v == v").unwrap();
    let reason = |bytes: &[u8]| rule.evaluate(bytes, BUDGET).unwrap_err().reason;
    for bytes in [&b""[..], b"[]", b"1", b"{", b"{\"v\": \xff}", b"{\"v\": 1e999}", b"{\"v\": NaN}"] {
        assert_eq!(reason(bytes), "rule.data", "{bytes:?}");
    }
    assert_eq!(reason(format!("{{\"v\": {}1{}}}", "[".repeat(5_000), "]".repeat(5_000)).as_bytes()), "rule.data");
    assert_eq!(reason(b"{\"v\": 18446744073709551616}"), "rule.number");
    assert_eq!(reason(b"{\"v\": -1e300}"), "rule.number");
    assert_eq!(reason(&vec![b' '; (4 << 20) + 1]), "rule.data_too_large");
    assert_eq!(rule.evaluate(b"{}", BUDGET).unwrap_err().reason, "rule.variable");
    // What a rule does not name may be anything.
    assert_eq!(rule.evaluate(b"{\"v\": 1, \"w\": 1e300}", BUDGET), Ok(b"true".to_vec()));
}

/// Random texts of the language's own pieces: a value or a fault, never a panic, and twice the same.
#[test]
fn random_texts() {
    const PIECES: [&str; 34] = [
        "a", "l", "m", "1", "0", "2u", "1.5", "'x'", "b'y'", "null", "true", "+", "-", "*", "/", "%", "==", "<", ">=", "&&", "||", "!", "?", ":", "(", ")",
        "[", "]", ".", ", ", " in ", "size(", ".all(x, x", ".map(x, x",
    ];
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let mut state = seed | 1;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    let variables = json!({"a": 7, "l": [1, 2, 3], "m": {"x": 1, "a": [1]}});
    for _ in 0..300 {
        let text: String = (0..1 + below(12)).map(|_| PIECES[below(PIECES.len())]).collect();
        assert_eq!(run(&text, &variables), run(&text, &variables), "{text}");
    }
}
