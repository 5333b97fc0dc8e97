//! What everybody sees: tiles, checkpoints, health and metrics; and that nothing secret is in it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::fmt::Write as _;
use std::fs;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use rustix::process::Signal;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use trialseal::Token;
use trialseal_core::tile::{TilePath, TileWidth};
use trialseal_proto::v1;
use trialseal_tests::caller::{self, Stubs, draft, of_draft};
use trialseal_tests::log::{LogKeys, WholeLog, below_origin, check_consistent};
use trialseal_tests::notary::{Folder, PASSPHRASE, Server, await_until};
use trialseal_tests::{http, programs};

async fn submit(stubs: &Stubs, name: &str, records: u64) {
    let drafts = (0..records).map(|number| of_draft(draft(&format!("{name} {number}"))));
    let answer = stubs.submit_message(drafts.collect()).await.unwrap();
    assert_eq!(answer.outcomes.len() as u64, records);
}

fn await_published(server: &Server, size: u64) {
    await_until("the checkpoint is published", || {
        let note = http::get(server.http, "/2026/checkpoint");
        note.text().lines().nth(1) == Some(&size.to_string())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_follows_from_tiles_and_entries_at_every_size() {
    let folder = Folder::new();
    let server = folder.start();
    let keys = LogKeys::of(&folder);
    let stubs = Stubs::connect(&server, folder.token()).await;
    let mut size = server.size;
    let mut before = WholeLog::fetch(server.http, &keys);
    // Around the edges of a tile, and beyond it.
    for target in [7, 255, 256, 257, 511, 512, 700] {
        submit(&stubs, &format!("to {target}"), target - size).await;
        size = target;
        await_published(&server, size);
        let whole = WholeLog::fetch(server.http, &keys);
        assert_eq!(whole.checkpoint.size.get(), size);
        assert!(whole.entries.starts_with(&before.entries), "entries never change");
        check_consistent(&stubs, &before.checkpoint, &whole.checkpoint).await;
        before = whole;
    }
    // The same out of files, after a restart.
    server.terminate();
    let server = folder.start();
    assert_eq!(WholeLog::fetch(server.http, &keys).entries, before.entries);
    // What a static web server would serve is the same, byte for byte.
    let public = folder.dir().join("data/public");
    for (path, bytes) in folder.files_below("data/public") {
        let below = path.strip_prefix(&public).unwrap().to_str().unwrap();
        assert_eq!(
            http::get(server.http, &format!("/2026/{below}")).body,
            bytes,
            "{below}"
        );
    }
    let mut first_bytes: Vec<_> = before
        .entries
        .iter()
        .map(|entry| (entry[0], entry.len()))
        .collect();
    first_bytes.sort_unstable();
    first_bytes.dedup();
    assert_eq!(
        first_bytes.len(),
        2,
        "records are 33 opaque bytes, and there is one statement: {first_bytes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_tile_is_never_served_under_a_full_tiles_name() {
    let folder = Folder::new();
    let server = folder.start();
    let stubs = Stubs::connect(&server, folder.token()).await;
    submit(&stubs, "first", 300 - server.size).await;
    await_published(&server, 300);
    let (address, full) = (server.http, TileWidth::FULL);
    let get = |path: &TilePath| http::get(address, &below_origin(path));
    let wide = |width| TileWidth::new(width).unwrap();
    let kinds: [fn(u64, TileWidth) -> TilePath; 2] = [
        |index, width| TilePath::Hashes {
            level: 0,
            index,
            width,
        },
        |index, width| TilePath::Entries { index, width },
    ];
    for kind in kinds {
        assert_eq!(get(&kind(1, full)).status, 404);
        assert_eq!(get(&kind(1, wide(45))).status, 404, "it does not reach so far");
        assert_eq!(get(&kind(2, wide(1))).status, 404);
        let growing = get(&kind(1, wide(44)));
        assert_eq!(growing.status, 200);
        // A prefix of a tile never changes either, nor the full one.
        assert!(growing.body.starts_with(&get(&kind(1, wide(10))).body));
        let complete = get(&kind(0, full));
        assert!(complete.body.starts_with(&get(&kind(0, wide(100))).body));
        for answer in [&growing, &complete] {
            let cache = answer.field("cache-control").unwrap();
            assert!(
                cache.contains("immutable") && cache.contains("max-age=31536000"),
                "{cache}"
            );
        }
        assert_eq!(complete.field("content-type"), Some("application/octet-stream"));
    }
    let checkpoint = http::get(address, "/2026/checkpoint");
    assert_eq!(checkpoint.field("cache-control"), Some("no-cache"));
    assert_eq!(
        checkpoint.field("content-type"),
        Some("text/plain; charset=utf-8")
    );
    // The first level above has one hash, of the one full tile.
    let above = |width| TilePath::Hashes {
        level: 1,
        index: 0,
        width,
    };
    assert_eq!(get(&above(wide(1))).body.len(), 32);
    assert_eq!(get(&above(wide(2))).status, 404);
    // As the tile fills, its name appears, with what the prefix had.
    let prefix = get(&kinds[0](1, wide(44))).body;
    submit(&stubs, "second", 512 - 300).await;
    await_published(&server, 512);
    let filled = get(&kinds[0](1, full));
    assert_eq!((filled.status, filled.body.len()), (200, 8_192));
    assert!(filled.body.starts_with(&prefix));
}

/// Paths that stand for nothing, or for what is nobody's business.
const NOT_FOUND: [&str; 15] = [
    "/2026/tile/0/000.p/0",
    "/2026/tile/0/000.p/256",
    "/2026/tile/0/000.p/001",
    "/2026/tile/0/0",
    "/2026/tile/0/x000/000",
    "/2026/tile/64/000",
    "/2026/tile/00/000",
    "/2026/tile/-1/000",
    "/2026/tile/0/../0/000",
    "/2026/tile/entries/",
    "/checkpoint",
    "/2026/tile/0/%2e%2e/%2e%2e/%2e%2e/private/snapshots",
    "/2026/private",
    "/",
    "/2027/checkpoint",
];

#[test]
fn other_paths_are_not_found() {
    let folder = Folder::new();
    let server = folder.start();
    for path in NOT_FOUND {
        assert_eq!(http::get(server.http, path).status, 404, "{path}");
    }
}

#[test]
fn health_says_whether_it_seals() {
    let folder = Folder::new();
    let server = folder.start();
    let health = http::get(server.http, "/healthz");
    assert_eq!(health.status, 200);
    assert!(health.text().starts_with("ok\n"), "{}", health.text());
    assert!(
        health.text().contains(&format!("size {}", server.size)),
        "{}",
        health.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_there() {
    let folder = Folder::new();
    let server = folder.start();
    let stubs = Stubs::connect(&server, folder.token()).await;
    submit(&stubs, "measured", 10).await;
    stubs
        .as_if(None)
        .submit(of_draft(draft("refused")))
        .await
        .unwrap_err();
    let metrics = http::get(server.http, "/metrics");
    assert_eq!(
        metrics.field("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let value = |name: &str| -> f64 {
        let line = metrics
            .text()
            .lines()
            .find(|line| !line.starts_with('#') && line.starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {}", metrics.text()))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    let size = value("trialseal_log_size ");
    assert!((size - (server.size + 10) as f64).abs() < 0.5, "{size}");
    assert!(value("trialseal_checkpoint_age_seconds ") < 60.0);
    assert!(value("trialseal_batch_records_count") >= 1.0);
    assert!(value("trialseal_batch_records_sum") >= 10.0);
    assert!(value("trialseal_commit_seconds_sum") > 0.0);
    assert!(value("trialseal_remembered_keys ") >= 10.0);
    assert!(value("trialseal_free_bytes ") > 0.0);
    assert!(value("trialseal_refusals_total{reason=\"TOKEN_UNKNOWN\"") >= 1.0);
    for zero in [
        "queue_records ",
        "queue_bytes ",
        "proof_failures_total ",
        "clock_steps_total ",
        "clock_offset_seconds ",
    ] {
        let found = value(&format!("trialseal_{zero}"));
        assert!(found.abs() < f64::EPSILON, "{zero}{found}");
    }
    let _present = (
        value("trialseal_journal_bytes "),
        value("trialseal_follower_lag_records "),
    );
}

const REASON: &str = "planted-reason-8841";
const REMARK: &str = "planted-remark-5520";
const SIGNER: &str = "Planted Signer 3307";
const VERSION: &str = "planted-version-77";
/// The bytes of a token that was never issued.
const UNKNOWN_TOKEN: [u8; 32] = [0x5a; 32];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_told() {
    let folder = Folder::new();
    folder.set("log.level", "\"trace\"");
    let server = folder.start();
    let stubs = Stubs::connect(&server, folder.token()).await;
    record_secrets(&folder, &server).await;
    submit(&stubs, "fill a tile", 300).await;
    let mut places: Vec<(String, Vec<u8>)> = Vec::new();
    for message in provoke_messages(&stubs).await {
        // A message may name the register that it is about; nothing public may.
        let text = message.replace(caller::REGISTER, "the register");
        places.push((format!("the message {message:?}"), text.into_bytes()));
    }
    let _ = folder.issue_token("acme", "m-4k2v9", 1);
    let _ = folder.operator(&["token", "revoke", "acme", "--sha256", &"00".repeat(32)]);
    await_published(&server, stubs.log_size().await);
    for path in ["/healthz", "/metrics", "/2026/checkpoint"] {
        places.push((path.to_owned(), http::get(server.http, path).body));
    }
    let whole = WholeLog::fetch(server.http, &LogKeys::of(&folder));
    places.push(("the entries".to_owned(), whole.entries.concat()));
    let public = folder.files_below("data/public").into_iter();
    places.extend(public.map(|(path, bytes)| (path.display().to_string(), bytes)));
    places.push((
        "trust.toml".to_owned(),
        fs::read(folder.dir().join("trust.toml")).unwrap(),
    ));
    server.signal(Signal::HUP);
    server.await_said("limits and log level are reloaded");
    let log = server.said();
    assert!(log.contains("TRACE"), "everything is logged that ever is");
    places.push(("the log of the process".to_owned(), log.into_bytes()));
    check_nothing_planted(&folder, &places);
}

/// A signed record and a draft, with what only those who may read the register shall see.
async fn record_secrets(folder: &Folder, server: &Server) {
    let client = caller::client(folder, server).await;
    let mut signatory = caller::signatory(&client, folder.key()).await;
    signatory.name = SIGNER.to_owned();
    let planted = caller::event(REASON)
        .remark(REMARK)
        .version(VERSION.parse().unwrap());
    let signed = planted.sign(&signatory, client.log(), trialseal::now()).unwrap();
    client.submit(&signed).await.unwrap();
    client.submit(&planted.draft().unwrap()).await.unwrap();
}

/// What the notary says to submissions that it refuses for many reasons.
async fn provoke_messages(stubs: &Stubs) -> Vec<String> {
    let planted = |change: fn(&mut v1::Draft)| {
        let (reason, remark, version) = (REASON.to_owned(), REMARK.to_owned(), VERSION.to_owned());
        let mut planted = v1::Draft {
            reason,
            remark,
            version,
            ..draft("planted")
        };
        change(&mut planted);
        of_draft(planted)
    };
    let unknown = stubs.as_if(Some(&Token::from_bytes(UNKNOWN_TOKEN)));
    let mut said = vec![unknown.submit(planted(|_| {})).await.unwrap_err()];
    for broken in [
        planted(|draft| draft.class = "novel".to_owned()),
        planted(|draft| (draft.class, draft.event) = ("dataset".to_owned(), "hard-lock".to_owned())),
        planted(|draft| draft.reason.push_str(&"r".repeat(10_000))),
        planted(|draft| draft.remark.push('\u{0}')),
        planted(|draft| draft.register = "org:acme".to_owned()),
        planted(|draft| draft.idempotency_key.clear()),
    ] {
        said.push(stubs.submit(broken).await.unwrap_err());
    }
    said.into_iter().map(|status| format!("{status:?}")).collect()
}

fn check_nothing_planted(folder: &Folder, places: &[(String, Vec<u8>)]) {
    let token = folder.token().to_text();
    let unknown = Token::from_bytes(UNKNOWN_TOKEN).to_text();
    let secrets = [
        &token[10..],
        &unknown[10..],
        PASSPHRASE,
        REASON,
        REMARK,
        SIGNER,
        VERSION,
        caller::REGISTER,
        "PRIVATE KEY",
    ];
    for (place, bytes) in places {
        for secret in secrets {
            assert!(!holds(bytes, secret), "{secret:?} is in {place}");
        }
    }
    let private = folder.files_below("data/journal");
    let recorded = |secret| private.iter().any(|(_, bytes)| holds(bytes, secret));
    assert!(
        [REASON, REMARK, SIGNER, VERSION, caller::REGISTER]
            .into_iter()
            .all(recorded),
        "what is searched for is on record, in private"
    );
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer() {
    let folder = Folder::new();
    let server = folder.start();
    let stubs = Stubs::connect(&server, folder.token()).await;
    let mut health = HealthClient::new(stubs.channel.clone());
    for service in ["", "trialseal.v1.Notary", "trialseal.v1.Log"] {
        let answer = health
            .check(HealthCheckRequest {
                service: service.to_owned(),
            })
            .await
            .expect(service)
            .into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let MessageResponse::ListServicesResponse(listed) =
        reflect(&stubs, MessageRequest::ListServices(String::new())).await
    else {
        panic!("no list of services")
    };
    let mut names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert!(
        names.contains(&"trialseal.v1.Notary".to_owned()) && names.contains(&"trialseal.v1.Log".to_owned()),
        "{names:?}"
    );
    let symbol = MessageRequest::FileContainingSymbol("trialseal.v1.Draft".to_owned());
    let MessageResponse::FileDescriptorResponse(files) = reflect(&stubs, symbol).await else {
        panic!("no descriptor")
    };
    let file = prost_types::FileDescriptorProto::decode(&*files.file_descriptor_proto[0]).unwrap();
    assert!(file.message_type.iter().any(|message| message.name() == "Draft"));
}

async fn reflect(stubs: &Stubs, request: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(request),
    };
    let mut client = ServerReflectionClient::new(stubs.channel.clone());
    let mut answers = client
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer: ServerReflectionResponse = answers.message().await.unwrap().expect("an answer");
    answer.message_response.unwrap()
}

/// Whoever changes the API approves it by writing the list again: `TRIALSEAL_BLESS=1`.
#[test]
fn the_api_is_what_was_approved() {
    let golden = programs::repository("tests/golden/api.txt");
    let found = listing(&FileDescriptorSet::decode(trialseal_proto::DESCRIPTORS).unwrap());
    if std::env::var_os("TRIALSEAL_BLESS").is_some() {
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::write(&golden, &found).unwrap();
    }
    let approved = fs::read_to_string(&golden).unwrap_or_default();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let gone: Vec<_> = lines(&approved)
        .into_iter()
        .filter(|line| !found.contains(line.as_str()))
        .collect();
    assert!(
        gone.is_empty(),
        "callers rely on what is gone or changed: {gone:#?}"
    );
    assert_eq!(found, approved, "approve what is new with TRIALSEAL_BLESS=1");
}

/// Every method and field, one a line, with what is on the wire.
fn listing(files: &FileDescriptorSet) -> String {
    let mut text = String::new();
    for file in files.file.iter().filter(|file| file.package() == "trialseal.v1") {
        for service in &file.service {
            for method in &service.method {
                let stream = |is: bool| if is { "stream " } else { "" };
                writeln!(
                    text,
                    "rpc {}.{} ({}{}) returns ({}{})",
                    service.name(),
                    method.name(),
                    stream(method.client_streaming()),
                    method.input_type(),
                    stream(method.server_streaming()),
                    method.output_type()
                )
                .unwrap();
            }
        }
        for message in &file.message_type {
            fields(&mut text, message);
        }
    }
    text
}

fn fields(text: &mut String, message: &DescriptorProto) {
    for field in &message.field {
        writeln!(
            text,
            "{}.{} = {} {}",
            message.name(),
            field.name(),
            field.number(),
            kind(message, field)
        )
        .unwrap();
    }
    for nested in &message.nested_type {
        fields(text, nested);
    }
}

fn kind(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let name = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    };
    let repeated = if field.label() == Label::Repeated {
        "repeated "
    } else {
        ""
    };
    let optional = if field.proto3_optional() { "optional " } else { "" };
    let group = field.oneof_index.filter(|_| !field.proto3_optional());
    let group = group.map(|index| {
        format!(
            " in {}",
            message.oneof_decl[usize::try_from(index).unwrap()].name()
        )
    });
    format!("{repeated}{optional}{name}{}", group.unwrap_or_default())
}
