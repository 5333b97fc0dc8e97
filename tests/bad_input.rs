//! Admission: every malformed submission is refused with a clear status, alone and in a stream,
//! and nothing of it is stored.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests are tests too")]

use bytes::Bytes;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{RpcStatusExt as _, StatusExt as _};
use trialseal::{MemberKey, Signatory, Token};
use trialseal_core::encoding::base64_encode;
use trialseal_core::hash::Hash;
use trialseal_core::json::{Object, Value};
use trialseal_core::note::{KeyId, KeyName, KeyType};
use trialseal_core::time::Instant;
use trialseal_proto::v1::{self, outcome::Outcome, submit_request::Submission};
use trialseal_tests::caller::{self, Stubs, draft, of_draft};
use trialseal_tests::forge::{Forgery, of, string};
use trialseal_tests::notary::{Folder, MEMBER, ORGANIZATION, Server, member_key};
use trialseal_tests::raw;

const SUBMIT: &str = "/trialseal.v1.Notary/Submit";
const REQUEST_BYTES: usize = 100_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// A notary with a record in [`caller::REGISTER`], and a second organisation.
struct Scene {
    folder: Folder,
    server: Server,
    stubs: Stubs,
    signatory: Signatory,
    /// The record in the register.
    index: u64,
    other: (MemberKey, Token),
}

impl Scene {
    async fn new() -> Self {
        let folder = Folder::new();
        folder.set("limits.organization.request_bytes", &REQUEST_BYTES.to_string());
        let server = folder.start();
        let stubs = Stubs::connect(&server, folder.token()).await;
        let client = caller::client(&folder, &server).await;
        let signatory = caller::signatory(&client, folder.key()).await;
        let opened = client.submit(&caller::event("opens the register").draft().unwrap()).await.unwrap();
        let other = folder.enrol("zenith", "m-9");
        Self { folder, server, stubs, signatory, index: opened.index.get(), other }
    }

    fn good(&self) -> Forgery {
        Forgery::good(&self.signatory, trialseal::now())
    }

    fn key(&self) -> &MemberKey {
        &self.signatory.key
    }

    fn signed(&self, forgery: &Forgery) -> v1::SubmitRequest {
        of(forgery.sign(self.key().signing()))
    }

    /// Refused by `stubs`, by a unary call and in a stream, and the log is as it was.
    async fn refuses(&self, stubs: &Stubs, case: &Case) {
        let Case { name, request, code, reason, says } = case;
        let before = self.stubs.log_size().await;
        let status = stubs.submit(request.clone()).await.expect_err(name);
        check(name, &status, *code, reason, says);
        if *code != Code::Unauthenticated {
            let answer = stubs.submit_message(vec![request.clone()]).await.unwrap();
            let Some(Outcome::Refused(item)) = &answer.outcomes[0].outcome else { panic!("{name}: {answer:?}") };
            assert_eq!((Code::from_i32(item.code), reason_of_item(item)), (*code, (*reason).to_owned()), "{name}");
            assert!(item.message.contains(says), "{name}: {}", item.message);
        }
        assert_eq!(self.stubs.log_size().await, before, "{name}: something was stored");
    }

    async fn refuse_all(&self, cases: impl IntoIterator<Item = Case>) {
        for case in cases {
            self.refuses(&self.stubs, &case).await;
        }
    }
}

/// What is sent, and what the notary must say.
struct Case {
    name: &'static str,
    request: v1::SubmitRequest,
    code: Code,
    reason: &'static str,
    /// Part of the message.
    says: &'static str,
}

fn case(
    name: &'static str,
    request: v1::SubmitRequest,
    (code, reason): (Code, &'static str),
    says: &'static str,
) -> Case {
    Case { name, request, code, reason, says }
}

const INVALID: (Code, &str) = (Code::InvalidArgument, "INVALID_SUBMISSION");
const NOT_ENROLLED: (Code, &str) = (Code::PermissionDenied, "KEY_NOT_ENROLLED");

fn check(name: &str, status: &Status, code: Code, reason: &str, says: &str) {
    assert_eq!(status.code(), code, "{name}: {status:?}");
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("{name}: no ErrorInfo: {status:?}"));
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("trialseal", reason), "{name}");
    assert!(status.message().contains(says), "{name}: {}", status.message());
    if reason == "INVALID_SUBMISSION" {
        let fields = status.get_details_bad_request().expect(name).field_violations;
        assert!(fields.iter().all(|one| !one.field.is_empty() && !one.description.is_empty()), "{name}");
    }
}

fn reason_of_item(item: &tonic_types::Status) -> String {
    item.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn with(name: &str, change: impl FnOnce(&mut v1::Draft)) -> v1::SubmitRequest {
    let mut draft = draft(name);
    change(&mut draft);
    of_draft(draft)
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts() {
    let scene = Scene::new().await;
    scene.refuse_all(draft_fields()).await;
    scene.refuse_all(draft_form()).await;
    scene.refuse_all(draft_links(scene.index)).await;
    // The same with nothing wrong is taken.
    scene.stubs.submit(of_draft(draft("nothing wrong"))).await.unwrap();
    let other = scene.stubs.as_if(Some(&scene.other.1));
    let taken = case(
        "another organisation's register",
        of_draft(draft("not yours")),
        (Code::PermissionDenied, "NOT_YOUR_REGISTER"),
        "was opened by another organisation",
    );
    scene.refuses(&other, &taken).await;
}

fn draft_fields() -> Vec<Case> {
    let root = Bytes::from_static(&[7; 32]);
    let manifest = |root: Bytes, items| Some(v1::ManifestRoot { root, items });
    let register = |text: &str| with("register", |draft| draft.register = text.to_owned());
    vec![
        case("nothing", v1::SubmitRequest { submission: None }, INVALID, "give prepared or draft"),
        case("no key", with("a", |draft| draft.idempotency_key.clear()), INVALID, "32 random bytes"),
        case("short key", with("a", |draft| draft.idempotency_key.truncate(31)), INVALID, "idempotency_key"),
        case("no register", register(""), INVALID, "draft.register"),
        case("no kind of register", register("NCT04573309"), INVALID, "draft.register"),
        case("short trial id", register("trial:NCT123"), INVALID, "is not a trial id"),
        case("lower-case trial id", register("trial:nct04573309"), INVALID, "is not a trial id"),
        case("trial id with a version", register("trial:2023-505614-35-01"), INVALID, "draft.register"),
        case("reserved register", register("product:x"), INVALID, "reserved"),
        case("another's own number", register("trial:zenith:1"), INVALID, "only zenith may use it"),
        case("accounts", register("org:acme"), (Code::PermissionDenied, "OPERATORS_REGISTER"), "operator keeps"),
        case("unknown class", with("a", |draft| draft.class = "novel".to_owned()), INVALID, "draft.class"),
        case("unknown event", with("a", |draft| draft.event = "eaten".to_owned()), INVALID, "draft.event"),
        case("bad version", with("a", |draft| draft.version = "2 0".to_owned()), INVALID, "draft.version"),
        case("zero items", with("a", |draft| draft.manifest = manifest(root.clone(), 0)), INVALID, "manifest.items"),
        case(
            "too many items",
            with("a", |draft| draft.manifest = manifest(root.clone(), 100_001)),
            INVALID,
            "1 to 100000",
        ),
        case("short root", with("a", |draft| draft.manifest = manifest(root.slice(1..), 1)), INVALID, "manifest.root"),
        case("a reason of 10 kB", with("a", |draft| draft.reason = "r".repeat(10_000)), INVALID, "at most 4000"),
        case("a remark of 2 kB", with("a", |draft| draft.remark = "r".repeat(2_000)), INVALID, "1024"),
        case("a version of 10 kB", with("a", |draft| draft.version = "v".repeat(10_000)), INVALID, "draft.version"),
        case("a register of 10 kB", register(&format!("trial:{}", "N".repeat(10_000))), INVALID, "draft.register"),
        case("no date", with("a", |draft| draft.document_date = "2026-02-30".to_owned()), INVALID, "document_date"),
        case("no time zone", with("a", |draft| draft.tz = "Mars/Olympus Mons".to_owned()), INVALID, "draft.tz"),
        case("unknown purpose", with("a", |draft| draft.purpose = "fun".to_owned()), INVALID, "draft.purpose"),
        case(
            "everywhere and somewhere",
            with("a", |draft| {
                let sites = vec!["site-1".to_owned()];
                draft.scope = Some(v1::Scope { all: true, sites, ..v1::Scope::default() });
            }),
            INVALID,
            "draft.scope",
        ),
        case("a control character", with("a", |draft| draft.reason = "a\u{0}b".to_owned()), INVALID, "why"),
    ]
}

fn draft_form() -> Vec<Case> {
    let pair = |class: &str, event: &str| {
        let (class, event) = (class.to_owned(), event.to_owned());
        move |draft: &mut v1::Draft| {
            draft.class = class;
            draft.event = event;
            draft.version = "1.0".to_owned();
            draft.manifest = Some(v1::ManifestRoot { root: Bytes::from_static(&[7; 32]), items: 1 });
        }
    };
    vec![
        case("event of another class", with("a", pair("dataset", "decided")), INVALID, "does not stand with class"),
        case("a hard lock as draft", with("a", pair("dataset", "hard-lock")), INVALID, "cannot be a draft"),
        case("an activation as draft", with("a", pair("protocol", "activated")), INVALID, "cannot be a draft"),
        case(
            "a final plan as draft",
            with("a", pair("statistical-analysis-plan", "finalised")),
            INVALID,
            "cannot be a draft",
        ),
        case("unblinding as draft", with("a", pair("trial", "unblinded")), INVALID, "cannot be a draft"),
        case(
            "final without version",
            with("a", |draft| {
                pair("protocol", "finalised")(draft);
                draft.version.clear();
            }),
            INVALID,
            "what.version",
        ),
        case(
            "final without files",
            with("a", |draft| {
                pair("protocol", "finalised")(draft);
                draft.manifest = None;
            }),
            INVALID,
            "what.manifest",
        ),
        case(
            "a halt without reason",
            with("a", |draft| {
                draft.event = "halted".to_owned();
                draft.reason.clear();
            }),
            INVALID,
            "why.reason",
        ),
        case("withdrawn without its record", with("a", pair("protocol", "withdrawn")), INVALID, "what.links"),
        case("an account by a caller", with("a", pair("member", "registered")), INVALID, "org:<id>"),
        case("a grant without it", with("a", pair("grant", "granted")), INVALID, "what.grant"),
    ]
}

fn draft_links(index: u64) -> Vec<Case> {
    let link = |record: Bytes, index, log: &str| v1::Link {
        rel: "responds-to".to_owned(),
        record,
        index,
        log: log.to_owned(),
    };
    let any = Bytes::from_static(&[9; 32]);
    let linked = |link: v1::Link| with("links", |draft| draft.links = vec![link]);
    vec![
        case("a link to another record", linked(link(any.clone(), index, "")), INVALID, "there is no record"),
        case("a link beyond the log", linked(link(any.clone(), 1 << 40, "")), INVALID, "there is no record"),
        case("a link to a statement", linked(link(any.clone(), 0, "")), INVALID, "there is no record"),
        case("a link that is no index", linked(link(any.clone(), u64::MAX, "")), INVALID, "links[0].index"),
        case("a link to no hash", linked(link(any.slice(1..), index, "")), INVALID, "links[0].record"),
        case("a link to another log", linked(link(any.clone(), 0, "other.example/1")), INVALID, "links[0].log"),
        case(
            "an unknown relation",
            with("links", |draft| {
                draft.links = vec![v1::Link { rel: "loves".to_owned(), ..link(any.clone(), index, "") }];
            }),
            INVALID,
            "links[0].rel",
        ),
        case(
            "too many links",
            with("links", |draft| draft.links = vec![link(any.clone(), index, ""); 65]),
            INVALID,
            "at most 64",
        ),
        case(
            "corrects without reason",
            with("links", |draft| {
                draft.links = vec![v1::Link { rel: "corrects".to_owned(), ..link(any.clone(), index, "") }];
                draft.reason.clear();
            }),
            INVALID,
            "why.reason",
        ),
        case(
            "saw a record that is not there",
            with("links", |draft| draft.seen = Some(v1::Seen { sequence: 1, record: any.clone(), index })),
            INVALID,
            "what.seen",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_signed_submissions() {
    let scene = Scene::new().await;
    let good = scene.good();
    let what = |text: &str| scene.signed(&good.clone().what(text));
    let [head, tail] = [r#"{"class":"trial","event":"enrolment-opened","#, r#""register":"trial:NCT04573309"}"#];
    let long = "x".repeat(10_000);
    let deep = format!(r#"{{"class":"trial","event":"enrolment-opened",{tail}"#)
        .replace("}", &format!(r#","x-deep":{}{}}}"#, "[".repeat(9), "]".repeat(9)));
    let cases = vec![
        case("no JSON", what("hello"), INVALID, "what"),
        case("an empty what", what(""), INVALID, "what"),
        case("a list", what("[]"), INVALID, "object"),
        case("a duplicate key", what(&format!(r#"{head}"event":"enrolment-opened",{tail}"#)), INVALID, "twice"),
        case(
            "a duplicate key, escaped",
            what(&format!(r#"{head}"\u0065vent":"enrolment-opened",{tail}"#)),
            INVALID,
            "twice",
        ),
        case("a space", what(&format!("{head} {tail}")), INVALID, "canonical"),
        case("keys out of order", what(&format!(r#"{{{},{}"#, &tail[..tail.len() - 1], &head[1..head.len() - 1]).replace("opened\"", "opened\"}")), INVALID, "canonical"),
        case("a needless escape", what(&format!("{head}{tail}").replace("trial:", r"\u0074rial:")), INVALID, "canonical"),
        case("a byte-order mark", what(&format!("\u{feff}{head}{tail}")), INVALID, "byte-order mark"),
        case("something behind it", what(&format!("{head}{tail}{{}}")), INVALID, "follows"),
        case("a fraction", what(&format!(r#"{{"class":"trial","event":"enrolment-opened",{tail}"#).replace("}", r#","x-n":1.5}"#)), INVALID, "integer"),
        case("too large an integer", what(&format!("{head}{tail}").replace("}", r#","x-n":9007199254740992}"#)), INVALID, "2^53"),
        case("nested too deep", what(&deep), INVALID, "deeper"),
        case("U+0000", what(&format!("{head}{tail}").replace("}", r#","x-n":"\u0000"}"#)), INVALID, "U+0000"),
        case("a lone surrogate", what(&format!("{head}{tail}").replace("}", r#","x-n":"\ud800"}"#)), INVALID, "surrogate"),
        case(
            "invalid UTF-8",
            scene.signed(&good.clone().what([format!("{head}{tail}").as_bytes(), &[0xff]].concat())),
            INVALID,
            "UTF-8",
        ),
        case("an unknown key", scene.signed(&good.clone().what_with("colour", string("red"))), INVALID, "colour"),
        case("an unknown class", scene.signed(&good.clone().what_with("class", string("novel"))), INVALID, "class"),
        case("an unknown event", scene.signed(&good.clone().what_with("event", string("eaten"))), INVALID, "event"),
        case("a class that is a number", scene.signed(&good.clone().what_with("class", Value::Integer(1))), INVALID, "class"),
        case("a wrong trial id", scene.signed(&good.clone().what_with("register", string("trial:NCT1"))), INVALID, "trial id"),
        case("accounts", scene.signed(&good.clone().what_with("register", string("org:acme"))), INVALID, "what.register"),
        case("zero items", scene.signed(&good.clone().what_with("manifest", manifest(0))), INVALID, "items"),
        case("a string of 10 kB", scene.signed(&good.clone().what_with("x-long", string(&long))), INVALID, "what"),
        case("a string of 1,025 bytes", scene.signed(&good.clone().what_with("x-long", string(&long[..1_025]))), INVALID, "1024"),
        case("a reason of 10 kB", scene.signed(&good.clone().why(format!(r#"{{"reason":"{long}"}}"#))), INVALID, "why"),
        case("an unknown key in why", scene.signed(&good.clone().why(r#"{"because":"so"}"#)), INVALID, "because"),
        case("why is no text", scene.signed(&good.clone().why(r#"{"reason":1}"#)), INVALID, "reason"),
        case("a hard lock without manifest", scene.signed(&good.clone().what_with("event", string("hard-lock")).what_with("class", string("dataset"))), INVALID, "what.manifest"),
        case("a halt without reason", scene.signed(&good.clone().what_with("event", string("halted")).why("")), INVALID, "why.reason"),
    ];
    scene.refuse_all(cases).await;
    // Keys of the submitter's own are taken, and so is the untouched original.
    scene.stubs.submit(scene.signed(&good.clone().what_with("x-own", string("kept")))).await.unwrap();
    scene.stubs.submit(scene.signed(&scene.good())).await.unwrap();
}

fn manifest(items: i64) -> Value {
    let mut object = Object::new();
    object.insert("items", Value::Integer(items));
    object.insert("root", string(&Hash::from_bytes([1; 32]).to_hex()));
    Value::Object(object)
}

#[tokio::test(flavor = "multi_thread")]
async fn salts_hashes_and_signatures() {
    let scene = Scene::new().await;
    let good = scene.good();
    let changed = |change: fn(&mut v1::Prepared)| {
        let mut prepared = good.sign(scene.key().signing());
        change(&mut prepared);
        of(prepared)
    };
    let other = member_key(ORGANIZATION, MEMBER, &[3; 32]);
    let second = |prepared: &mut v1::Prepared| {
        let line = prepared.note.lines().last().unwrap().to_owned();
        prepared.note.push_str(&line);
        prepared.note.push('\n');
    };
    let cut = |prepared: &mut v1::Prepared| {
        let end = prepared.note.find("\n\n").unwrap() + 2;
        prepared.note.truncate(end);
    };
    let flipped = |prepared: &mut v1::Prepared| {
        let at = prepared.note.len() - 20;
        let other = if prepared.note.as_bytes()[at] == b'A' { "B" } else { "A" };
        prepared.note.replace_range(at..=at, other);
    };
    let mut elsewhere = good.clone();
    elsewhere.log = "other.example/1".to_owned();
    let cases = vec![
        case("no what", changed(|prepared| prepared.what = None), INVALID, "what"),
        case("no who", changed(|prepared| prepared.who = None), INVALID, "who"),
        case("no why", changed(|prepared| prepared.why = None), INVALID, "why"),
        case("a short salt", changed(|prepared| salt(&mut prepared.what).truncate(31)), INVALID, "what.salt"),
        case("a wrong salt of what", changed(|prepared| turn(salt(&mut prepared.what))), INVALID, "salt and text"),
        case("a wrong salt of who", changed(|prepared| turn(salt(&mut prepared.who))), INVALID, "salt and text"),
        case("a wrong salt of why", changed(|prepared| turn(salt(&mut prepared.why))), INVALID, "salt and text"),
        case(
            "another text than was signed",
            changed(|prepared| {
                let what = prepared.what.as_mut().unwrap();
                what.text = Bytes::from(String::from_utf8(what.text.to_vec()).unwrap().replace("opened", "closed"));
            }),
            INVALID,
            "salt and text",
        ),
        case("no note", changed(|prepared| prepared.note.clear()), INVALID, "submission.note"),
        case("an unsigned note", changed(cut), INVALID, "submission.note"),
        case("a note signed twice", changed(second), INVALID, "exactly one"),
        case("a flipped signature", changed(flipped), INVALID, "submission.note"),
        case("a note by another key", of(good.sign(other.signing())), INVALID, "submission.note"),
        case("a note for another log", scene.signed(&elsewhere), INVALID, "this log is"),
        case("a note of another kind", changed(|prepared| prepared.note = prepared.note.replace("/v1", "/v2")), INVALID, "note"),
    ];
    scene.refuse_all(cases).await;
}

fn salt(part: &mut Option<v1::PreparedPart>) -> &mut Bytes {
    &mut part.as_mut().unwrap().salt
}

fn turn(bytes: &mut Bytes) {
    let mut turned = bytes.to_vec();
    turned[0] ^= 1;
    *bytes = turned.into();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_signers() {
    let scene = Scene::new().await;
    let good = scene.good();
    let unknown = member_key(ORGANIZATION, MEMBER, &[3; 32]);
    let (zenith, zenith_token) = &scene.other;
    let zenith_name = Forgery {
        who: replace(&good.who, &[(ORGANIZATION, "zenith"), (MEMBER, "m-9")]),
        ..good.clone()
    };
    let zenith_signed = zenith_name.clone().who_with("key", string(&zenith.verifier().to_string()));
    let system = good.clone().who_with("kind", string("system")).who_with("meaning", string("execution"));
    let mut enrolment = Object::new();
    enrolment.insert("index", Value::Integer(1));
    enrolment.insert("record", string(&Hash::from_bytes([1; 32]).to_hex()));
    let cases = vec![
        case(
            "an unknown key",
            of(good.clone().who_with("key", string(&unknown.verifier().to_string())).sign(unknown.signing())),
            NOT_ENROLLED,
            "is not enrolled",
        ),
        case("a weak key", scene.signed(&good.clone().who_with("key", string(&weak_key()))), INVALID, "who.key"),
        case("no key at all", scene.signed(&good.clone().who_with("key", string("key"))), INVALID, "who.key"),
        case("another organisation's signature", of(zenith_signed.sign(zenith.signing())), NOT_ENROLLED, "the token is of"),
        case(
            "another organisation's key under our name",
            of(good.clone().who_with("key", string(&zenith.verifier().to_string())).sign(zenith.signing())),
            INVALID,
            "has to be named",
        ),
        case(
            "an enrolment that is none",
            scene.signed(&good.clone().who_with("enrolment", Value::Object(enrolment))),
            INVALID,
            "was enrolled by record",
        ),
        case("a person as a system", scene.signed(&system), INVALID, "enrolled as a person"),
        case("an unknown role", scene.signed(&good.clone().who_with("role", string("king"))), INVALID, "who.role"),
        case("an unknown meaning", scene.signed(&good.clone().who_with("meaning", string("joke"))), INVALID, "who.meaning"),
        case("who of a draft", scene.signed(&Forgery { who: br#"{"member":"m-4k2v9","organization":"acme"}"#.to_vec(), ..good.clone() }), INVALID, "who"),
        case("the notary's own name", scene.signed(&Forgery { who: replace(&good.who, &[(ORGANIZATION, "notary")]), ..good.clone() }), INVALID, "who"),
    ];
    scene.refuse_all(cases).await;
    // What acme signed cannot be recorded through another organisation's account.
    let sent = scene.signed(&good);
    let zenith_stubs = scene.stubs.as_if(Some(zenith_token));
    let replayed = case("a replay by another organisation", sent.clone(), NOT_ENROLLED, "the token is of zenith");
    scene.refuses(&zenith_stubs, &replayed).await;
    scene.stubs.submit(sent).await.unwrap();
    scene.refuses(&zenith_stubs, &replayed).await;
}

fn replace(text: &[u8], changes: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::from_utf8(text.to_vec()).unwrap();
    for (from, to) in changes {
        text = text.replace(&format!("\"{from}\""), &format!("\"{to}\""));
    }
    text.into_bytes()
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
async fn times_and_repeats() {
    let scene = Scene::new().await;
    let now = trialseal::now();
    let good = scene.good();
    let expired = (Code::InvalidArgument, "SUBMISSION_EXPIRED");
    let at = |millis| scene.signed(&good.clone().not_after(now.plus_millis(millis)));
    scene
        .refuse_all([
            case("expired a second ago", at(-1_000), expired, "sign it again"),
            case("expired a year ago", at(-365 * DAY_MS), expired, "sign it again"),
            case("more than 14 days ahead", at(14 * DAY_MS + 60_000), INVALID, "14 days"),
            case("in the year 9999", scene.signed(&good.clone().not_after(Instant::parse("9999-12-31T23:59:59Z").unwrap())), INVALID, "14 days"),
        ])
        .await;
    // Recorded once; the same bytes again are the same record, as long as they may be.
    let soon = scene.good().not_after(trialseal::now().plus_millis(3_000));
    let sent = scene.signed(&soon);
    let first = scene.stubs.submit(sent.clone()).await.unwrap();
    let size = scene.stubs.log_size().await;
    let again = scene.stubs.submit(sent.clone()).await.unwrap();
    assert!(!first.repeated && again.repeated);
    assert_eq!(record(&first), record(&again));
    let answer = scene.stubs.submit_message(vec![sent.clone()]).await.unwrap();
    assert!(matches!(&answer.outcomes[0].outcome, Some(Outcome::Repeated(_))), "{answer:?}");
    assert_eq!(scene.stubs.log_size().await, size, "a repeat is no new record");
    let until = (soon.not_after.as_millis() - trialseal::now().as_millis()).max(0) + 5;
    tokio::time::sleep(std::time::Duration::from_millis(u64::try_from(until).unwrap())).await;
    scene.refuse_all([case("a replay after its end", sent, expired, "sign it again")]).await;
}

fn record(answer: &v1::SubmitResponse) -> v1::Record {
    answer.receipt.as_ref().unwrap().record.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_is_one_record() {
    let scene = Scene::new().await;
    let signed = scene.good();
    let drafted = draft("the key of a draft");
    let first = scene.stubs.submit(scene.signed(&signed)).await.unwrap();
    let first_draft = scene.stubs.submit(of_draft(drafted.clone())).await.unwrap();
    let conflict = (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT");
    let other_what = signed.clone().what_with("event", string("enrolment-closed"));
    let other_draft = v1::Draft { event: "site-closed".to_owned(), ..drafted.clone() };
    // The same fields signed anew have another salt, and so another L_what.
    let anew = scene.signed(&signed);
    for (name, request, holder) in [
        ("other content", scene.signed(&other_what), &first),
        ("the same content signed anew", anew, &first),
        ("another draft", of_draft(other_draft.clone()), &first_draft),
    ] {
        scene.refuses(&scene.stubs, &case(name, request.clone(), conflict, "is already record")).await;
        let status = scene.stubs.submit(request).await.unwrap_err();
        let info = status.get_details_error_info().unwrap();
        let when = record(holder).when.unwrap().text.unwrap();
        assert!(when.contains(&format!("\"index\":{},", info.metadata["index"])), "{when} {info:?}");
        assert_eq!(info.metadata["record"].len(), 64);
    }
    // Two in one message: the second meets the first, which is not durable yet.
    let key = Bytes::from_static(&[42; 32]);
    let one = of_draft(v1::Draft { idempotency_key: key.clone(), ..drafted.clone() });
    let two = of_draft(v1::Draft { idempotency_key: key.clone(), ..other_draft });
    let before = scene.stubs.log_size().await;
    let answer = scene.stubs.submit_message(vec![one.clone(), two, one]).await.unwrap();
    let outcomes: Vec<_> = answer.outcomes.iter().map(|one| one.outcome.as_ref().unwrap()).collect();
    assert!(matches!(outcomes[0], Outcome::Sealed(_)), "{outcomes:?}");
    assert!(matches!(outcomes[1], Outcome::Refused(item) if reason_of_item(item) == conflict.1), "{outcomes:?}");
    assert!(matches!(outcomes[2], Outcome::Repeated(_)), "{outcomes:?}");
    assert_eq!(scene.stubs.log_size().await, before + 1);
    // Another organisation may use the same key for its own.
    let zenith = scene.stubs.as_if(Some(&scene.other.1));
    let theirs = v1::Draft { idempotency_key: key, register: "trial:NCT00000001".to_owned(), ..drafted };
    assert!(!zenith.submit(of_draft(theirs)).await.unwrap().repeated);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_none() {
    let scene = Scene::new().await;
    let before = scene.stubs.log_size().await;
    let good = of_draft(draft("cut short")).encode_to_vec();
    for (name, bytes) in [
        ("cut short", &good[..good.len() - 1]),
        ("an endless length", &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f][..]),
        ("a wrong wire type", &[0x08, 0x01]),
        ("text that is not UTF-8", &[0x12, 0x04, 0x12, 0x02, 0xff, 0xfe]),
        ("noise", &[0xde, 0xad, 0xbe, 0xef]),
    ] {
        let status = raw::call(&scene.stubs, SUBMIT, bytes).await.expect_err(name);
        // What cannot be decoded never reaches the service; gRPC says INTERNAL by convention.
        assert!(matches!(status.code(), Code::Internal | Code::InvalidArgument), "{name}: {status:?}");
    }
    raw::call(&scene.stubs, SUBMIT, &good).await.expect("the same, whole, is taken");
    let before_oversize = before + 1;
    let large = with("large", |draft| draft.affects = vec!["code".to_owned(); REQUEST_BYTES / 4]);
    let status = scene.stubs.submit(large.clone()).await.unwrap_err();
    assert!(matches!(status.code(), Code::OutOfRange | Code::InvalidArgument), "{status:?}");
    assert!(status.message().contains("large"), "{status:?}");
    // In a stream the message that cannot be read ends it, and the caller is told.
    let status = scene.stubs.submit_message(vec![large]).await.unwrap_err();
    assert!(matches!(status.code(), Code::OutOfRange | Code::InvalidArgument), "{status:?}");
    for submissions in [Vec::new(), vec![of_draft(draft("many")); 1_001]] {
        let status = scene.stubs.submit_message(submissions).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    assert_eq!(scene.stubs.log_size().await, before_oversize, "something was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens() {
    let scene = Scene::new().await;
    let folder = &scene.folder;
    let before = scene.stubs.log_size().await;
    let request = of_draft(draft("token"));
    let unknown = Token::generate().unwrap();
    let expired = folder.issue_token(ORGANIZATION, MEMBER, 0);
    let revoked = folder.issue_token(ORGANIZATION, MEMBER, 1);
    folder.must_operate(&["token", "revoke", ORGANIZATION, "--sha256", &revoked.sha256().to_hex()]);
    let before = before + 3;
    for (name, token, reason) in [
        ("none", None, "TOKEN_UNKNOWN"),
        ("unknown", Some(&unknown), "TOKEN_UNKNOWN"),
        ("expired", Some(&expired), "TOKEN_EXPIRED"),
        ("revoked", Some(&revoked), "TOKEN_REVOKED"),
    ] {
        let stubs = scene.stubs.as_if(token);
        let refused = case(name, request.clone(), (Code::Unauthenticated, reason), "token");
        scene.refuses(&stubs, &refused).await;
        let streamed = stubs.submit_message(vec![request.clone()]).await.unwrap_err();
        check(name, &streamed, Code::Unauthenticated, reason, "token");
        let asked = v1::GetReceiptRequest { record: Some(v1::get_receipt_request::Record::Index(scene.index)) };
        let asked = stubs.notary().get_receipt(stubs.request(asked)).await.unwrap_err();
        check(name, &asked, Code::Unauthenticated, reason, "token");
        let listed = stubs.notary().list_records(stubs.request(v1::ListRecordsRequest::default())).await.unwrap_err();
        check(name, &listed, Code::Unauthenticated, reason, "token");
    }
    let mut malformed = scene.stubs.as_if(None).request(request.clone());
    malformed.metadata_mut().insert("authorization", "Bearer trialseal_xyz".parse().unwrap());
    let status = scene.stubs.notary().submit(malformed).await.unwrap_err();
    check("malformed", &status, Code::Unauthenticated, "TOKEN_UNKNOWN", "token");
    assert_eq!(scene.stubs.log_size().await, before, "something was stored");
    assert!(matches!(request.submission, Some(Submission::Draft(_))));
    let _ = &scene.server;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_others_are_not_there() {
    let scene = Scene::new().await;
    let zenith = scene.stubs.as_if(Some(&scene.other.1));
    let not_found = |name: &str, status: Status| check(name, &status, Code::NotFound, "RECORD_NOT_FOUND", "no such record");
    use v1::get_receipt_request::Record;
    let position = |register: &str, sequence| {
        Record::Position(v1::RegisterPosition { register: register.to_owned(), sequence })
    };
    // What exists and what does not look the same to whoever may not read it.
    for (name, record) in [
        ("another's record", Record::Index(scene.index)),
        ("another's accounts", Record::Index(1)),
        ("the statement", Record::Index(0)),
        ("beyond the log", Record::Index(1 << 30)),
        ("no index", Record::Index(u64::MAX)),
        ("another's place", position(caller::REGISTER, 1)),
        ("no such register", position("trial:NCT99999999", 1)),
        ("no such place", position("org:zenith", 1 << 30)),
        ("place 0", position("org:zenith", 0)),
    ] {
        let request = v1::GetReceiptRequest { record: Some(record) };
        not_found(name, zenith.notary().get_receipt(zenith.request(request)).await.unwrap_err());
    }
    for register in [caller::REGISTER, "trial:NCT99999999", "org:acme"] {
        let request = v1::ListRecordsRequest { register: register.to_owned(), ..v1::ListRecordsRequest::default() };
        not_found(register, zenith.notary().list_records(zenith.request(request)).await.unwrap_err());
    }
    let own = zenith.notary().list_records(zenith.request(v1::ListRecordsRequest::default())).await.unwrap().into_inner();
    assert_eq!(own.registers.iter().map(|one| one.register.as_str()).collect::<Vec<_>>(), ["org:zenith"]);
}
