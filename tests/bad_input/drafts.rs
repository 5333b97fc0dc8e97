//! Drafts: typed fields that are wrong, do not fit together, or may not be a draft.

use bytes::Bytes;
use tonic::Code;
use trialseal_proto::v1;
use trialseal_tests::caller::{draft, of_draft};

use crate::{Case, INVALID, Scene, case};

/// Changes a draft that would be taken.
type Change = fn(&mut v1::Draft);

fn changed(name: &'static str, change: impl FnOnce(&mut v1::Draft), says: &'static str) -> Case {
    let mut draft = draft("changed");
    change(&mut draft);
    case(name, of_draft(draft), INVALID, says)
}

const FIELDS: [(&str, Change, &str); 20] = [
    ("no key", |draft| draft.idempotency_key.clear(), "32 random bytes"),
    (
        "a short key",
        |draft| draft.idempotency_key.truncate(31),
        "idempotency_key",
    ),
    ("no class", |draft| draft.class.clear(), "draft.class"),
    (
        "an unknown class",
        |draft| draft.class = text("novel"),
        "draft.class",
    ),
    (
        "an unknown event",
        |draft| draft.event = text("eaten"),
        "draft.event",
    ),
    (
        "a bad version",
        |draft| draft.version = text("2 0"),
        "draft.version",
    ),
    (
        "zero items",
        |draft| draft.manifest = manifest(32, 0),
        "manifest.items",
    ),
    (
        "too many items",
        |draft| draft.manifest = manifest(32, 100_001),
        "1 to 100000",
    ),
    (
        "a short root",
        |draft| draft.manifest = manifest(31, 1),
        "manifest.root",
    ),
    (
        "a reason of 10 kB",
        |draft| draft.reason = long(10_000),
        "at most 4000",
    ),
    (
        "a reason of 1,025 bytes",
        |draft| draft.reason = long(1_025),
        "1024",
    ),
    ("a remark of 2 kB", |draft| draft.remark = long(2_000), "1024"),
    (
        "a version of 10 kB",
        |draft| draft.version = long(10_000),
        "draft.version",
    ),
    (
        "a register of 10 kB",
        |draft| draft.register = format!("trial:{}", long(10_000)),
        "draft.register",
    ),
    (
        "a date that is none",
        |draft| draft.document_date = text("2026-02-30"),
        "document_date",
    ),
    (
        "a time that is none",
        |draft| draft.declared_at = text("2026-02-28T24:00:00Z"),
        "declared_at",
    ),
    (
        "no time zone",
        |draft| draft.tz = text("Mars/Olympus Mons"),
        "draft.tz",
    ),
    (
        "an unknown purpose",
        |draft| draft.purpose = text("fun"),
        "draft.purpose",
    ),
    (
        "everywhere and somewhere",
        |draft| draft.scope = Some(everywhere_and_somewhere()),
        "draft.scope",
    ),
    ("U+0000", |draft| draft.reason = text("a\u{0}b"), "why"),
];

const REGISTERS: [(&str, &str, &str); 9] = [
    ("no register", "", "draft.register"),
    ("no kind of register", "NCT04573309", "draft.register"),
    ("a short trial id", "trial:NCT123", "is not a trial id"),
    ("a long trial id", "trial:NCT045733090", "is not a trial id"),
    ("a lower-case trial id", "trial:nct04573309", "is not a trial id"),
    (
        "a trial id with a space",
        "trial:NCT04573309 ",
        "is not a trial id",
    ),
    (
        "a trial id with its version",
        "trial:2023-505614-35-01",
        "draft.register",
    ),
    ("a reserved register", "product:x", "reserved"),
    (
        "another organisation's own number",
        "trial:zenith:1",
        "only zenith may use it",
    ),
];

/// Each with a version and a manifest.
const PAIRS: [(&str, &str, &str); 8] = [
    ("dataset", "decided", "does not stand with class"),
    ("dataset", "hard-lock", "cannot be a draft"),
    ("protocol", "activated", "cannot be a draft"),
    ("statistical-analysis-plan", "finalised", "cannot be a draft"),
    ("trial", "unblinded", "cannot be a draft"),
    ("protocol", "withdrawn", "what.links"),
    ("member", "registered", "org:<id>"),
    ("grant", "granted", "what.grant"),
];

const FORMS: [(&str, Change, &str); 3] = [
    (
        "final without version",
        |draft| (pair(draft, "protocol", "finalised"), draft.version.clear()).1,
        "what.version",
    ),
    (
        "final without files",
        |draft| (pair(draft, "protocol", "finalised"), draft.manifest = None).1,
        "what.manifest",
    ),
    (
        "a halt without reason",
        |draft| (pair(draft, "trial", "halted"), draft.reason.clear()).1,
        "why.reason",
    ),
];

fn text(text: &str) -> String {
    text.to_owned()
}

fn long(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[expect(clippy::unnecessary_wraps, reason = "the field is one that may be absent")]
fn manifest(bytes: usize, items: u32) -> Option<v1::ManifestRoot> {
    Some(v1::ManifestRoot {
        root: vec![7; bytes].into(),
        items,
    })
}

fn everywhere_and_somewhere() -> v1::Scope {
    v1::Scope {
        all: true,
        sites: vec![text("site-1")],
        ..v1::Scope::default()
    }
}

fn pair(draft: &mut v1::Draft, class: &str, event: &str) {
    (draft.class, draft.event) = (text(class), text(event));
    draft.version = text("1.0");
    draft.manifest = manifest(32, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts() {
    let scene = Scene::new().await;
    let nothing = v1::SubmitRequest {
        submission: None,
        level: 0,
        wait: None,
    };
    scene
        .refuse_all([case("nothing", nothing, INVALID, "give prepared or draft")])
        .await;
    let all = FIELDS.into_iter().chain(FORMS);
    scene
        .refuse_all(all.map(|(name, change, says)| changed(name, change, says)))
        .await;
    let registers = REGISTERS.into_iter();
    scene
        .refuse_all(registers.map(|(name, id, says)| changed(name, |draft| draft.register = text(id), says)))
        .await;
    let pairs = PAIRS.into_iter();
    scene
        .refuse_all(pairs.map(|(class, event, says)| changed(event, |draft| pair(draft, class, event), says)))
        .await;
    scene.refuse_all(links(scene.index)).await;
    let accounts = v1::Draft {
        register: text("org:acme"),
        ..draft("accounts")
    };
    let refused = (Code::PermissionDenied, "OPERATORS_REGISTER");
    scene
        .refuse_all([case(
            "accounts",
            of_draft(accounts),
            refused,
            "only signed enrolments",
        )])
        .await;
    // The same with nothing wrong is taken, from whom the register belongs to.
    scene
        .stubs
        .submit(of_draft(draft("nothing wrong")))
        .await
        .unwrap();
    let refused = (Code::PermissionDenied, "NO_ROLE");
    let theirs = case(
        "another's register",
        of_draft(draft("a")),
        refused,
        "zenith/m-9 holds no role in this register; a sponsor of the trial can grant one",
    );
    scene.refuses(&scene.zenith(), &theirs).await;
}

/// Links of a draft; the register has one record, at `index`.
fn links(index: u64) -> Vec<Case> {
    let to = |index, bytes: usize| v1::Link {
        rel: text("responds-to"),
        record: vec![9; bytes].into(),
        index,
        log: String::new(),
    };
    let linked = |name, link: v1::Link, says| changed(name, |draft| draft.links = vec![link], says);
    let seen = v1::Seen {
        sequence: 1,
        record: Bytes::from_static(&[9; 32]),
        index,
    };
    let corrects = v1::Link {
        rel: text("corrects"),
        ..to(index, 32)
    };
    let without_reason = |draft: &mut v1::Draft| {
        draft.links = vec![corrects];
        draft.reason.clear();
    };
    vec![
        linked("a link to another record", to(index, 32), "there is no record"),
        linked("a link beyond the log", to(1 << 40, 32), "there is no record"),
        linked("a link to a statement", to(0, 32), "there is no record"),
        linked("a link that is no index", to(u64::MAX, 32), "links[0].index"),
        linked("a link to no hash", to(index, 31), "links[0].record"),
        linked(
            "a link to another log",
            v1::Link {
                log: text("other.example/1"),
                ..to(0, 32)
            },
            "links[0].log",
        ),
        linked(
            "an unknown relation",
            v1::Link {
                rel: text("loves"),
                ..to(index, 32)
            },
            "links[0].rel",
        ),
        changed(
            "too many links",
            |draft| draft.links = vec![to(index, 32); 65],
            "at most 64",
        ),
        changed("a correction without reason", without_reason, "why.reason"),
        changed(
            "saw a record that is not there",
            |draft| draft.seen = Some(seen),
            "what.seen",
        ),
    ]
}
