//! Tokens and members that end while they are in use, and the limits of one organisation.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use trialseal::{Class, Event, Role, SignerKind, Token, records};
use trialseal_core::identifiers::MemberName;
use trialseal_core::record::{What, When};
use trialseal_core::vocabulary::Blind;
use trialseal_proto::v1::{self, operator_client::OperatorClient};
use trialseal_tests::caller::{self, Stubs, draft, of_draft};
use trialseal_tests::forge::{Forgery, of};
use trialseal_tests::notary::{self, Folder, MEMBER, ORGANIZATION};
use trialseal_tests::programs;

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_member_has_no_record_behind_its_revocation() {
    let folder = Folder::new();
    let server = folder.start();
    let (key, token) = folder.enrol("zenith", "m-9");
    let client = caller::connect(&folder, &server, &token).await.unwrap();
    let signatory = caller::signatory(&client, key).await;
    let stubs = Stubs::connect(&server, &token).await;
    let sent = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let now = trialseal::now();
        // Signed before, so that they come as fast as can be.
        let prepared: Vec<_> = (0..400)
            .map(|_| of(Forgery::good(&signatory, now).sign(signatory.key.signing())))
            .collect();
        let (stubs, sent) = (stubs.clone(), Arc::clone(&sent));
        callers.spawn(async move {
            let mut taken = Vec::new();
            for request in prepared {
                match stubs.submit(request).await {
                    Ok(answer) => {
                        sent.fetch_add(1, Ordering::SeqCst);
                        taken.push(index(&answer));
                    }
                    Err(status) => return (taken, Some(status)),
                }
            }
            (taken, None)
        });
    }
    while sent.load(Ordering::SeqCst) < 50 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let said = folder.must_operate(&["member", "revoke", "zenith", "m-9"]);
    let revoked: u64 = said.rsplit(' ').next().unwrap().trim().parse().unwrap();
    let mut refused = 0;
    for (taken, status) in callers.join_all().await {
        assert!(
            taken.iter().all(|index| *index < revoked),
            "a record behind the revocation at {revoked}: {taken:?}"
        );
        if let Some(status) = status {
            refused += 1;
            let expected = ["TOKEN_REVOKED", "KEY_NOT_ENROLLED"];
            assert!(expected.contains(&reason(&status).as_str()), "{status:?}");
        }
    }
    assert!(refused > 0, "the revocation came too late to be met");
    let status = stubs.submit(of_draft(draft("later"))).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unauthenticated, "TOKEN_REVOKED")
    );
    // The other organisation is not concerned, and a restart does not forget.
    server.terminate();
    let server = folder.start();
    let acme = Stubs::connect(&server, folder.token()).await;
    acme.submit(of_draft(draft("of acme"))).await.unwrap_err();
    let own = v1::Draft {
        register: "trial:NCT00000002".to_owned(),
        ..draft("of acme")
    };
    acme.submit(of_draft(own)).await.unwrap();
    let status = acme
        .as_if(Some(&token))
        .submit(of_draft(draft("later")))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "TOKEN_REVOKED");
}

fn index(answer: &v1::SubmitResponse) -> u64 {
    let when = answer
        .receipt
        .as_ref()
        .unwrap()
        .record
        .as_ref()
        .unwrap()
        .when
        .as_ref()
        .unwrap();
    When::parse(when.text.as_ref().unwrap().as_bytes())
        .unwrap()
        .index
        .get()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_when_it_says_and_when_it_is_revoked() {
    let folder = Folder::new();
    let server = folder.start();
    let stubs = Stubs::connect(&server, folder.token()).await;
    let token = Token::generate().unwrap();
    let expires = trialseal::now().plus_millis(1_500);
    register(&folder, &token, &expires.to_millis_string()).await;
    let own = stubs.as_if(Some(&token));
    own.submit(of_draft(draft("in time"))).await.unwrap();
    // An open stream ends with its token as well: the next message is refused.
    let until = expires.as_millis() - trialseal::now().as_millis() + 20;
    tokio::time::sleep(Duration::from_millis(u64::try_from(until).unwrap_or(0))).await;
    let status = own.submit(of_draft(draft("too late"))).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unauthenticated, "TOKEN_EXPIRED")
    );
    assert!(status.message().contains(&expires.to_string()), "{status:?}");
    // Revoked by the file that holds it.
    let revoked = folder.issue_token(ORGANIZATION, MEMBER, 1);
    let file = folder.dir().join("revoked");
    std::fs::write(&file, revoked.to_text().as_bytes()).unwrap();
    let own = stubs.as_if(Some(&revoked));
    own.submit(of_draft(draft("before"))).await.unwrap();
    folder.must_operate(&[
        "token",
        "revoke",
        ORGANIZATION,
        "--token-file",
        file.to_str().unwrap(),
    ]);
    let status = own.submit(of_draft(draft("after"))).await.unwrap_err();
    assert_eq!(reason(&status), "TOKEN_REVOKED");
    stubs
        .submit(of_draft(draft("the first token is as it was")))
        .await
        .unwrap();
}

/// Registers a token that the operator's command could not make: it counts in days.
async fn register(folder: &Folder, token: &Token, expires: &str) {
    let socket = admin_socket(folder);
    let channel = tonic::transport::Endpoint::try_from(format!("unix://{}", socket.display())).unwrap();
    let mut operator = OperatorClient::new(channel.connect().await.expect("the operator's socket"));
    let request = v1::IssueTokenRequest {
        organization: ORGANIZATION.to_owned(),
        member: MEMBER.to_owned(),
        token_sha256: token.sha256().as_bytes().to_vec().into(),
        expires: expires.to_owned(),
    };
    operator.issue_token(request).await.unwrap();
}

fn admin_socket(folder: &Folder) -> std::path::PathBuf {
    use std::os::unix::fs::FileTypeExt as _;
    let is_socket =
        |path: &std::path::Path| std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let mut folders = vec![folder.dir().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if is_socket(&path) {
                return path;
            }
        }
    }
    panic!("no socket below {}", folder.dir().display());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_organisations_rate_is_refused_with_a_delay_and_the_others_go_on() {
    let folder = Folder::new();
    folder.set("limits.organization.records_per_second", "2");
    folder.set("limits.organization.burst_records", "1000");
    let server = folder.start();
    let (_, zenith) = folder.enrol("zenith", "m-9");
    let stubs = Stubs::connect(&server, folder.token()).await;
    let message: Vec<_> = (0..1_000)
        .map(|number| of_draft(draft(&format!("burst {number}"))))
        .collect();
    stubs.submit_message(message.clone()).await.unwrap();
    let size = stubs.log_size().await;
    for status in [
        stubs.submit(of_draft(draft("too much"))).await.unwrap_err(),
        stubs
            .submit_message(vec![of_draft(draft("too much"))])
            .await
            .unwrap_err(),
    ] {
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::ResourceExhausted, "RATE_LIMIT"),
            "{status:?}"
        );
        let delay = status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay)
            .expect("a delay");
        assert!(delay <= Duration::from_millis(600), "{delay:?}");
    }
    assert_eq!(stubs.log_size().await, size);
    let other = v1::Draft {
        register: "trial:NCT00000002".to_owned(),
        ..draft("of zenith")
    };
    stubs.as_if(Some(&zenith)).submit(of_draft(other)).await.unwrap();
    // Told when to come back, and served then.
    let status = stubs.submit(of_draft(draft("again"))).await.unwrap_err();
    tokio::time::sleep(status.get_details_retry_info().unwrap().retry_delay.unwrap()).await;
    stubs.submit(of_draft(draft("again"))).await.unwrap();
    // More at once than ever possible is no matter of waiting.
    let metrics = trialseal_tests::http::get(server.http, "/metrics");
    let counted = metrics
        .text()
        .lines()
        .any(|line| line.contains("refusals") && line.contains("RATE_LIMIT"));
    assert!(counted, "{}", metrics.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_is_bounded() {
    let folder = Folder::new();
    folder.set("limits.organization.in_flight_records", "1000");
    let server = folder.start();
    let stubs = Stubs::connect(&server, folder.token()).await;
    let mut messages = JoinSet::new();
    for message in 0..12 {
        let stubs = stubs.clone();
        messages.spawn(async move {
            let drafts = (0..600).map(|number| of_draft(draft(&format!("{message} {number}"))));
            stubs.submit_message(drafts.collect()).await
        });
    }
    let mut taken = 0;
    for answer in messages.join_all().await {
        match answer {
            Ok(answer) => taken += answer.outcomes.len(),
            Err(status) => {
                assert_eq!(
                    (status.code(), reason(&status).as_str()),
                    (Code::ResourceExhausted, "IN_FLIGHT"),
                    "{status:?}"
                );
                assert!(
                    status
                        .get_details_retry_info()
                        .is_some_and(|info| info.retry_delay.is_some())
                );
            }
        }
    }
    assert!((600..12 * 600).contains(&taken), "{taken}");
    assert_eq!(
        stubs.log_size().await,
        server.size + taken as u64,
        "what was refused is not stored"
    );
    // Nothing leaks: all of it is free again.
    stubs
        .submit_message(
            (0..1_000)
                .map(|number| of_draft(draft(&format!("last {number}"))))
                .collect(),
        )
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_records_from_the_first_index_on() {
    let folder = Folder::new();
    let server = folder.start();
    let client = caller::client(&folder, &server).await;
    let register = format!("org:{ORGANIZATION}").parse().unwrap();
    let listed = client
        .list(&register, &trialseal::ListFilter::default(), None)
        .await
        .unwrap();
    assert_eq!(listed.records.first().map(|record| record.index.get()), Some(1));
    for record in &listed.records {
        let receipt = client
            .receipt(&trialseal::RecordPlace::Index(record.index))
            .await
            .unwrap();
        let what = What::parse(receipt.record().what.shown().unwrap().text.as_bytes()).unwrap();
        assert!(what.account.is_some());
        assert_eq!(record.member, "operator");
    }
    // The token's hash is on record, the token nowhere.
    let token = folder.token().to_text();
    let hex = token.strip_prefix("trialseal_").unwrap().as_bytes().to_vec();
    for (path, bytes) in folder.files_below("data") {
        assert!(
            !bytes.windows(hex.len()).any(|window| window == hex),
            "{}",
            path.display()
        );
    }
}

/// Alice keeps the accounts of acme from her first signature there; what a colleague may do in a
/// register is another matter, of grants.
#[tokio::test(flavor = "multi_thread")]
async fn administrators_enrol_and_colleagues_act_by_grants() {
    let folder = Folder::new();
    let server = folder.start();
    let client = caller::client(&folder, &server).await;
    let alice = caller::signatory(&client, folder.key()).await;
    let stubs = Stubs::connect(&server, folder.token()).await;
    let refused = |answer: Result<v1::SubmitResponse, Status>| reason(&answer.unwrap_err());
    let by_alice = |submission| caller::signed(&client, &alice, Role::Sponsor, submission);

    // The operator enrols until she signs, and a key of her making is pending.
    folder.must_operate(&["member", "add", ORGANIZATION, "m-1"]);
    let name: MemberName = format!("{ORGANIZATION}/m-2").parse().unwrap();
    let key = notary::member_key(ORGANIZATION, "m-2", &[9; 32]);
    let token = Token::generate().unwrap();
    let expires = trialseal::now().plus_millis(3_600_000);
    for enrols in [
        records::enrol_member(&name, SignerKind::Person, Vec::new()),
        records::enrol_key(key.verifier().clone()).unwrap(),
        records::enrol_token(&name, token.sha256(), expires),
    ] {
        stubs.submit(by_alice(enrols)).await.unwrap();
    }
    let late = folder.operator(&["member", "add", ORGANIZATION, "m-3"]);
    let said = programs::said(&late);
    assert!(
        !late.status.success() && said.contains("keeps its own accounts"),
        "{said}"
    );

    let own = stubs.as_if(Some(&token));
    let bobs = caller::connect(&folder, &server, &token).await.unwrap();
    let bob = caller::signatory(&bobs, key).await;
    let as_bob = |role, submission| caller::signed(&bobs, &bob, role, submission);
    let event = || caller::event("a site's day");
    assert_eq!(
        refused(own.submit(as_bob(Role::Sponsor, event())).await),
        "KEY_UNCONFIRMED"
    );
    let register = format!("org:{ORGANIZATION}").parse().unwrap();
    let enrolment = records::Target {
        record: bob.enrolment.record,
        index: bob.enrolment.index,
        log: client.log().clone(),
        register,
        class: Class::Member,
        event: Event::Registered,
        version: None,
        scope: None,
        manifest: None,
    };
    let confirms = || records::confirm_key(&enrolment);
    assert_eq!(refused(stubs.submit(by_alice(confirms())).await), "ACCOUNT");
    own.submit(as_bob(Role::Sponsor, confirms())).await.unwrap();
    let enrols = records::enrol_member(&"acme/m-4".parse().unwrap(), SignerKind::Person, Vec::new());
    assert_eq!(
        refused(own.submit(as_bob(Role::Sponsor, enrols)).await),
        "NOT_ADMINISTRATOR"
    );

    // One organisation, and yet a register is closed to him until a grant, and after its end.
    stubs.submit(by_alice(event())).await.unwrap();
    assert_eq!(
        refused(own.submit(of_draft(draft("a colleague's"))).await),
        "NO_ROLE"
    );
    let grant = || caller::grant(&name.to_string(), Role::Monitor);
    assert_eq!(
        refused(own.submit(as_bob(Role::Monitor, grant())).await),
        "NO_ROLE"
    );
    stubs.submit(by_alice(grant())).await.unwrap();
    own.submit(of_draft(draft("a monitor's"))).await.unwrap();
    let kept = as_bob(Role::Monitor, event());
    own.submit(kept.clone()).await.unwrap();
    assert_eq!(
        refused(own.submit(as_bob(Role::Sponsor, event())).await),
        "NO_ROLE"
    );
    let lock = v1::Draft {
        class: "dataset".to_owned(),
        event: "soft-lock".to_owned(),
        ..draft("a monitor does not lock")
    };
    assert_eq!(refused(own.submit(of_draft(lock)).await), "ROLE_MAY_NOT");
    let given = records::grant_of(&name, Role::Monitor, Blind::Blinded);
    let ends = records::revoke_grant(caller::REGISTER.parse().unwrap(), given);
    stubs.submit(by_alice(ends)).await.unwrap();
    assert_eq!(
        refused(own.submit(of_draft(draft("after the end"))).await),
        "NO_ROLE"
    );
    // What he put on record while he might is found again with the same bytes.
    assert!(own.submit(kept).await.unwrap().repeated);
    // A restart forgets none of it, and an audit judges all of it again.
    server.terminate();
    let server = folder.start();
    let own = Stubs::connect(&server, &token).await;
    assert_eq!(
        refused(own.submit(of_draft(draft("after the end"))).await),
        "NO_ROLE"
    );
    server.terminate();
    let audit = folder.must_operate(&["audit"]);
    assert!(audit.contains("CLEAN"), "{audit}");
}
