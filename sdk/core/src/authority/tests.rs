//! A register in a few lines, and what each rule says of it.

mod custody;
mod grants;
mod matrix;
mod snapshots;
mod table;

use crate::hash::{RecordId, sha256};
use crate::identifiers::{Code, MemberName, OrganizationId, RegisterName};
use crate::index::{LogIndex, Sequence};
use crate::note::VerifierKey;
use crate::record::{
    CountrySettings, Enrolment, Grant, Link, Scope, Scopes, Signer, SiteSettings, TrialSettings, What, Who,
};
use crate::time::Instant;
use crate::vocabulary::{Blind, Class, Event, Meaning, OrganizationKind, Rel, Role, SignerKind};

use super::{Act, Authority, Need, NotAllowed, Placed, Standing};

const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const START: i64 = 1_780_000_000_000;
pub(super) const HOUR: i64 = 3_600_000;

/// A register that is being written, one record an hour.
pub(super) struct Register {
    pub(super) authority: Authority,
    records: u64,
}

/// A submission that is being put together.
#[derive(Clone)]
pub(super) struct Say {
    pub(super) what: What,
    pub(super) who: Who,
}

/// `acme` opens the register; kinds of organisations follow from their names.
pub(super) fn kind_of(organization: &OrganizationId) -> Option<OrganizationKind> {
    Some(match organization.as_str() {
        "board" | "board-2" => OrganizationKind::EthicsBoard,
        "agency" => OrganizationKind::Authority,
        "monitors" => OrganizationKind::Dsmb,
        "acme" | "newco" => OrganizationKind::Sponsor,
        "cro" => OrganizationKind::Cro,
        "clinic" | "clinic-2" => OrganizationKind::Site,
        "unknown" => return None,
        _ => OrganizationKind::Other,
    })
}

pub(super) fn name(text: &str) -> MemberName {
    text.parse().unwrap()
}

pub(super) fn code(text: &str) -> Code {
    text.parse().unwrap()
}

pub(super) fn sites(codes: &[&str]) -> Scope {
    Scope::Only(Box::new(Scopes {
        sites: codes.iter().map(|text| code(text)).collect(),
        ..Scopes::default()
    }))
}

pub(super) fn countries(codes: &[&str]) -> Scope {
    Scope::Only(Box::new(Scopes {
        countries: codes.iter().map(|text| text.parse().unwrap()).collect(),
        ..Scopes::default()
    }))
}

pub(super) fn record_id(number: u64) -> RecordId {
    RecordId::from_hash(sha256(&number.to_be_bytes()))
}

/// A person's signed submission.
pub(super) fn say(who: &str, role: Role, class: Class, event: Event) -> Say {
    let name = name(who);
    let signer = Signer {
        name: "Printed Name".to_owned(),
        role,
        meaning: Meaning::Responsibility,
        kind: SignerKind::Person,
        key: VerifierKey::parse(KEY).unwrap(),
        signed_at: Instant::from_millis(START),
        enrolment: Enrolment {
            index: LogIndex::FIRST,
            record: record_id(0),
        },
    };
    Say {
        what: What::new(RegisterName::parse("trial:NCT04573309").unwrap(), class, event),
        who: Who {
            organization: name.organization,
            member: name.member,
            signer: Some(signer),
        },
    }
}

impl Say {
    pub(super) fn link(mut self, rel: Rel, record: RecordId) -> Self {
        self.what.links.push(Link {
            rel,
            record,
            index: LogIndex::FIRST,
            log: None,
        });
        self
    }

    pub(super) fn scope(mut self, scope: Scope) -> Self {
        self.what.scope = Some(scope);
        self
    }

    pub(super) fn draft(mut self) -> Self {
        self.who.signer = None;
        self
    }

    pub(super) fn system(mut self) -> Self {
        let signer = self.who.signer.as_mut().unwrap();
        (signer.kind, signer.meaning) = (SignerKind::System, Meaning::Execution);
        self
    }

    pub(super) fn grants(mut self, to: &str, role: Role, blind: Blind) -> Self {
        let name = name(to);
        self.what.grant = Some(Grant {
            organization: name.organization,
            member: name.member,
            role,
            blind,
            expires: None,
        });
        self
    }

    pub(super) fn until(mut self, at: Instant) -> Self {
        self.what.grant.as_mut().unwrap().expires = Some(at);
        self
    }
}

impl Register {
    /// Opened by `acme/ann`.
    pub(super) fn open() -> Self {
        let mut register = Self::empty();
        let opened = register.put(say("acme/ann", Role::Sponsor, Class::Trial, Event::Registered));
        assert_eq!(opened, Ok(Standing::Effective { flags: vec![] }));
        register
    }

    pub(super) fn empty() -> Self {
        Self {
            authority: Authority::default(),
            records: 0,
        }
    }

    /// The time of the next record.
    pub(super) fn now(&self) -> Instant {
        Instant::from_millis(START).plus_millis(self.records as i64 * HOUR)
    }

    /// The record put last.
    pub(super) fn last(&self) -> RecordId {
        record_id(self.records - 1)
    }

    pub(super) fn judge(&self, say: &Say) -> Result<Standing, NotAllowed> {
        let act = Act::of(&say.what, &say.who, self.now());
        self.authority.judge(&act, kind_of)
    }

    /// Puts it on record, if that is allowed.
    pub(super) fn put(&mut self, say: Say) -> Result<Standing, NotAllowed> {
        let act = Act::of(&say.what, &say.who, self.now());
        let placed = Placed {
            record: record_id(self.records),
            index: LogIndex::new(self.records + 1).unwrap(),
            sequence: Sequence::new(self.records + 1).unwrap(),
        };
        let standing = self.authority.replay(&act, placed, kind_of)?;
        self.records += 1;
        Ok(standing)
    }

    /// Puts it on record and says which record it became.
    pub(super) fn must(&mut self, say: Say) -> RecordId {
        self.put(say).unwrap();
        self.last()
    }

    /// `acme/ann` grants a role.
    pub(super) fn grant(&mut self, to: &str, role: Role, blind: Blind) -> RecordId {
        self.must(grant(to, role, blind))
    }

    pub(super) fn countersign(
        &mut self,
        who: &str,
        role: Role,
        class: Class,
        act: RecordId,
    ) -> Result<Standing, NotAllowed> {
        self.put(say(who, role, class, Event::Countersigned).link(Rel::Countersigns, act))
    }

    pub(super) fn roles(&self, who: &str) -> Vec<Role> {
        self.authority.roles(&name(who), self.now()).collect()
    }

    /// Germany asks for both decisions; France for an opinion. Sites 101 and 102 in Germany, 201 in
    /// France.
    pub(super) fn set_up(&mut self) -> RecordId {
        let mut set = say("acme/ann", Role::Sponsor, Class::TrialSettings, Event::Set);
        let country = |country: &str, decisions: &[Class]| CountrySettings {
            country: country.parse().unwrap(),
            decisions: decisions.to_vec(),
        };
        let site = |site: &str, country: &str| SiteSettings {
            site: code(site),
            country: country.parse().unwrap(),
            tz: "Europe/Berlin".parse().unwrap(),
            board: None,
        };
        set.what.settings = Some(TrialSettings {
            blinding: Some(crate::vocabulary::Blinding::DoubleBlind),
            countries: vec![
                country("DE", &[Class::Opinion, Class::AuthorityDecision]),
                country("FR", &[Class::Opinion]),
            ],
            sites: vec![site("101", "DE"), site("102", "DE"), site("201", "FR")],
        });
        self.must(set)
    }
}

/// `acme/ann` grants a role.
pub(super) fn grant(to: &str, role: Role, blind: Blind) -> Say {
    say("acme/ann", Role::Sponsor, Class::Grant, Event::Granted).grants(to, role, blind)
}

pub(super) fn revoke(by: &str, as_role: Role, from: &str, role: Role) -> Say {
    say(by, as_role, Class::Grant, Event::Revoked).grants(from, role, Blind::Blinded)
}

pub(super) fn needs(standing: &Result<Standing, NotAllowed>) -> Vec<String> {
    let standing = standing.as_ref().unwrap();
    standing.needs().iter().map(Need::to_string).collect()
}

#[test]
fn a_register_is_opened_by_its_sponsor_and_by_no_board() {
    let trial = |who| say(who, Role::Sponsor, Class::Trial, Event::Registered);
    for who in ["board/b", "agency/a", "monitors/m"] {
        let refused = Register::empty().put(trial(who)).unwrap_err();
        assert!(matches!(refused, NotAllowed::CannotOpen(_)), "{refused}");
    }
    let as_statistician = say("acme/ann", Role::Statistician, Class::Trial, Event::Registered);
    assert_eq!(
        Register::empty().put(as_statistician),
        Err(NotAllowed::OpensAsSponsor(Role::Statistician))
    );
    let mut register = Register::empty();
    let first = register.put(say("acme/ann", Role::Sponsor, Class::Dataset, Event::DataCut));
    assert_eq!(
        first.unwrap().flags(),
        [super::Flag::NotRegisteredFirst],
        "accepted and flagged"
    );
    assert_eq!(register.roles("acme/ann"), [Role::Sponsor]);
    assert!(
        register.roles("acme/bob").is_empty(),
        "nobody else, also not of the same organisation"
    );
    let bob = register.judge(&say("acme/bob", Role::Sponsor, Class::Trial, Event::Registered));
    assert_eq!(bob, Err(NotAllowed::NoRole(name("acme/bob"))));
    assert_eq!(
        register.authority.sponsors(register.now()),
        [name("acme/ann").organization]
    );
}

#[test]
fn who_signs_does_so_in_a_role_that_it_holds() {
    let mut register = Register::open();
    register.grant("cro/dora", Role::DataManager, Blind::Blinded);
    let cut = |role| say("cro/dora", role, Class::Dataset, Event::DataCut);
    assert!(register.judge(&cut(Role::DataManager)).is_ok());
    let refused = register.judge(&cut(Role::Sponsor)).unwrap_err();
    assert_eq!(refused.reason(), "NO_ROLE");
    assert_eq!(
        refused.to_string(),
        "cro/dora does not hold the role sponsor in this register (it holds: data-manager); sign in a role \
         that you hold, or ask a sponsor for a grant"
    );
    let refused = register
        .judge(&say(
            "cro/dora",
            Role::DataManager,
            Class::Consent,
            Event::ConsentGiven,
        ))
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a data-manager may not put consent-given of class consent on record; an investigator or a site-staff may"
    );
    assert!(
        register.judge(&cut(Role::Sponsor).draft()).is_ok(),
        "a draft names no role"
    );
}

#[test]
fn a_grant_ends_when_it_says() {
    let mut register = Register::open();
    let ends = register.now().plus_millis(2 * HOUR);
    register.must(grant("cro/dora", Role::DataManager, Blind::Blinded).until(ends));
    let cut = say("cro/dora", Role::DataManager, Class::Dataset, Event::DataCut);
    register.must(cut.clone());
    assert_eq!(
        register.put(cut),
        Err(NotAllowed::GrantOver {
            member: name("cro/dora"),
            role: Role::DataManager,
            ended: ends
        })
    );
    assert!(register.roles("cro/dora").is_empty());
    let late = grant("cro/dora", Role::DataManager, Blind::Blinded).until(ends);
    assert_eq!(register.put(late), Err(NotAllowed::AlreadyOver(ends)));
}

#[test]
fn a_grant_of_a_part_covers_that_part() {
    let mut register = Register::open();
    register.set_up();
    register.must(grant("clinic/ina", Role::Investigator, Blind::Blinded).scope(sites(&["101"])));
    register.must(grant("cro/mo", Role::Monitor, Blind::Blinded).scope(countries(&["DE"])));
    let report = |who, role, scope: Option<Scope>| {
        let say = say(who, role, Class::DeviationReport, Event::Reported);
        register
            .judge(&scope.map_or(say.clone(), |scope| say.scope(scope)))
            .is_ok()
    };
    let ina = |scope| report("clinic/ina", Role::Investigator, scope);
    assert!(
        ina(None),
        "it says nothing of its scope, and the table does not ask for it"
    );
    assert!(ina(Some(sites(&["101"]))));
    assert!(!ina(Some(sites(&["102"]))));
    assert!(!ina(Some(sites(&["101", "102"]))));
    assert!(!ina(Some(countries(&["DE"]))));
    assert!(!ina(Some(Scope::All)));
    let mo = |scope| report("cro/mo", Role::Monitor, Some(scope));
    assert!(mo(sites(&["101", "102"])), "both lie in Germany");
    assert!(!mo(sites(&["101", "201"])), "one lies in France");
    assert!(!mo(sites(&["999"])), "nobody said where it lies");
    assert!(mo(countries(&["DE"])) && !mo(countries(&["FR"])));
}
