//! What each role is shown, by every call that shows something; openings; statements; the log of reads.

use tokio_stream::StreamExt as _;
use trialseal_core::{
    checkpoint::Origin,
    hash::{Hash, RecordId, Salt, sha256},
    identifiers::VersionCode,
    index::LogIndex,
    manifest::{FileDigests, Item, ItemPath, Manifest, Opening},
    receipt::{Evidence, Receipt, ReceiptPart, ReceiptRecord, ReceiptSubmission, ShownPart},
    record::{Grant, Link, Scope, Scopes, What},
    register_statement::{RegisterStatement, ShownLine},
    trust::Trust,
    verify::{FileQuery, Outcome, Step, StepResult, verify},
    vocabulary::{Blind, Class, Event, Rel, Role},
};
use trialseal_proto::v1::{notary_server::Notary as _, registers_server::Registers as _};

use super::{super::NotaryService, openings::Upload, *};
use crate::{
    notary::Answer,
    testing::{Person, Served, Signing, TestLog},
};

mod directory;

const REGISTER: &str = "trial:NCT04573309";
/// What must not be seen by those from whom it is sealed.
const SECRET: &str = "planted-code";

/// A register with people in several roles, served.
struct Case {
    log: TestLog,
    served: Served,
    people: Vec<Person>,
    number: std::cell::Cell<u64>,
}

const SPONSOR: usize = 0;
const PROVIDER: usize = 1;
const BLINDED: usize = 2;
const UNBLINDED: usize = 3;
const SITE: usize = 4;
const PUBLIC: usize = 5;
const INSPECTOR: usize = 6;
const OUTSIDER: usize = 7;

fn register() -> trialseal_core::identifiers::RegisterName {
    REGISTER.parse().unwrap()
}

fn site(code: &str) -> Scope {
    Scope::Only(Box::new(Scopes {
        sites: vec![code.parse().unwrap()],
        ..Scopes::default()
    }))
}

fn manifest(salt: u8) -> Manifest {
    let item = |path: &str| {
        let digests = FileDigests {
            sha256: *sha256(path.as_bytes()).as_bytes(),
            sha512: [1; 64],
            size: 7,
        };
        (
            Salt::from_bytes([salt; 32]),
            Item::new(ItemPath::new(path).unwrap(), &digests),
        )
    };
    Manifest::new(["list.csv", "readme.txt"].map(item)).unwrap()
}

impl Case {
    async fn new() -> Self {
        let log = TestLog::real();
        log.create().unwrap();
        let served = log.serve();
        let names = [
            "sponsor",
            "provider",
            "blinded",
            "unblinded",
            "site",
            "public",
            "inspector",
            "outsider",
        ];
        let people: Vec<Person> = (1..)
            .zip(names)
            .map(|(seed, name)| Person::new(name, "m-1", seed))
            .collect();
        for person in &people {
            served.enrol(person).await;
        }
        let case = Self {
            log,
            served,
            people,
            number: std::cell::Cell::new(0),
        };
        case.record(
            SPONSOR,
            Role::Sponsor,
            What::new(register(), Class::Trial, Event::Registered),
        )
        .await;
        let all = || Scope::All;
        case.grant(PROVIDER, Role::RandomisationProvider, Blind::Unblinded, all())
            .await;
        case.grant(BLINDED, Role::Statistician, Blind::Blinded, all())
            .await;
        case.grant(UNBLINDED, Role::Statistician, Blind::Unblinded, all())
            .await;
        case.grant(SITE, Role::Investigator, Blind::Blinded, site("site-1"))
            .await;
        case.grant(PUBLIC, Role::Public, Blind::Blinded, all()).await;
        case.grant(INSPECTOR, Role::Inspector, Blind::Blinded, all())
            .await;
        case
    }

    fn notary(&self) -> &Arc<Notary> {
        &self.served.notary
    }

    async fn grant(&self, to: usize, role: Role, blind: Blind, scope: Scope) {
        let mut what = What::new(register(), Class::Grant, Event::Granted);
        what.scope = Some(scope);
        what.grant = Some(Grant {
            organization: self.people[to].organization.clone(),
            member: self.people[to].member.clone(),
            role,
            blind,
            expires: None,
        });
        self.record(SPONSOR, Role::Sponsor, what).await;
    }

    /// Puts something on record; its place, as the services name it.
    async fn record(&self, by: usize, role: Role, what: What) -> v1::RecordRef {
        let notary = self.notary();
        let accounts = notary.accounts();
        self.number.set(self.number.get() + 1);
        let signing = Signing {
            origin: &notary.origin,
            accounts: &accounts,
            now: notary.now(),
        };
        let prepared = signing.sign(&self.people[by], role, &what, self.number.get());
        let caller = self.people[by].caller();
        let admitted = notary.admission(&accounts).prepared(&caller, prepared).unwrap();
        let room = notary.room(1, admitted.bytes() as u64).unwrap();
        let answer = notary
            .submit(vec![Ok(admitted)], room)
            .await
            .unwrap()
            .pop()
            .unwrap();
        let Answer::Sealed { sealed, position } = answer else {
            panic!("{answer:?}")
        };
        let proven = notary.prove_sealed(&sealed, position).unwrap();
        v1::RecordRef {
            log: notary.origin.to_string(),
            index: proven.index.get(),
            record: prost::bytes::Bytes::copy_from_slice(proven.record.leaves().root().as_bytes()),
        }
    }

    /// A sealed list with a manifest, and a document of one site.
    async fn records(&self) -> (v1::RecordRef, v1::RecordRef) {
        let mut list = What::new(register(), Class::RandomisationList, Event::Finalised);
        list.version = Some(VersionCode::new(SECRET).unwrap());
        list.manifest = Some(manifest(1).commitment());
        let list = self.record(PROVIDER, Role::RandomisationProvider, list).await;
        let mut document = What::new(register(), Class::Correspondence, Event::Recorded);
        document.scope = Some(site("site-2"));
        document.version = Some(VersionCode::new("site-version").unwrap());
        (list, self.record(SPONSOR, Role::Sponsor, document).await)
    }

    async fn opened(&self, list: &v1::RecordRef, to: &str, manifest: &Manifest) -> v1::RecordRef {
        let mut what = What::new(register(), Class::RandomisationList, Event::Opened);
        what.manifest = Some(manifest.commitment());
        what.affects = vec![to.parse().unwrap()];
        what.links = vec![Link {
            rel: Rel::CertifiedCopyOf,
            record: RecordId::from_hash(Hash::from_slice(&list.record).unwrap()),
            index: LogIndex::new(list.index).unwrap(),
            log: None,
        }];
        self.record(PROVIDER, Role::RandomisationProvider, what).await
    }

    fn put(&self, by: usize, opened: &v1::RecordRef, manifest: &Manifest) -> Result<Vec<String>, Refusal> {
        let items = manifest.items().iter().map(|item| (item.salt, item.text.clone()));
        let upload = Upload::new(opened.clone(), items.collect());
        openings::put(self.notary(), &self.people[by].caller(), upload).map(|answer| answer.opened_to)
    }

    fn request<T>(&self, by: usize, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = format!(
            "Bearer {}{}",
            super::super::TOKEN_PREFIX,
            Hash::from_bytes(self.people[by].token)
        );
        request
            .metadata_mut()
            .insert("authorization", token.parse().unwrap());
        request
    }

    fn registers(&self) -> RegistersService {
        RegistersService::new(Arc::clone(self.notary()))
    }

    fn service(&self) -> NotaryService {
        NotaryService {
            notary: Arc::clone(self.notary()),
        }
    }

    async fn read(&self, by: usize) -> Result<Vec<v1::ReadRegisterResponse>, Status> {
        let request = v1::ReadRegisterRequest {
            register: REGISTER.to_owned(),
            ..v1::ReadRegisterRequest::default()
        };
        let answers = self
            .registers()
            .read_register(self.request(by, request))
            .await?
            .into_inner();
        answers.collect::<Vec<_>>().await.into_iter().collect()
    }

    async fn list(&self, by: usize, change: impl Fn(&mut v1::ListRecordsRequest)) -> Vec<v1::RecordSummary> {
        let mut request = v1::ListRecordsRequest {
            register: REGISTER.to_owned(),
            ..v1::ListRecordsRequest::default()
        };
        change(&mut request);
        let answer = self.service().list_records(self.request(by, request)).await;
        answer.unwrap().into_inner().records
    }

    async fn receipt(&self, by: usize, record: &v1::RecordRef) -> Result<v1::GetReceiptResponse, Status> {
        let request = v1::GetReceiptRequest {
            record: Some(v1::get_receipt_request::Record::Index(record.index)),
            ..v1::GetReceiptRequest::default()
        };
        let answer = self.service().get_receipt(self.request(by, request)).await;
        answer.map(Response::into_inner)
    }

    async fn get_opening(
        &self,
        by: Option<usize>,
        record: &v1::RecordRef,
    ) -> Result<Vec<v1::OpenedItem>, Status> {
        let message = v1::GetOpeningRequest {
            index: record.index,
            log: String::new(),
        };
        let request = match by {
            Some(by) => self.request(by, message),
            None => Request::new(message),
        };
        let messages = self.registers().get_opening(request).await?.into_inner();
        let messages = messages.collect::<Vec<_>>().await;
        Ok(messages
            .into_iter()
            .flat_map(|message| message.unwrap().items)
            .collect())
    }

    async fn find(&self, by: usize, path: &str) -> usize {
        let request = v1::FindFileRequest {
            register: REGISTER.to_owned(),
            sha256: prost::bytes::Bytes::copy_from_slice(sha256(path.as_bytes()).as_bytes()),
        };
        let found = self.registers().find_file(self.request(by, request)).await;
        found.map_or(0, |found| found.into_inner().found.len())
    }

    async fn reads(&self, by: usize) -> v1::ListReadsResponse {
        let request = v1::ListReadsRequest {
            register: REGISTER.to_owned(),
            page_token: String::new(),
        };
        let answer = self.registers().list_reads(self.request(by, request)).await;
        answer.unwrap().into_inner()
    }

    fn trust(&self) -> Trust {
        let [ed25519, mldsa] = self.log.keys();
        let text = format!(
            "[[log]]\norigin = \"{}\"\ned25519 = \"{ed25519}\"\nmldsa = \"{mldsa}\"\nfrom = \"2020-01-01T00:00:00Z\"\n",
            self.notary().origin
        );
        Trust::parse(&text).unwrap()
    }

    /// Nothing about the receipt fails, and all that is shown of it passes: of what is withheld, the signature
    /// cannot be checked.
    fn passes(&self, receipt: v1::Receipt, whole: bool) {
        let text = receipt_of(receipt).to_json_pretty();
        let report = verify(
            text.as_bytes(),
            &self.trust(),
            self.notary().now(),
            &FileQuery::None,
        );
        let expected = if whole {
            Outcome::Passed
        } else {
            Outcome::Indeterminate
        };
        assert_eq!(report.outcome, expected, "{:?}", report.steps);
        let not_passed = report
            .steps
            .iter()
            .filter(|step| step.result != StepResult::Passed);
        let not_passed: Vec<_> = not_passed.map(|step| step.step).collect();
        let beside = [Step::Submission, Step::Witnesses, Step::Timestamps, Step::File];
        assert!(
            not_passed.iter().all(|step| beside.contains(step)),
            "{not_passed:?}"
        );
    }
}

fn receipt_of(receipt: v1::Receipt) -> Receipt {
    let shown = |part: v1::Part| ShownPart {
        salt: Salt::from_slice(&part.salt.unwrap()).unwrap(),
        text: part.text.unwrap(),
    };
    let part = |part: Option<v1::Part>| {
        let part = part.unwrap();
        match &part.withheld {
            Some(leaf) => ReceiptPart::Withheld(leaf.parse().unwrap()),
            None => ReceiptPart::Shown(shown(part)),
        }
    };
    let record = receipt.record.unwrap();
    let record = ReceiptRecord::new(
        part(record.what),
        part(record.who),
        part(record.why),
        shown(record.when.unwrap()),
    );
    let submission = receipt.submission.map(|submission| match submission.note {
        Some(note) => ReceiptSubmission::Note(note),
        None => ReceiptSubmission::Withheld(submission.withheld.unwrap().parse().unwrap()),
    });
    let evidence = receipt
        .evidence
        .into_iter()
        .map(|evidence| Evidence::new(evidence.proof));
    Receipt::new(record, submission, evidence.collect()).unwrap()
}

/// Whether somebody sees what was planted in the list, and in the document of site 2.
const SEES: [(usize, bool, bool); 7] = [
    (SPONSOR, false, true),
    (PROVIDER, true, true),
    (BLINDED, false, true),
    (UNBLINDED, true, true),
    (SITE, false, false),
    (PUBLIC, false, false),
    (INSPECTOR, false, true),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_call_shows_a_role_what_it_may_see_and_nothing_else() {
    let case = Case::new().await;
    let (list, document) = case.records().await;
    for (by, sees_list, sees_document) in SEES {
        let read = case.read(by).await.unwrap();
        assert_eq!(read.len(), 9, "{by} is shown that each record exists");
        let listed = case.list(by, |_| ()).await;
        assert_eq!(listed.len(), 9);
        let receipts = [
            case.receipt(by, &list).await.unwrap(),
            case.receipt(by, &document).await.unwrap(),
        ];
        for (planted, sees) in [(SECRET, sees_list), ("site-version", sees_document)] {
            for (call, text) in [
                ("read", format!("{read:?}")),
                ("list", format!("{listed:?}")),
                ("receipt", format!("{receipts:?}")),
            ] {
                assert_eq!(text.contains(planted), sees, "{by} {call} {planted}");
            }
        }
        if by == PUBLIC {
            for text in [
                format!("{read:?}"),
                format!("{listed:?}"),
                format!("{receipts:?}"),
            ] {
                assert!(!text.contains("A. Person") && !text.contains("m-1"), "{text}");
            }
        }
        for (answer, sees) in receipts.into_iter().zip([sees_list, sees_document]) {
            assert_eq!(answer.withheld.is_empty(), sees, "{by}");
            case.passes(answer.receipt.unwrap(), sees);
        }
        for record in read {
            case.passes(record.receipt.unwrap(), record.withheld.is_empty());
        }
        // No filter tells what is withheld.
        let by_version = case.list(by, |request| request.version = SECRET.to_owned()).await;
        assert_eq!(by_version.len(), usize::from(sees_list), "{by}");
        let by_who = case
            .list(by, |request| request.organization = "provider".to_owned())
            .await;
        assert_eq!(by_who.len(), usize::from(sees_list), "{by}");
    }
    // Whoever holds no role is not even told that there is something.
    let refused = case.receipt(OUTSIDER, &list).await.unwrap_err();
    let nowhere = v1::RecordRef {
        index: 9_999,
        ..list.clone()
    };
    assert_eq!(
        refused.message(),
        case.receipt(OUTSIDER, &nowhere).await.unwrap_err().message()
    );
    assert_eq!(
        case.read(OUTSIDER).await.unwrap_err().code(),
        tonic::Code::NotFound
    );
    case.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_sorted_by_what_is_shown() {
    let case = Case::new().await;
    case.records().await;
    let who = |records: &[v1::RecordSummary]| -> Vec<String> {
        records.iter().map(|record| record.organization.clone()).collect()
    };
    let by_who = case
        .list(UNBLINDED, |request| request.order = v1::ListOrder::Who as i32)
        .await;
    assert!(
        who(&by_who).is_sorted() && by_who.len() == 9,
        "{:?}",
        who(&by_who)
    );
    // Of the sealed one a blinded member does not learn whose it is: it comes last.
    let blinded = case
        .list(BLINDED, |request| request.order = v1::ListOrder::Who as i32)
        .await;
    assert_eq!(blinded.last().unwrap().organization, "");
    assert_eq!(blinded.last().unwrap().withheld, v1::Withheld::Sealed as i32);
    let back = case.list(UNBLINDED, |request| request.descending = true).await;
    let sequences: Vec<u64> = back.iter().map(|record| record.sequence).collect();
    assert_eq!(sequences, (1..=9).rev().collect::<Vec<_>>());
    let at_site = case
        .list(SPONSOR, |request| request.site = "site-1".to_owned())
        .await;
    assert!(at_site.iter().all(|record| record.version != "site-version"));
    let grants = case
        .list(SPONSOR, |request| request.class = "grant".to_owned())
        .await;
    assert_eq!(grants.len(), 6);
    // Pages put together are the whole, in every order and direction.
    for order in [
        v1::ListOrder::Unspecified,
        v1::ListOrder::What,
        v1::ListOrder::Who,
        v1::ListOrder::Why,
    ] {
        for descending in [false, true] {
            let set = |request: &mut v1::ListRecordsRequest| {
                request.order = order as i32;
                request.descending = descending;
            };
            let whole = case.list(UNBLINDED, set).await;
            let (mut pages, mut token) = (Vec::new(), String::new());
            loop {
                let mut request = v1::ListRecordsRequest {
                    register: REGISTER.to_owned(),
                    page_size: 2,
                    page_token: token,
                    ..v1::ListRecordsRequest::default()
                };
                set(&mut request);
                let answer = case
                    .service()
                    .list_records(case.request(UNBLINDED, request))
                    .await;
                let answer = answer.unwrap().into_inner();
                pages.extend(answer.records);
                token = answer.next_page_token;
                if token.is_empty() {
                    break;
                }
            }
            assert_eq!(pages, whole, "{order:?} {descending}");
        }
    }
    case.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_reaches_those_it_was_opened_to() {
    let case = Case::new().await;
    let (list, _) = case.records().await;
    let manifest = manifest(1);
    let opened = case.opened(&list, "inspector", &manifest).await;
    assert_eq!(case.find(INSPECTOR, "list.csv").await, 0);
    // Another manifest than the one on record, another record, another organisation.
    let other = super::tests::manifest(2);
    assert!(matches!(
        case.put(PROVIDER, &opened, &other),
        Err(Refusal::OpeningRefused(_))
    ));
    assert!(matches!(
        case.put(PROVIDER, &list, &manifest),
        Err(Refusal::OpeningRefused(_))
    ));
    assert!(matches!(
        case.put(UNBLINDED, &opened, &manifest),
        Err(Refusal::RecordNotFound)
    ));
    assert!(matches!(
        case.put(OUTSIDER, &opened, &manifest),
        Err(Refusal::RecordNotFound)
    ));
    assert_eq!(case.put(PROVIDER, &opened, &manifest).unwrap(), ["inspector"]);
    assert_eq!(
        case.put(PROVIDER, &opened, &manifest).unwrap(),
        ["inspector"],
        "once more"
    );
    for (by, sees) in [
        (INSPECTOR, true),
        (PROVIDER, false),
        (BLINDED, false),
        (SPONSOR, false),
        (OUTSIDER, false),
    ] {
        let got = case.get_opening(Some(by), &list).await;
        assert_eq!(got.is_ok(), sees, "{by}");
        if let Ok(items) = got {
            let items = items
                .into_iter()
                .map(|item| (Salt::from_slice(&item.salt).unwrap(), item.text));
            Opening::all(items)
                .unwrap()
                .verify(&manifest.commitment())
                .unwrap();
        }
        assert_eq!(case.find(by, "list.csv").await, usize::from(sees), "{by}");
        assert_eq!(case.find(by, "other.csv").await, 0);
        // The index can be deleted at any time.
        case.notary().listing.forget_digests(opened.index);
        assert_eq!(case.find(by, "readme.txt").await, usize::from(sees), "{by}");
    }
    assert!(case.get_opening(None, &list).await.is_err());
    // The inspector now sees the record that was sealed from him; nobody else does.
    assert!(case.receipt(INSPECTOR, &list).await.unwrap().withheld.is_empty());
    assert!(!case.receipt(BLINDED, &list).await.unwrap().withheld.is_empty());
    let public = case.opened(&list, "public", &manifest).await;
    case.put(PROVIDER, &public, &manifest).unwrap();
    assert_eq!(case.get_opening(None, &list).await.unwrap().len(), 2);
    let shown = case.receipt(PUBLIC, &list).await.unwrap();
    let record = shown.receipt.unwrap().record.unwrap();
    assert!(record.what.unwrap().text.is_some() && record.who.unwrap().withheld.is_some());
    // It is in the audit, and gone when it is erased.
    assert_eq!(case.log.audit().unwrap().openings, 2);
    case.notary()
        .openings
        .erase(crate::chain::Place::new(list.index))
        .unwrap();
    assert!(case.get_opening(Some(INSPECTOR), &list).await.is_err());
    assert_eq!(case.find(INSPECTOR, "list.csv").await, 0);
    assert_eq!(case.log.audit().unwrap().openings, 0);
    case.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_on_record_and_boards_are_not_watched() {
    let case = Case::new().await;
    let (list, document) = case.records().await;
    assert_eq!(case.log.audit().unwrap().reads, 0);
    // Nothing but `when` is shown: no read of what is not public.
    case.receipt(BLINDED, &list).await.unwrap();
    case.receipt(PUBLIC, &document).await.unwrap();
    assert_eq!(case.log.audit().unwrap().reads, 0);
    case.receipt(BLINDED, &document).await.unwrap();
    case.receipt(INSPECTOR, &document).await.unwrap();
    case.read(INSPECTOR).await.unwrap();
    case.list(UNBLINDED, |request| {
        request.class = "randomisation-list".to_owned()
    })
    .await;
    assert_eq!(
        case.log.audit().unwrap().reads,
        4,
        "each on record when it was answered"
    );
    let by_sponsor = case.reads(SPONSOR).await;
    let readers: Vec<_> = by_sponsor
        .reads
        .iter()
        .map(|read| read.organization.as_str())
        .collect();
    assert_eq!(readers, ["unblinded", "blinded"], "the newest first");
    assert_eq!(by_sponsor.reads[0].kind, "list");
    assert_eq!((by_sponsor.reads[0].from, by_sponsor.reads[0].shown), (8, 1));
    assert_eq!(by_sponsor.counts.len(), 1);
    assert_eq!(
        (by_sponsor.counts[0].role.as_str(), by_sponsor.counts[0].reads),
        ("inspector", 2)
    );
    let by_inspector = case.reads(INSPECTOR).await;
    let kinds: Vec<_> = by_inspector.reads.iter().map(|read| read.kind.as_str()).collect();
    assert_eq!(kinds, ["register", "receipt"]);
    assert!(by_inspector.counts.is_empty());
    assert!(case.reads(PUBLIC).await.reads.is_empty());
    case.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_made_on_demand_once_a_minute_and_verifies() {
    let case = Case::new().await;
    let get = async |by: usize, fresh: bool| {
        let request = v1::GetStatementRequest {
            register: REGISTER.to_owned(),
            fresh,
        };
        let answer = case.registers().get_statement(case.request(by, request)).await;
        answer.map(Response::into_inner)
    };
    let check = |answer: &v1::RegisterStatement, size: u64| {
        let lines = answer.lines.iter().map(|line| {
            let path = line
                .path
                .iter()
                .map(|hash| Hash::from_slice(hash).unwrap())
                .collect();
            ShownLine::parse(line.position, line.text.clone(), path).unwrap()
        });
        let evidence = answer
            .evidence
            .iter()
            .map(|evidence| Evidence::new(evidence.proof.clone()));
        let id = RecordId::from_hash(Hash::from_slice(&answer.id).unwrap());
        let statement = RegisterStatement::new(
            REGISTER,
            id,
            answer.statement.clone(),
            evidence.collect(),
            lines.collect(),
        );
        let report = statement.unwrap().verify(&case.trust(), case.notary().now());
        assert_eq!(report.outcome, Outcome::Passed, "{}", report.sentence);
        assert_eq!(report.line.unwrap().size.get(), size, "{}", report.sentence);
    };
    let first = get(SPONSOR, false).await.unwrap();
    check(&first, 7);
    assert_eq!(first.fresh_from, "");
    assert_eq!(get(SPONSOR, true).await.unwrap(), first, "nothing came since");
    case.records().await;
    let soon = get(PUBLIC, true).await.unwrap();
    assert_eq!(soon.statement, first.statement, "not twice in a minute");
    assert_ne!(soon.fresh_from, "");
    case.log.clock.set(case.log.clock_now().plus_millis(60_000));
    assert_eq!(
        get(SPONSOR, false).await.unwrap().statement,
        first.statement,
        "nobody asked"
    );
    let second = get(BLINDED, true).await.unwrap();
    check(&second, 9);
    assert_eq!(
        get(OUTSIDER, true).await.unwrap_err().code(),
        tonic::Code::NotFound
    );
    // A new process knows the lines of the last statement while nothing came since; else it makes a new one.
    let Case {
        log,
        served,
        people,
        number,
    } = case;
    served.stop().await;
    let case = Case {
        served: log.serve(),
        log,
        people,
        number,
    };
    let request = |fresh| v1::GetStatementRequest {
        register: REGISTER.to_owned(),
        fresh,
    };
    let answer = case
        .registers()
        .get_statement(case.request(SPONSOR, request(true)))
        .await
        .unwrap();
    assert_eq!(answer.into_inner().statement, second.statement);
    let origin: Origin = case.notary().origin.clone();
    assert_eq!(origin.as_str(), crate::testing::ORIGIN);
    case.served.stop().await;
}
