//! Signed texts: what is not JSON, not JCS, not known, or beyond its limits.

use trialseal_core::hash::Hash;
use trialseal_core::json::{Object, Value};
use trialseal_tests::forge::{Forgery, string};

use crate::{INVALID, Scene, case};

/// The text of a good `what`, in which each case changes something.
const GOOD: &str = r#"{"class":"trial","event":"enrolment-opened","register":"trial:NCT04573309"}"#;

/// What is replaced in the good text, and by what.
const REPLACED: [(&str, &str, &str, &str); 18] = [
    ("no JSON", GOOD, "hello", "what"),
    ("nothing", GOOD, "", "what"),
    ("a list", GOOD, "[]", "object"),
    (
        "a duplicate key",
        r#""register""#,
        r#""event":"ended","register""#,
        "twice",
    ),
    (
        "a duplicate key, escaped",
        r#""register""#,
        r#""\u0065vent":"ended","register""#,
        "twice",
    ),
    ("a space", ",", ", ", "canonical"),
    ("keys out of order", GOOD, KEYS_OUT_OF_ORDER, "canonical"),
    ("a needless escape", "NCT", r"\u004eCT", "canonical"),
    ("a byte-order mark", "{", "\u{feff}{", "byte-order mark"),
    ("something behind it", "}", "}{}", "follows"),
    ("cut short", "}", "", "what"),
    ("a fraction", "}", r#","x-n":1.5}"#, "integer"),
    ("an exponent", "}", r#","x-n":1e3}"#, "integer"),
    ("too large an integer", "}", r#","x-n":9007199254740992}"#, "2^53"),
    ("nested too deep", "}", r#","x-n":[[[[[[[[[]]]]]]]]]}"#, "deeper"),
    ("U+0000", "}", r#","x-n":"\u0000"}"#, "U+0000"),
    ("a lone surrogate", "}", r#","x-n":"\ud800"}"#, "surrogate"),
    (
        "a control character",
        "}",
        ",\"x-n\":\"\t\"}",
        "control character",
    ),
];
const KEYS_OUT_OF_ORDER: &str =
    r#"{"event":"enrolment-opened","class":"trial","register":"trial:NCT04573309"}"#;

/// Keys of `what` that are set.
fn keys() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    vec![
        ("an unknown key", "colour", string("red"), "colour"),
        ("an unknown class", "class", string("novel"), "class"),
        ("an unknown event", "event", string("eaten"), "event"),
        (
            "an event of another class",
            "event",
            string("hard-lock"),
            "does not stand with class",
        ),
        (
            "an event that needs more",
            "event",
            string("unblinding-authorised"),
            "",
        ),
        ("a class that is a number", "class", Value::Integer(1), "class"),
        ("a class that is null", "class", Value::Null, "class"),
        ("a wrong trial id", "register", string("trial:NCT1"), "trial id"),
        ("accounts", "register", string("org:acme"), "what.register"),
        ("zero items", "manifest", manifest(0), "items"),
        ("too many items", "manifest", manifest(100_001), "items"),
        ("fewer than no items", "manifest", manifest(-1), "items"),
        ("a string of 10 kB", "x-long", string(&"x".repeat(10_000)), "what"),
        (
            "a string of 1,025 bytes",
            "x-long",
            string(&"x".repeat(1_025)),
            "1024",
        ),
    ]
}

fn manifest(items: i64) -> Value {
    let mut object = Object::new();
    object.insert("items", Value::Integer(items));
    object.insert("root", string(&Hash::from_bytes([1; 32]).to_hex()));
    Value::Object(object)
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_what() {
    let scene = Scene::new().await;
    let good = scene.good();
    scene
        .stubs
        .submit(scene.signed(&good.clone().what(GOOD)))
        .await
        .expect("the good text is taken");
    for (name, from, to, says) in REPLACED {
        let text = GOOD.replacen(from, to, 1);
        scene
            .refuse_all([case(name, scene.signed(&scene.good().what(text)), INVALID, says)])
            .await;
    }
    let invalid = [GOOD.as_bytes(), &[0xff]].concat();
    let inside = GOOD
        .replace("NCT", "\u{80}")
        .into_bytes()
        .into_iter()
        .filter(|byte| *byte != 0xc2)
        .collect::<Vec<_>>();
    for text in [invalid, inside] {
        scene
            .refuse_all([case(
                "not UTF-8",
                scene.signed(&scene.good().what(text)),
                INVALID,
                "UTF-8",
            )])
            .await;
    }
    for (name, key, value, says) in keys().into_iter().filter(|(_, _, _, says)| !says.is_empty()) {
        let request = scene.signed(&scene.good().what_with(key, value));
        scene.refuse_all([case(name, request, INVALID, says)]).await;
    }
    // Keys of the submitter's own are taken.
    scene
        .stubs
        .submit(scene.signed(&scene.good().what_with("x-own", string("kept"))))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_why_and_form() {
    let scene = Scene::new().await;
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(10_000));
    let good = || scene.good();
    let lock = good()
        .what_with("event", string("hard-lock"))
        .what_with("class", string("dataset"));
    let halt = good().what_with("event", string("halted"));
    let cases: Vec<(&str, Forgery, &str)> = vec![
        ("a reason of 10 kB", good().why(long), "why"),
        (
            "an unknown key in why",
            good().why(r#"{"because":"so"}"#),
            "because",
        ),
        (
            "a reason that is no text",
            good().why(r#"{"reason":1}"#),
            "reason",
        ),
        ("why is a list", good().why("[]"), "why"),
        ("a lock without manifest", lock, "what.manifest"),
        ("a halt without reason", halt.clone().why(""), "why.reason"),
    ];
    for (name, forgery, says) in cases {
        scene
            .refuse_all([case(name, scene.signed(&forgery), INVALID, says)])
            .await;
    }
    scene
        .stubs
        .submit(scene.signed(&halt))
        .await
        .expect("with a reason it is taken");
}
