//! The words in which chapters are written: dates, scopes, grants.

use trialseal::{Role, Submission};
use trialseal_core::record::{Declared, Grant, Scope, Scopes};
use trialseal_core::time::{Date, Instant};
use trialseal_core::vocabulary::{Blind, Decision};

use super::tale::Tale;
use trialseal::{Class, Event, Meaning, core::vocabulary::Rel};

/// What every chapter says of a submission.
pub(super) trait Words: Sized {
    /// Applies at these sites only.
    fn at_sites(self, sites: &[&str]) -> Self;
    /// Happened at this instant, as the submitter states.
    fn declared(self, instant: &str) -> Self;
    /// Was decided so on a day, until another day if one is given.
    fn decision(self, decision: Decision, on: &str, until: Option<&str>) -> Self;
}

impl Words for Submission {
    fn at_sites(self, sites: &[&str]) -> Self {
        let sites = sites.iter().map(|site| site.parse().unwrap()).collect();
        let scopes = Scopes {
            sites,
            ..Scopes::default()
        };
        self.with(|what| what.scope = Some(Scope::Only(Box::new(scopes))))
    }

    fn declared(self, instant: &str) -> Self {
        let declared = Declared::At(Instant::parse(instant).unwrap());
        self.with(|what| what.declared_at = Some(declared))
    }

    fn decision(self, decision: Decision, on: &str, until: Option<&str>) -> Self {
        let (on, until) = (date(on), until.map(date));
        self.with(|what| {
            what.decision = Some(decision);
            what.decided_on = Some(on);
            what.valid_until = until;
        })
    }
}

/// A date.
pub(super) fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

/// A role for a member `organisation/member`.
pub(super) fn role(member: &str, role: Role, blind: Blind) -> Grant {
    let (organization, member) = member.split_once('/').expect("organisation/member");
    Grant {
        organization: organization.parse().unwrap(),
        member: member.parse().unwrap(),
        role,
        blind,
        expires: None,
    }
}

/// The sponsor's signatory.
pub(super) const SPONSOR: &str = "nordpharma/m-lund";
/// The CRO's data manager.
pub(super) const DATA_MANAGER: &str = "datacraft/m-roth";
/// The CRO's statistician, blinded.
pub(super) const STATISTICIAN: &str = "datacraft/m-weiss";
/// The statistician who prepares what the monitoring board sees, unblinded.
pub(super) const INDEPENDENT: &str = "statcheck/m-iva";
/// The CRO's programmer.
pub(super) const PROGRAMMER: &str = "datacraft/m-kern";
/// The CRO's analysis pipeline, a machine.
pub(super) const PIPELINE: &str = "datacraft/ci-7";
/// Who keeps the randomisation list.
pub(super) const RANDOMISATION: &str = "randomate/m-quist";
/// The investigators, by their sites.
pub(super) const BERLIN: &str = "spree-clinic/m-adler";
/// At FR-01.
pub(super) const LYON: &str = "rhone-hospital/m-blanc";
/// At DK-01.
pub(super) const AARHUS: &str = "aros-hospital/m-holm";
/// Boards and authorities.
pub(super) const BOARD_DE: &str = "ethics-berlin/m-vogt";
/// Has no account before March.
pub(super) const BOARD_FR: &str = "cpp-lyon/m-garnier";
/// Denmark's.
pub(super) const BOARD_DK: &str = "vek-midt/m-friis";
/// Germany's authority.
pub(super) const AUTHORITY_DE: &str = "authority-de/m-desk";
/// The monitoring board.
pub(super) const DSMB: &str = "dsmb-4573/m-okoye";
/// Who inspects.
pub(super) const INSPECTOR: &str = "inspectorate/m-brandt";
/// Who takes the trial over.
pub(super) const NEXT_SPONSOR: &str = "medtrust/m-ortega";
/// Their archivist.
pub(super) const ARCHIVIST: &str = "medtrust/m-salas";

impl Tale {
    /// A grant of a role, on record.
    pub(super) async fn grant(
        &mut self,
        name: &str,
        by: &str,
        grant: Grant,
        sites: &[&str],
        under: Option<&str>,
    ) {
        let mut submission = self
            .about(Class::Grant, Event::Granted)
            .with(|what| what.grant = Some(grant));
        if !sites.is_empty() {
            submission = submission.at_sites(sites);
        }
        if let Some(under) = under {
            submission = submission.link(self.link(Rel::Under, under));
        }
        self.put(name, by, Role::Sponsor, Meaning::Authorisation, submission)
            .await;
    }

    /// A board's or an authority's decision on records of the story.
    pub(super) fn decides(&self, class: Class, on: &[&str]) -> Submission {
        on.iter()
            .fold(self.about(class, Event::Decided), |submission, name| {
                submission.link(self.link(Rel::DecidesOn, name))
            })
    }

    /// A document is put in force at a site.
    pub(super) async fn activate(&mut self, name: &str, by: &str, document: &str, file: &str, site: &str) {
        let of = self.what_of(document);
        let version = of.version.expect("a version").to_string();
        let submission = self
            .document(of.class, Event::Activated, &version, file)
            .link(self.link(Rel::Activates, document))
            .at_sites(&[site]);
        self.put(name, by, Role::Investigator, Meaning::Approval, submission)
            .await;
    }
}
