use super::*;
use proptest::prelude::*;

#[track_caller]
fn refused(text: &str, problem: JsonProblem, at: usize) {
    assert_eq!(parse(text.as_bytes()), Err(JsonError { at, problem }), "{text}");
}

#[track_caller]
fn canonical(text: &str, expected: &str) {
    assert_eq!(write(&parse(text.as_bytes()).unwrap()), expected);
    assert!(parse_canonical(expected.as_bytes()).is_ok());
    if text != expected {
        let error = parse_canonical(text.as_bytes()).unwrap_err();
        assert_eq!(error.problem, JsonProblem::NotCanonical);
    }
}

#[test]
fn an_object_keeps_each_key_once_and_in_order() {
    let mut object = Object::new();
    assert!(object.is_empty());
    assert_eq!(object.insert("b", 1_i64), None);
    assert_eq!(object.insert("a", "x"), None);
    assert_eq!(object.insert("b", true), Some(Value::Integer(1)));
    assert_eq!(object.keys().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(object.get("b").and_then(Value::as_bool), Some(true));
    assert_eq!(object.remove("b"), Some(Value::Bool(true)));
    assert!(!object.contains_key("b"));
    assert_eq!(object.len(), 1);
}

#[test]
fn canonical_spelling() {
    canonical("{}", "{}");
    canonical(
        " {\t\"b\" :\r\n[ 1 , {} , [ ] ] , \"a\":null } ",
        "{\"a\":null,\"b\":[1,{},[]]}",
    );
    canonical(
        r#"{"a":"\u0041\/\u00e9\ud83d\ude00"}"#,
        "{\"a\":\"A/\u{e9}\u{1f600}\"}",
    );
    canonical(
        r#"{"a":"\u0008\u0009\u000a\u000c\u000d\u001f\u0001\u007f\"\\"}"#,
        "{\"a\":\"\\b\\t\\n\\f\\r\\u001f\\u0001\u{7f}\\\"\\\\\"}",
    );
    canonical("{\"a\":\"\u{2028}\u{e000}\"}", "{\"a\":\"\u{2028}\u{e000}\"}");
    canonical(
        r#"{"a":[0,-1,9007199254740991,-9007199254740991,true,false]}"#,
        r#"{"a":[0,-1,9007199254740991,-9007199254740991,true,false]}"#,
    );
}

#[test]
fn keys_sort_by_utf16_code_units() {
    // The example of RFC 8785, section 3.2.3. U+1F600 is D83D DE00 in UTF-16, before U+FB33.
    canonical(
        r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
        "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}",
    );
}

#[test]
fn what_the_subset_refuses() {
    refused("\u{feff}{}", JsonProblem::ByteOrderMark, 0);
    refused("[]", JsonProblem::TopNotObject, 0);
    refused(" \"a\"", JsonProblem::TopNotObject, 1);
    refused("", JsonProblem::Truncated, 0);
    refused("{}{}", JsonProblem::Trailing, 2);
    refused("{} \u{0}", JsonProblem::Trailing, 3);
    refused("{", JsonProblem::Truncated, 1);
    refused("{\"a\"", JsonProblem::Truncated, 4);
    refused("{\"a\":1,}", JsonProblem::Unexpected, 7);
    refused("{,}", JsonProblem::Unexpected, 1);
    refused("{\"a\":[1,]}", JsonProblem::Unexpected, 8);
    refused("{\"a\":[1 2]}", JsonProblem::Unexpected, 8);
    refused("{'a':1}", JsonProblem::Unexpected, 1);
    refused("{a:1}", JsonProblem::Unexpected, 1);
    refused("{\"a\":1 // x\n}", JsonProblem::Unexpected, 7);
    refused("{\"a\":tru}", JsonProblem::Unexpected, 8);
    refused("{\"a\":nulL}", JsonProblem::Unexpected, 8);
    refused("{\"a\":NaN}", JsonProblem::Unexpected, 5);
    refused("{\u{a0}}", JsonProblem::Unexpected, 1);
    refused("{\"a\":\u{b}1}", JsonProblem::Unexpected, 5);
    assert_eq!(
        parse(b"{\"a\":\"\xff\"}"),
        Err(JsonError {
            at: 6,
            problem: JsonProblem::NotUtf8
        })
    );
    // A surrogate in UTF-8, and an overlong slash.
    assert_eq!(
        parse(b"{\"\xed\xa0\x80\":1}"),
        Err(JsonError {
            at: 2,
            problem: JsonProblem::NotUtf8
        })
    );
    assert_eq!(
        parse(b"{\"\xc0\xaf\":1}"),
        Err(JsonError {
            at: 2,
            problem: JsonProblem::NotUtf8
        })
    );
}

#[test]
fn numbers_have_one_spelling() {
    for number in [
        "-0", "00", "01", "-01", "1.0", "1e2", "1E2", "1.", "-", "1+1", "-a", "0.5", "--1", "1-",
    ] {
        refused(&format!("{{\"a\":{number}}}"), JsonProblem::NotInteger, 5);
    }
    for number in [
        "9007199254740992",
        "-9007199254740992",
        "18446744073709551616",
        "-99999999999999999999999",
    ] {
        refused(&format!("{{\"a\":{number}}}"), JsonProblem::IntegerTooLarge, 5);
    }
    refused("{\"a\":+1}", JsonProblem::Unexpected, 5);
    refused("{\"a\":.5}", JsonProblem::Unexpected, 5);
    refused("{\"a\":0x1}", JsonProblem::Unexpected, 6);
    refused("{\"a\":-", JsonProblem::Truncated, 6);
    let many_digits = format!("{{\"a\":{}}}", "9".repeat(1_000_000));
    refused(&many_digits, JsonProblem::IntegerTooLarge, 5);
}

#[test]
fn strings_hold_characters_only() {
    refused(r#"{"a":"\u0000"}"#, JsonProblem::Nul, 6);
    refused("{\"a\":\"\u{0}\"}", JsonProblem::ControlCharacter, 6);
    refused("{\"a\":\"\n\"}", JsonProblem::ControlCharacter, 6);
    refused("{\"a\u{1f}\":1}", JsonProblem::ControlCharacter, 3);
    for lone in [
        r"\ud800",
        r"\udc00",
        r"\ud800\ud800",
        r"\udc00\ud800",
        r"\ud800x",
        r"\ud800\n",
        r"\ud83d\u0041",
    ] {
        refused(&format!("{{\"a\":\"{lone}\"}}"), JsonProblem::LoneSurrogate, 6);
    }
    for escape in [r"\x", r"\'", r"\U0041", r"\a", "\\\n", "\\\u{e9}"] {
        refused(&format!("{{\"a\":\"{escape}\"}}"), JsonProblem::Escape, 6);
    }
    refused(r#"{"a":"\u00g0"}"#, JsonProblem::Escape, 10);
    refused(r#"{"a":"\u+041"}"#, JsonProblem::Escape, 8);
    refused(r#"{"a":"\u00"#, JsonProblem::Truncated, 10);
    refused(r#"{"a":"\"#, JsonProblem::Truncated, 7);
    refused(r#"{"a":"x"#, JsonProblem::Truncated, 7);
    refused(r#"{"a":"\t"#, JsonProblem::Truncated, 8);
}

#[test]
fn a_key_stands_once() {
    refused(r#"{"a":1,"a":1}"#, JsonProblem::DuplicateKey, 7);
    refused(r#"{"a":1,"\u0061":1}"#, JsonProblem::DuplicateKey, 7);
    refused(r#"{"x":{"":1,"":2}}"#, JsonProblem::DuplicateKey, 11);
    assert!(parse(r#"{"a":1,"A":1,"x":{"a":1}}"#.as_bytes()).is_ok());
    // Precomposed and decomposed e-acute are two keys: nothing is normalised.
    assert!(parse("{\"\u{e9}\":1,\"e\u{301}\":1}".as_bytes()).is_ok());
}

#[test]
fn many_keys_are_compared_in_bounded_time() {
    let pairs: Vec<String> = (0..100_000).map(|key| format!("\"{key}\":0")).collect();
    let unique = format!("{{{}}}", pairs.join(","));
    assert_eq!(parse(unique.as_bytes()).unwrap().len(), 100_000);
    let twice = format!("{{{},\"\\u0037\":0}}", pairs.join(","));
    refused(&twice, JsonProblem::DuplicateKey, 0);
    // The seventeenth key is the first that is found by sorting.
    for last in [15, 16, 17] {
        let text = format!("{{{},\"0\":0}}", pairs[..last].join(","));
        assert_eq!(
            parse(text.as_bytes()).unwrap_err().problem,
            JsonProblem::DuplicateKey
        );
    }
}

#[test]
fn depth_counts_scalars_too() {
    let nested = |depth: usize, inner: &str| {
        format!(
            "{{\"a\":{}{inner}{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    // The top is 1, six arrays are 2 to 7, the scalar is 8.
    assert!(parse(nested(7, "0").as_bytes()).is_ok());
    refused(&nested(8, "0"), JsonProblem::TooDeep, 12);
    // An empty container at depth 8 holds nothing deeper.
    assert!(parse(nested(8, "").as_bytes()).is_ok());
    refused(&nested(9, ""), JsonProblem::TooDeep, 12);
    assert!(parse(nested(7, "{}").as_bytes()).is_ok());
    refused(&nested(7, "{\"a\":0}"), JsonProblem::TooDeep, 16);
    refused(
        &format!("{{\"a\":{}", "[".repeat(10_000_000)),
        JsonProblem::TooDeep,
        12,
    );
    refused(&"{\"a\":".repeat(1_000_000), JsonProblem::TooDeep, 40);
}

fn any_string() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        1 => proptest::char::range('\u{1}', '\u{1f}'),
        1 => any::<char>().prop_filter("U+0000 is refused", |character| *character != '\0'),
        1 => proptest::char::range('\u{e000}', '\u{ffff}'),
    ];
    proptest::collection::vec(character, 0..12).prop_map(|characters| characters.into_iter().collect())
}

fn any_object() -> impl Strategy<Value = Object> {
    let integer = -(crate::index::INTEGER_MAX as i64)..=crate::index::INTEGER_MAX as i64;
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        integer.prop_map(Value::Integer),
        any_string().prop_map(Value::String),
    ];
    let value = scalar.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            pairs(inner).prop_map(Value::Object),
        ]
    });
    pairs(value)
}

fn pairs(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Object> {
    proptest::collection::vec((any_string(), value), 0..6).prop_map(|pairs| {
        let mut object = Object::new();
        for (key, value) in pairs {
            object.insert(key, value);
        }
        object
    })
}

/// What serde_json understands, for comparison.
fn agrees(own: &Value, theirs: &serde_json::Value) -> bool {
    match (own, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(own), serde_json::Value::Bool(theirs)) => own == theirs,
        (Value::Integer(own), serde_json::Value::Number(theirs)) => theirs.as_i64() == Some(*own),
        (Value::String(own), serde_json::Value::String(theirs)) => own == theirs,
        (Value::Array(own), serde_json::Value::Array(theirs)) => {
            own.len() == theirs.len() && own.iter().zip(theirs).all(|(own, theirs)| agrees(own, theirs))
        }
        (Value::Object(own), serde_json::Value::Object(theirs)) => {
            let same = |(key, own): (&str, &Value)| theirs.get(key).is_some_and(|theirs| agrees(own, theirs));
            own.len() == theirs.len() && own.iter().all(same)
        }
        _ => false,
    }
}

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        " ",
        "\n",
        "\"",
        "\\",
        "\\u",
        "\\u0000",
        "\\u0061",
        "\\ud83d",
        "\\ude00",
        "\\/",
        "\\x",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "0",
        "-",
        "1",
        "-0",
        "1.5",
        "1e3",
        ".",
        "99999999999999999999",
        "null",
        "tru",
        "e",
        "a",
        "\u{1}",
        "\u{feff}",
        "\u{e9}",
        "{\"a\":0,\"a\":1}",
    ])
}

/// Whether JSON at large allows what the subset refuses with this problem.
fn only_the_subset_refuses(problem: JsonProblem) -> bool {
    use JsonProblem::{DuplicateKey, IntegerTooLarge, NotInteger, Nul, TooDeep, TopNotObject};
    matches!(
        problem,
        DuplicateKey | IntegerTooLarge | NotInteger | Nul | TooDeep | TopNotObject
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_back(object in any_object()) {
        let text = write(&object);
        let again = parse_canonical(text.as_bytes());
        prop_assert_eq!(again.as_ref().map(write), Ok(text.clone()));
        let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert!(agrees(&Value::Object(object.clone()), &theirs));
        // Another writer's spelling of the same content is understood the same.
        let pretty = serde_json::to_string_pretty(&theirs).unwrap();
        prop_assert_eq!(parse(pretty.as_bytes()).map(|object| write(&object)), Ok(text));
    }

    #[test]
    fn an_independent_reader_agrees_on_altered_texts(
        object in any_object(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..3, piece()), 1..4),
    ) {
        let mut bytes = write(&object).into_bytes();
        for (place, removed, piece) in edits {
            let place = place.index(bytes.len() + 1);
            let end = bytes.len().min(place + removed);
            bytes.splice(place..end, piece.bytes());
        }
        let theirs: Result<serde_json::Value, _> = serde_json::from_slice(&bytes);
        match (parse(&bytes), theirs) {
            (Ok(own), Ok(theirs)) => prop_assert!(agrees(&Value::Object(own), &theirs)),
            (Ok(_), Err(error)) => prop_assert!(false, "accepted, but {error}"),
            (Err(error), Ok(_)) => prop_assert!(only_the_subset_refuses(error.problem), "{error}"),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(&bytes);
        let _ = parse_canonical(&bytes);
    }
}
