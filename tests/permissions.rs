//! Who may do what and see what, against a notary as a process: every role and every way to write or
//! to read. What is not for a role is searched for by planted values in every byte that it is told,
//! and in what the process logs and measures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use trialseal::{
    Class, Client, ClientError, Event, ListFilter, Meaning, ReadRange, RecordPlace, Role, Signatory,
    Submission, records,
};
use trialseal_core::authority;
use trialseal_core::identifiers::{MemberName, RegisterName};
use trialseal_core::index::Sequence;
use trialseal_core::record::{CountrySettings, Grant, Scope, Scopes, SiteSettings, TrialSettings};
use trialseal_core::vocabulary::Blind;
use trialseal_tests::notary::{Folder, Server, member_key};
use trialseal_tests::{caller, http};

const REGISTER: &str = "trial:NCT04573309";
const OPEN: &str = "planted-open-4471";
const SEALED: &str = "planted-sealed-9036";
const ELSEWHERE: &str = "planted-elsewhere-2258";
const WRITTEN: &str = "planted-written-6613";
const REFUSED: &str = "planted-refused-7190";
const SIGNER: &str = "Planted Signer 3307";

/// Somebody with an account, and what it may see.
struct Person {
    name: MemberName,
    client: Client,
    signatory: Signatory,
    role: Option<Role>,
    blind: Blind,
    scope: Option<Scope>,
}

impl Person {
    /// Somebody who works in the trial sees what is open; what is sealed only unblinded; what is
    /// about another site only with a grant that covers it.
    fn sees(&self, planted: &str) -> bool {
        let works = self
            .role
            .is_some_and(|role| !matches!(role, Role::Participant | Role::Public));
        works
            && match planted {
                SEALED => self.blind == Blind::Unblinded,
                ELSEWHERE => self.scope.is_none(),
                _ => true,
            }
    }
}

fn register() -> RegisterName {
    REGISTER.parse().unwrap()
}

fn site(code: &str) -> Scope {
    Scope::Only(Box::new(Scopes {
        sites: vec![code.parse().unwrap()],
        ..Scopes::default()
    }))
}

async fn enrol(folder: &Folder, server: &Server, organization: &str, role: Option<Role>) -> Person {
    let kind = match role {
        Some(Role::EthicsBoard) => "ethics-board",
        Some(Role::Authority) => "authority",
        Some(Role::Dsmb) => "dsmb",
        _ => "other",
    };
    folder.must_operate(&["organization", "add", organization, "--kind", kind]);
    let key = member_key(organization, "m-1", &rand::random());
    let vkey = key.verifier().to_string();
    folder.must_operate(&["member", "add", organization, "m-1", "--key", &vkey]);
    let token = folder.issue_token(organization, "m-1", 1);
    let client = caller::connect(folder, server, &token).await.unwrap();
    let mut signatory = caller::signatory(&client, key).await;
    signatory.name = SIGNER.to_owned();
    Person {
        name: format!("{organization}/m-1").parse().unwrap(),
        client,
        signatory,
        role,
        blind: Blind::Blinded,
        scope: None,
    }
}

async fn put(person: &Person, submission: Submission) -> Result<(), ClientError> {
    let signed = submission
        .sign(&person.signatory, person.client.log(), trialseal::now())
        .expect("it is well-formed");
    person.client.submit(&signed).await.map(drop)
}

fn event(class: Class, event: Event, role: Role, planted: &str) -> Submission {
    Submission::new(register(), class, event)
        .signed_as(role, Meaning::Responsibility)
        .reason(planted)
}

/// A register with one of each role, an unblinded statistician, an investigator of one site, and
/// somebody without a role; sealed and unsealed records.
async fn trial(folder: &Folder, server: &Server) -> Vec<Person> {
    let mut people = Vec::new();
    for role in Role::ALL {
        people.push(enrol(folder, server, &format!("o-{role}"), Some(*role)).await);
    }
    let mut unblinded = enrol(folder, server, "o-unblinded", Some(Role::Statistician)).await;
    unblinded.blind = Blind::Unblinded;
    let mut local = enrol(folder, server, "o-site", Some(Role::Investigator)).await;
    local.scope = Some(site("101"));
    people.extend([unblinded, local, enrol(folder, server, "o-outside", None).await]);
    let sponsor = &people[0];
    assert_eq!(sponsor.role, Some(Role::Sponsor));
    let opened = records::register_trial(register(), Vec::new()).signed_usually(Role::Sponsor);
    put(sponsor, opened).await.unwrap();
    let settings = TrialSettings {
        blinding: None,
        countries: vec![CountrySettings {
            country: "DE".parse().unwrap(),
            decisions: vec![Class::Opinion],
        }],
        sites: ["101", "202"]
            .map(|code| SiteSettings {
                site: code.parse().unwrap(),
                country: "DE".parse().unwrap(),
                tz: "Europe/Berlin".parse().unwrap(),
                board: None,
            })
            .to_vec(),
    };
    let set = records::set_up_trial(register(), settings).signed_usually(Role::Sponsor);
    put(sponsor, set).await.unwrap();
    for person in &people[1..] {
        let Some(role) = person.role else { continue };
        let grant = records::grant_of(&person.name, role, person.blind);
        put(sponsor, granted(grant, person.scope.clone())).await.unwrap();
    }
    let plant = |class, what, planted: &str| {
        event(class, what, Role::Sponsor, planted).version(planted.parse().unwrap())
    };
    put(sponsor, plant(Class::Dataset, Event::DataCut, OPEN))
        .await
        .unwrap();
    put(sponsor, plant(Class::RandomisationList, Event::Drafted, SEALED))
        .await
        .unwrap();
    let elsewhere = plant(Class::DeviationReport, Event::Drafted, ELSEWHERE);
    put(sponsor, elsewhere.with(|what| what.scope = Some(site("202"))))
        .await
        .unwrap();
    people
}

fn granted(grant: Grant, scope: Option<Scope>) -> Submission {
    records::grant(register(), grant, scope, None).signed_usually(Role::Sponsor)
}

/// The operations that are tried, in each role.
const OPERATIONS: [(Class, Event); 12] = [
    (Class::Dataset, Event::DataCut),
    (Class::Dataset, Event::SoftLock),
    (Class::Dataset, Event::Endorsed),
    (Class::Consent, Event::ConsentGiven),
    (Class::Trial, Event::Ended),
    (Class::Trial, Event::FirstParticipantIn),
    (Class::Trial, Event::Archived),
    (Class::TreatmentAssignment, Event::CodeBroken),
    (Class::DsmbRecommendation, Event::Drafted),
    (Class::Program, Event::Executed),
    (Class::ProductBatch, Event::Released),
    (Class::Opinion, Event::Reported),
];

/// Whether the notary does what authority says, and stores nothing else; what it told whom it
/// refused.
async fn try_to_write(people: &[Person]) -> Vec<String> {
    let mut told = Vec::new();
    for person in people {
        let role = person.role.unwrap_or(Role::Monitor);
        for (class, what) in OPERATIONS {
            let may = person.role.is_some() && authority::may(role, class, what);
            let planted = if may { WRITTEN } else { REFUSED };
            let answer = put(person, event(class, what, role, planted)).await;
            match answer {
                Ok(()) => assert!(may, "{} as {role}: {class} {what}", person.name),
                Err(ClientError::NotAllowed { reason, message }) => {
                    assert!(!may, "{} as {role}: {class} {what}: {message}", person.name);
                    assert!(["ROLE_MAY_NOT", "NO_ROLE"].contains(&reason.as_str()), "{reason}");
                    told.push(message);
                }
                Err(other) => panic!("{} as {role}: {class} {what}: {other:?}", person.name),
            }
        }
        // Only a sponsor grants what it does not hold itself.
        let grant = records::grant_of(&"o-outside/m-1".parse().unwrap(), Role::Public, Blind::Blinded);
        let submission = records::grant(register(), grant, None, None)
            .signed_as(role, Meaning::Authorisation)
            .reason(REFUSED);
        if person.role != Some(Role::Sponsor) {
            let refused = put(person, submission).await.unwrap_err();
            assert!(matches!(refused, ClientError::NotAllowed { .. }), "{refused:?}");
            told.push(refused.to_string());
        }
        // Nobody signs in a role that it does not hold.
        if role != Role::Sponsor {
            let refused = put(person, event(Class::Trial, Event::Ended, Role::Sponsor, REFUSED)).await;
            let refused = refused.unwrap_err();
            assert!(matches!(refused, ClientError::NotAllowed { .. }), "{refused:?}");
            told.push(refused.to_string());
        }
    }
    told
}

/// Everything that the notary tells somebody about the register, by every call that tells
/// something; and how many of the calls were answered.
async fn read_all(person: &Person, planted: RangeInclusive<u64>) -> (String, usize) {
    let mut told = String::new();
    let mut answered = 0;
    let mut tell = |what: Result<String, ClientError>| {
        answered += usize::from(what.is_ok());
        let text = what.unwrap_or_else(|refused| format!("{refused} {refused:?}"));
        writeln!(told, "{text}").unwrap();
    };
    let client = &person.client;
    let register = register();
    let list = |filter: ListFilter| {
        let register = register.clone();
        async move {
            client
                .list(&register, &filter, None)
                .await
                .map(|page| format!("{page:?}"))
        }
    };
    tell(list(ListFilter::default()).await);
    for planted in [OPEN, SEALED, ELSEWHERE] {
        // A filter that finds what is withheld would tell it bit by bit.
        let by_reason = ListFilter {
            why: Some(planted.to_owned()),
            ..ListFilter::default()
        };
        let found = client.list(&register, &by_reason, None).await;
        let found = found.map(|page| page.records.len()).unwrap_or_default();
        assert_eq!(
            found > 0,
            person.sees(planted),
            "{} looks for {planted}",
            person.name
        );
    }
    let range = ReadRange {
        from: Some(Sequence::new(*planted.start()).unwrap()),
        until: Some(Sequence::new(*planted.end()).unwrap()),
        accounts: true,
    };
    for sequence in planted {
        let place = RecordPlace::Position(register.clone(), Sequence::new(sequence).unwrap());
        let receipt = client.receipt(&place).await;
        tell(receipt.map(|receipt| receipt.to_json_pretty()));
    }
    tell(bulk(client, &register, range).await);
    tell(client.roles(&register).await.map(|roles| format!("{roles:?}")));
    tell(
        client
            .pending_acts(&register)
            .await
            .map(|acts| format!("{acts:?}")),
    );
    tell(
        client
            .reads(&register, None)
            .await
            .map(|reads| format!("{reads:?}")),
    );
    tell(
        client
            .register_statement(&register, false)
            .await
            .map(|stated| format!("{stated:?}")),
    );
    (told, answered)
}

async fn bulk(client: &Client, register: &RegisterName, range: ReadRange) -> Result<String, ClientError> {
    let mut reader = client.read_register(register, range).await?;
    let mut told = String::new();
    while let Some(record) = reader.next().await? {
        told.push_str(&record.receipt.to_json_pretty());
    }
    Ok(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_does_and_sees_what_it_may_and_nothing_else() {
    let folder = Folder::new();
    folder.set("log.level", "\"trace\"");
    let server = folder.start();
    let people = trial(&folder, &server).await;
    let refusals = try_to_write(&people).await;
    server.await_listing();
    // Behind the registration, the settings and the grants; and the first that were written.
    let granted = people
        .iter()
        .skip(1)
        .filter(|person| person.role.is_some())
        .count() as u64;
    let planted = granted + 3..=granted + 8;
    let mut outside = String::new();
    for person in &people {
        let (told, answered) = read_all(person, planted.clone()).await;
        for planted in [OPEN, SEALED, ELSEWHERE, WRITTEN] {
            let expected = person.sees(planted);
            assert_eq!(told.contains(planted), expected, "{} and {planted}", person.name);
        }
        assert_eq!(told.contains(SIGNER), person.sees(OPEN), "{}", person.name);
        assert!(
            !told.contains(REFUSED),
            "what was refused is nowhere: {}",
            person.name
        );
        if person.role.is_none() {
            assert_eq!(answered, 0, "nothing is answered: {told}");
            outside.push_str(&told);
        }
    }
    let mut places: Vec<(String, String)> = refusals
        .into_iter()
        .map(|message| ("a refusal".to_owned(), message))
        .collect();
    places.push(("what an outsider is told".to_owned(), outside));
    for path in ["/healthz", "/metrics"] {
        places.push((path.to_owned(), http::get(server.http, path).text().to_owned()));
    }
    let log = server.said();
    assert!(log.contains("TRACE"), "everything is logged that ever is");
    places.push(("the log of the process".to_owned(), log));
    for (place, text) in &places {
        for planted in [OPEN, SEALED, ELSEWHERE, WRITTEN, REFUSED, SIGNER] {
            assert!(!text.contains(planted), "{planted} is in {place}");
        }
    }
}
