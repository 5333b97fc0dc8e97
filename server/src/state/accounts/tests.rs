use trialseal_core::note::{Ed25519SigningKey, KeyName};

use super::*;
use crate::codec::{Reader, Writer};

fn organization(name: &str) -> OrganizationId {
    name.parse().unwrap()
}

fn member(name: &str) -> MemberId {
    name.parse().unwrap()
}

fn key_of(name: &str, seed: u8) -> VerifierKey {
    let name = KeyName::new(&format!("acme/{name}")).unwrap();
    Ed25519SigningKey::from_seed(name, [seed; 32]).verifier().clone()
}

fn id(index: u64) -> RecordId {
    RecordId::from_hash(Hash::from_bytes([u8::try_from(index).unwrap(); 32]))
}

const LATER: i64 = 1_000;

/// The accounts, and the index of the next change.
struct Log {
    accounts: Accounts,
    next: u64,
}

impl Log {
    fn new() -> Self {
        Self {
            accounts: Accounts::default(),
            next: 1,
        }
    }

    fn change(&mut self, change: AccountChange, by: Author) -> Result<Enrolment, AccountError> {
        self.change_at(change, by, 0)
    }

    fn change_at(&mut self, change: AccountChange, by: Author, now: i64) -> Result<Enrolment, AccountError> {
        let record = AccountRecord { change, by };
        self.accounts.check(&record, Instant::from_millis(now))?;
        let (index, id) = (LogIndex::new(self.next).unwrap(), id(self.next));
        self.accounts.apply(index, id, &record);
        self.next += 1;
        assert_eq!(self.accounts.version(), self.next);
        self.stays_the_same_when_written_and_read();
        Ok(Enrolment { index, record: id })
    }

    fn by_operator(&mut self, change: AccountChange) -> Result<Enrolment, AccountError> {
        self.change(change, Author::Operator)
    }

    fn stays_the_same_when_written_and_read(&self) {
        let mut writer = Writer::default();
        self.accounts.encode(&mut writer);
        let bytes = writer.finish();
        let mut again = Writer::default();
        let decoded = Accounts::decode(&mut Reader::new(&bytes)).unwrap();
        decoded.encode(&mut again);
        assert_eq!(again.finish(), bytes);
        for length in 0..bytes.len() {
            assert!(Accounts::decode(&mut Reader::new(&bytes[..length])).is_err());
        }
    }
}

fn by(name: &str, seed: u8) -> Author {
    Author::Member {
        member: member(name),
        key: Box::new(key_of(name, seed)),
    }
}

fn acme() -> AccountChange {
    AccountChange::OrganizationRegistered {
        organization: organization("acme"),
        kind: OrganizationKind::Sponsor,
        grade: IdentityGrade::OperatorChecked,
        identifiers: vec!["lei:5493001KJTIIGC8Y1R12".parse().unwrap()],
    }
}

fn enrols(name: &str, kind: MemberKind) -> AccountChange {
    AccountChange::MemberRegistered {
        organization: organization("acme"),
        member: member(name),
        kind,
    }
}

fn keyed(name: &str, seed: u8) -> AccountChange {
    AccountChange::KeyRegistered {
        organization: organization("acme"),
        member: member(name),
        key: Box::new(key_of(name, seed)),
    }
}

fn confirmed(name: &str, seed: u8, enrolment: Enrolment) -> AccountChange {
    AccountChange::KeyConfirmed {
        organization: organization("acme"),
        member: member(name),
        key: Box::new(key_of(name, seed)),
        enrolment,
    }
}

fn token(name: &str, seed: u8) -> AccountChange {
    AccountChange::TokenRegistered {
        organization: organization("acme"),
        member: member(name),
        token: Hash::from_bytes([seed; 32]),
        expires: Instant::from_millis(LATER),
    }
}

fn revokes(name: &str) -> AccountChange {
    AccountChange::MemberRevoked {
        organization: organization("acme"),
        member: member(name),
    }
}

/// Acme with alice, whose key the operator enrolled, and her enrolment.
fn with_alice() -> (Log, Enrolment) {
    let mut log = Log::new();
    log.by_operator(acme()).unwrap();
    log.by_operator(enrols("alice", MemberKind::Person)).unwrap();
    let enrolment = log.by_operator(keyed("alice", 1)).unwrap();
    log.by_operator(token("alice", 1)).unwrap();
    (log, enrolment)
}

#[test]
fn each_change_is_accepted_once_and_only_in_its_place() {
    let changes = [
        acme(),
        enrols("alice", MemberKind::Person),
        keyed("alice", 1),
        token("alice", 7),
        revokes("alice"),
    ];
    let mut log = Log::new();
    for change in &changes {
        log.by_operator(change.clone()).unwrap();
        assert!(log.by_operator(change.clone()).is_err(), "{change:?} twice");
    }
    for change in changes.iter().skip(1) {
        assert!(Log::new().by_operator(change.clone()).is_err());
    }
    assert!(log.accounts.token(&Hash::from_bytes([7; 32])).unwrap().revoked);
    let (acme, alice) = (organization("acme"), member("alice"));
    assert!(log.accounts.member(&acme, &alice).is_none());
    assert_eq!(log.accounts.kind_of(&acme), Some(OrganizationKind::Sponsor));
}

#[test]
fn an_organisation_keeps_its_own_accounts_from_the_first_signature_of_an_administrator() {
    let (mut log, enrolment) = with_alice();
    // Nobody has signed: the operator goes on.
    log.by_operator(enrols("bob", MemberKind::Person)).unwrap();
    log.change(confirmed("alice", 1, enrolment), by("alice", 1))
        .unwrap();
    let refused = Err(AccountError::KeepsItsOwn(organization("acme")));
    for change in [
        enrols("carol", MemberKind::Person),
        keyed("bob", 2),
        token("bob", 2),
    ] {
        assert_eq!(log.by_operator(change).map(drop), refused);
    }
    log.change(keyed("bob", 2), by("alice", 1)).unwrap();
    log.change(token("bob", 2), by("alice", 1)).unwrap();
    // Revoking stays with the operator; without an administrator who can act, enrolling as well.
    assert!(
        log.accounts
            .keeps_its_own(&organization("acme"), Instant::from_millis(LATER - 1))
    );
    assert!(
        !log.accounts
            .keeps_its_own(&organization("acme"), Instant::from_millis(LATER))
    );
    log.by_operator(revokes("alice")).unwrap();
    log.by_operator(enrols("dora", MemberKind::Person)).unwrap();
}

#[test]
fn a_key_of_an_administrator_is_pending_until_it_confirms_itself() {
    let (mut log, _) = with_alice();
    log.change(enrols("bob", MemberKind::Person), by("alice", 1))
        .unwrap();
    let enrolment = log.change(keyed("bob", 2), by("alice", 1)).unwrap();
    let state = |log: &Log, name: &str, seed: u8| {
        let (acme, name) = (organization("acme"), member(name));
        log.accounts
            .key(&acme, &name, &key_of(name.as_str(), seed))
            .unwrap()
            .state
    };
    assert_eq!(
        state(&log, "alice", 1),
        KeyState::Confirmed,
        "by its first record here"
    );
    assert_eq!(state(&log, "bob", 2), KeyState::Pending);
    let not_that_key = Err(AccountError::NotThatKey(organization("acme"), member("bob")));
    let other = Enrolment {
        index: LogIndex::new(1).unwrap(),
        ..enrolment
    };
    for (change, signer) in [
        (confirmed("bob", 2, enrolment), by("alice", 1)),
        (confirmed("bob", 2, other), by("bob", 2)),
    ] {
        assert_eq!(log.change(change, signer).map(drop), not_that_key);
    }
    assert!(
        log.change(confirmed("bob", 2, enrolment), Author::Operator)
            .is_err()
    );
    log.change(confirmed("bob", 2, enrolment), by("bob", 2)).unwrap();
    assert_eq!(state(&log, "bob", 2), KeyState::Confirmed);
    assert!(
        log.change(confirmed("bob", 2, enrolment), by("bob", 2)).is_err(),
        "twice"
    );
    // Bob is enrolled by an administrator, and is none.
    let refused = log.change(enrols("carol", MemberKind::Person), by("bob", 2));
    assert_eq!(
        refused.map(drop),
        Err(AccountError::NotAdministrator(
            organization("acme"),
            member("bob")
        ))
    );
}

#[test]
fn an_administrators_new_key_signs_nothing_before_its_confirmation() {
    let (mut log, _) = with_alice();
    let enrolment = log.change(keyed("alice", 3), by("alice", 1)).unwrap();
    let early = log.change(enrols("bob", MemberKind::Person), by("alice", 3));
    assert_eq!(
        early.map(drop),
        Err(AccountError::KeyUnconfirmed(
            organization("acme"),
            member("alice")
        ))
    );
    log.change(confirmed("alice", 3, enrolment), by("alice", 3))
        .unwrap();
    let old = AccountChange::KeyRevoked {
        organization: organization("acme"),
        member: member("alice"),
        key: Box::new(key_of("alice", 1)),
    };
    log.change(old.clone(), by("alice", 3)).unwrap();
    assert!(log.change(old, by("alice", 3)).is_err(), "twice");
    assert!(
        log.change(enrols("bob", MemberKind::Person), by("alice", 1))
            .is_err(),
        "revoked"
    );
    assert_eq!(
        log.change(keyed("alice", 1), by("alice", 3)).map(drop),
        Err(AccountError::KeyExists),
        "keys are not used twice"
    );
    log.change(enrols("bob", MemberKind::Person), by("alice", 3))
        .unwrap();
}

#[test]
fn systems_and_members_without_a_key_of_the_operator_administer_nothing() {
    let (mut log, _) = with_alice();
    log.by_operator(enrols("pipe", MemberKind::System)).unwrap();
    log.by_operator(keyed("pipe", 4)).unwrap();
    for change in [
        enrols("bob", MemberKind::Person),
        revokes("alice"),
        token("pipe", 5),
    ] {
        let refused = log.change(change, by("pipe", 4)).map(drop);
        let expected = AccountError::NotAdministrator(organization("acme"), member("pipe"));
        assert_eq!(refused, Err(expected));
    }
    let other = AccountChange::OrganizationRegistered {
        organization: organization("acme"),
        kind: OrganizationKind::Other,
        grade: IdentityGrade::SelfAsserted,
        identifiers: Vec::new(),
    };
    assert_eq!(
        log.change(other, by("alice", 1)).map(drop),
        Err(AccountError::OperatorsAlone)
    );
}
