//! Signed submissions: salts, hashes, notes, keys and signers.

use bytes::Bytes;
use trialseal_core::encoding::base64_encode;
use trialseal_core::hash::Hash;
use trialseal_core::json::{Object, Value};
use trialseal_core::note::{KeyId, KeyName, KeyType};
use trialseal_proto::v1;
use trialseal_tests::forge::{Forgery, of, string};
use trialseal_tests::notary::{MEMBER, ORGANIZATION, member_key};

use crate::{INVALID, NOT_ENROLLED, Scene, case};

/// Changes a submission after it was signed.
type Change = fn(&mut v1::Prepared);

const CHANGED: [(&str, Change, &str); 14] = [
    ("no what", |sent| sent.what = None, "what"),
    ("no who", |sent| sent.who = None, "who"),
    ("no why", |sent| sent.why = None, "why"),
    (
        "a short salt",
        |sent| salt(&mut sent.what).truncate(31),
        "what.salt",
    ),
    (
        "a wrong salt of what",
        |sent| turn(salt(&mut sent.what)),
        "salt and text",
    ),
    (
        "a wrong salt of who",
        |sent| turn(salt(&mut sent.who)),
        "salt and text",
    ),
    (
        "a wrong salt of why",
        |sent| turn(salt(&mut sent.why)),
        "salt and text",
    ),
    ("another text than was signed", other_text, "salt and text"),
    (
        "a reason taken away",
        |sent| sent.why.as_mut().unwrap().text.clear(),
        "salt and text",
    ),
    ("no note", |sent| sent.note.clear(), "submission.note"),
    ("an unsigned note", unsigned, "submission.note"),
    ("a note signed twice", signed_twice, "exactly one"),
    ("a flipped signature", flipped, "submission.note"),
    (
        "a note of another kind",
        |sent| sent.note = sent.note.replace("/v1", "/v2"),
        "submission.note",
    ),
];

fn salt(part: &mut Option<v1::PreparedPart>) -> &mut Bytes {
    &mut part.as_mut().unwrap().salt
}

fn turn(bytes: &mut Bytes) {
    let mut turned = bytes.to_vec();
    turned[0] ^= 1;
    *bytes = turned.into();
}

fn other_text(sent: &mut v1::Prepared) {
    let what = sent.what.as_mut().unwrap();
    what.text = String::from_utf8(what.text.to_vec())
        .unwrap()
        .replace("opened", "closed")
        .into();
}

fn unsigned(sent: &mut v1::Prepared) {
    sent.note.truncate(sent.note.find("\n\n").unwrap() + 2);
}

fn signed_twice(sent: &mut v1::Prepared) {
    let line = sent.note.lines().last().unwrap().to_owned();
    sent.note.push_str(&line);
    sent.note.push('\n');
}

fn flipped(sent: &mut v1::Prepared) {
    let at = sent.note.len() - 20;
    let other = if sent.note.as_bytes()[at] == b'A' {
        "B"
    } else {
        "A"
    };
    sent.note.replace_range(at..=at, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn salts_hashes_and_signatures() {
    let scene = Scene::new().await;
    let good = scene.good();
    for (name, change, says) in CHANGED {
        let mut sent = good.sign(scene.signatory.key.signing());
        change(&mut sent);
        scene.refuse_all([case(name, of(sent), INVALID, says)]).await;
    }
    let other = member_key(ORGANIZATION, MEMBER, &[3; 32]);
    let mut elsewhere = good.clone();
    elsewhere.log = "other.example/1".to_owned();
    scene
        .refuse_all([
            case(
                "a note by another key",
                of(good.sign(other.signing())),
                INVALID,
                "submission.note",
            ),
            case(
                "a note for another log",
                scene.signed(&elsewhere),
                INVALID,
                "this log is",
            ),
        ])
        .await;
}

/// Keys of `who` that are set, before the member's own key signs.
fn of_who(enrolment: Value) -> Vec<(&'static str, &'static str, Value, &'static str)> {
    vec![
        ("a weak key", "key", string(&weak_key()), "who.key"),
        ("no key at all", "key", string("key"), "who.key"),
        (
            "an enrolment that is none",
            "enrolment",
            enrolment,
            "was enrolled by record",
        ),
        ("an unknown role", "role", string("king"), "who.role"),
        ("an unknown meaning", "meaning", string("joke"), "who.meaning"),
        (
            "what only a system means",
            "meaning",
            string("execution"),
            "who.meaning",
        ),
        (
            "a time that is none",
            "signed_at",
            string("today"),
            "who.signed_at",
        ),
        ("an unknown key", "colour", string("red"), "colour"),
    ]
}

/// A vkey whose point is the neutral element: any signature could be made to fit.
fn weak_key() -> String {
    let name = KeyName::new(&format!("{ORGANIZATION}/{MEMBER}")).unwrap();
    let mut point = [0; 32];
    point[0] = 1;
    let id = KeyId::of(&name, KeyType::Ed25519, &point);
    format!("{name}+{id}+{}", base64_encode(&[&[1][..], &point].concat()))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_signers() {
    let scene = Scene::new().await;
    let good = scene.good();
    let mut enrolment = Object::new();
    enrolment.insert("index", Value::Integer(1));
    enrolment.insert("record", string(&Hash::from_bytes([1; 32]).to_hex()));
    for (name, key, value, says) in of_who(Value::Object(enrolment)) {
        let request = scene.signed(&good.clone().who_with(key, value));
        scene.refuse_all([case(name, request, INVALID, says)]).await;
    }
    let unknown = member_key(ORGANIZATION, MEMBER, &[3; 32]);
    let zenith = &scene.other.0;
    let with_key = |forgery: &Forgery, key: &trialseal::MemberKey| {
        of(forgery
            .clone()
            .who_with("key", string(&key.verifier().to_string()))
            .sign(key.signing()))
    };
    let as_zenith = named(&good, "zenith", "m-9");
    let system = good
        .clone()
        .who_with("kind", string("system"))
        .who_with("meaning", string("execution"));
    let unsigned = Forgery {
        who: br#"{"member":"m-4k2v9","organization":"acme"}"#.to_vec(),
        ..good.clone()
    };
    let cases = [
        case(
            "an unknown key",
            with_key(&good, &unknown),
            NOT_ENROLLED,
            "is not enrolled",
        ),
        case(
            "another organisation's signature",
            with_key(&as_zenith, zenith),
            NOT_ENROLLED,
            "the token is of",
        ),
        case(
            "another organisation's key under our name",
            with_key(&good, zenith),
            INVALID,
            "has to be named",
        ),
        case(
            "a person as a system",
            scene.signed(&system),
            INVALID,
            "enrolled as a person",
        ),
        case("the who of a draft", scene.signed(&unsigned), INVALID, "who"),
        case(
            "the notary's own name",
            scene.signed(&named(&good, "notary", MEMBER)),
            INVALID,
            "who",
        ),
    ];
    scene.refuse_all(cases).await;
    // What acme signed cannot be recorded through another organisation's account.
    let sent = scene.signed(&good);
    let replayed = case(
        "a replay by another organisation",
        sent.clone(),
        NOT_ENROLLED,
        "the token is of zenith",
    );
    scene.refuses(&scene.zenith(), &replayed).await;
    scene.stubs.submit(sent).await.unwrap();
    scene.refuses(&scene.zenith(), &replayed).await;
}

/// The same, with another organisation and member in `who`.
fn named(forgery: &Forgery, organization: &str, member: &str) -> Forgery {
    forgery
        .clone()
        .who_with("organization", string(organization))
        .who_with("member", string(member))
}
