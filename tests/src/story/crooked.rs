//! Another trial, in which people try what they should not: some of it is refused, the rest is on record
//! for those who ask.

use trialseal::core::vocabulary::{Blind, Blinding, Decision, ErasablePart, Rel};
use trialseal::records::{countersign, erase};
use trialseal::{Class, Event, Meaning, Role, SignerKind};
use trialseal_core::record::{Trial, TrialSettings};

use super::people::{enrol_organization, enrol_second_key, revoke};
use super::tale::Tale;
use super::words::*;
use super::{CROOKED, NUMBERED};

/// Who signs for the sponsor of this trial.
const CROOK: &str = "sham-pharma/m-crook";
/// Their statistician.
const HELPER: &str = "sham-pharma/m-stat";
/// Who leaves.
const LEAVER: &str = "sham-pharma/m-gone";
/// A vendor who would be a board.
const FRONT: &str = "frontco/m-front";

const SPONSORS: (Role, Meaning) = (Role::Sponsor, Meaning::Responsibility);

/// What is accepted, and shows: versions that are not shown, files under other names, times that do not fit.
pub(super) async fn what_shows(tale: &mut Tale) {
    tale.on("2026-10-06T06:00:00Z");
    let sham = [
        ("m-crook", "Max Crook"),
        ("m-stat", "Lea Stat"),
        ("m-gone", "Gus Gone"),
    ];
    enrol_organization(tale, "sham-pharma", "sponsor", &sham).await;
    enrol_organization(tale, "frontco", "vendor", &[("m-front", "Fay Front")]).await;
    tale.turn_to(CROOKED);
    let trial = tale.about(Class::Trial, Event::Registered);
    tale.put("crooked: registered", CROOK, SPONSORS.0, SPONSORS.1, trial)
        .await;
    let settings = TrialSettings {
        blinding: Some(Blinding::DoubleBlind),
        ..TrialSettings::default()
    };
    let settings = tale
        .about(Class::TrialSettings, Event::Set)
        .with(|what| what.settings = Some(settings));
    tale.put("crooked: settings", CROOK, SPONSORS.0, SPONSORS.1, settings)
        .await;
    for (name, member, as_role, blind) in [
        (
            "crooked: grant helper as sponsor",
            HELPER,
            Role::Sponsor,
            Blind::Blinded,
        ),
        (
            "crooked: grant statistician",
            HELPER,
            Role::Statistician,
            Blind::Blinded,
        ),
        (
            "crooked: grant board",
            BOARD_DE,
            Role::EthicsBoard,
            Blind::Blinded,
        ),
        ("crooked: grant leaver", LEAVER, Role::Sponsor, Blind::Blinded),
        (
            "crooked: grant randomisation",
            RANDOMISATION,
            Role::RandomisationProvider,
            Blind::Unblinded,
        ),
        (
            "crooked: grant archivist",
            "nordpharma/m-dahl",
            Role::Archivist,
            Blind::Blinded,
        ),
    ] {
        tale.grant(name, CROOK, role(member, as_role, blind), &[], None)
            .await;
    }
    plans(tale).await;
    opinion(tale).await;
    times(tale).await;
    second_register(tale).await;
}

/// Three plans, of which one will not be shown, and one under class `other`.
async fn plans(tale: &mut Tale) {
    tale.files.revised("sham-plan-1.pdf", "sap-1.0.pdf", "sham 1.0");
    tale.files.revised("sham-plan-2.pdf", "sap-1.0.pdf", "sham 2.0");
    tale.files.revised("sham-plan-3.pdf", "sap-1.0.pdf", "sham 3.0");
    tale.files
        .revised("sham-other.pdf", "sap-1.0.pdf", "sham, another plan");
    for number in 1..=3 {
        let (version, file) = (format!("{number}.0"), format!("sham-plan-{number}.pdf"));
        let name = format!("crooked: plan {version}");
        let plan = tale.document(Class::StatisticalAnalysisPlan, Event::Finalised, &version, &file);
        tale.put(&name, HELPER, Role::Statistician, Meaning::Authorship, plan)
            .await;
        let countersigned = format!("{name} approved");
        tale.countersign(&countersigned, &name, CROOK, Role::Sponsor, Meaning::Approval)
            .await;
    }
    let other = tale.document(Class::Other, Event::Finalised, "4.0", "sham-other.pdf");
    tale.put("crooked: plan as other", CROOK, SPONSORS.0, SPONSORS.1, other)
        .await;
}

/// The board approves one file; another one will be shown under its name.
async fn opinion(tale: &mut Tale) {
    tale.files
        .revised("sham-protocol.pdf", "protocol-1.0.pdf", "sham");
    tale.files.revised(
        "sham-protocol-b.pdf",
        "protocol-1.0.pdf",
        "sham, with a third arm",
    );
    let protocol = tale.document(Class::Protocol, Event::Finalised, "1.0", "sham-protocol.pdf");
    tale.put(
        "crooked: protocol",
        CROOK,
        Role::Sponsor,
        Meaning::Approval,
        protocol,
    )
    .await;
    let opinion =
        tale.decides(Class::Opinion, &["crooked: protocol"])
            .decision(Decision::Approved, "2026-10-06", None);
    tale.put(
        "crooked: opinion",
        BOARD_DE,
        Role::EthicsBoard,
        Meaning::Decision,
        opinion,
    )
    .await;
}

/// An unblinding that is put on record 19 days late, and a declared time long before its record.
async fn times(tale: &mut Tale) {
    let authorised = tale.about(Class::Trial, Event::UnblindingAuthorised);
    let authorisation = Meaning::Authorisation;
    tale.put(
        "crooked: authorised",
        CROOK,
        Role::Sponsor,
        authorisation,
        authorised,
    )
    .await;
    let by = (HELPER, Role::Statistician);
    tale.countersign(
        "crooked: authorised by two",
        "crooked: authorised",
        by.0,
        by.1,
        authorisation,
    )
    .await;
    tale.on("2026-10-25T09:00:00Z");
    let unblinded = tale
        .about(Class::Trial, Event::Unblinded)
        .link(tale.link(Rel::AuthorisedBy, "crooked: authorised"))
        .declared("2026-10-06T09:00:00Z");
    let provider = (RANDOMISATION, Role::RandomisationProvider);
    tale.put(
        "crooked: unblinded",
        provider.0,
        provider.1,
        Meaning::Responsibility,
        unblinded,
    )
    .await;
    let backdated = tale
        .about(Class::Trial, Event::FirstParticipantIn)
        .declared("2026-01-15T09:00:00Z");
    tale.put(
        "crooked: first participant in",
        CROOK,
        SPONSORS.0,
        SPONSORS.1,
        backdated,
    )
    .await;
}

/// A register of their own for the trial of others.
async fn second_register(tale: &mut Tale) {
    tale.turn_to(NUMBERED);
    let aliases = vec!["NCT04573309".parse().unwrap()];
    let claim = tale
        .about(Class::Trial, Event::Registered)
        .with(|what| what.trial = Some(Trial { aliases }));
    tale.put(
        "crooked: the same trial again",
        CROOK,
        SPONSORS.0,
        SPONSORS.1,
        claim,
    )
    .await;
    tale.turn_to(CROOKED);
}

/// What is refused, each with a sentence that says who could.
pub(super) async fn what_is_refused(tale: &mut Tale) {
    let front = tale
        .about(Class::Grant, Event::Granted)
        .with(|what| what.grant = Some(role(FRONT, Role::EthicsBoard, Blind::Blinded)));
    tale.refused(
        "a front as a board",
        CROOK,
        Role::Sponsor,
        Meaning::Authorisation,
        front,
    )
    .await;
    let decided =
        tale.decides(Class::Opinion, &["crooked: protocol"])
            .decision(Decision::Approved, "2026-10-25", None);
    tale.refused(
        "a front decides",
        FRONT,
        Role::EthicsBoard,
        Meaning::Decision,
        decided,
    )
    .await;

    let erasure =
        erase(&tale.target("crooked: plan 2.0"), vec![ErasablePart::What]).reason("It is in the way");
    tale.refused(
        "a plan's what erased",
        CROOK,
        Role::Sponsor,
        Meaning::Authorisation,
        erasure,
    )
    .await;

    let plan = tale.document(
        Class::StatisticalAnalysisPlan,
        Event::Finalised,
        "5.0",
        "sham-plan-3.pdf",
    );
    tale.put(
        "crooked: plan 5.0",
        HELPER,
        Role::Statistician,
        Meaning::Authorship,
        plan,
    )
    .await;
    enrol_second_key(tale, HELPER).await;
    let again = countersign(&tale.target("crooked: plan 5.0"));
    tale.refused(
        "one person with two keys",
        HELPER,
        Role::Sponsor,
        Meaning::Approval,
        again,
    )
    .await;

    let plan = "crooked: plan 5.0";
    tale.countersign(
        "crooked: plan 5.0 approved",
        plan,
        CROOK,
        Role::Sponsor,
        Meaning::Approval,
    )
    .await;

    tale.person_mut(PIPELINE).signatory.kind = SignerKind::Person;
    tale.turn_to(super::REGISTER);
    let approves = countersign(&tale.target("plan 2.0"));
    tale.refused(
        "a pipeline approves",
        PIPELINE,
        Role::Pipeline,
        Meaning::Approval,
        approves,
    )
    .await;
    tale.person_mut(PIPELINE).signatory.kind = SignerKind::System;
    tale.turn_to(CROOKED);

    let lock = tale.document(Class::Dataset, Event::HardLock, "1.0", "adsl.xpt");
    let draft = lock.draft().expect_err("a hard lock is no draft");
    tale.refuse("a draft hard lock", &draft.to_string());

    revoke(tale, LEAVER).await;
    let late = tale.about(Class::Trial, Event::EnrolmentOpened);
    tale.refused(
        "a signature after revocation",
        LEAVER,
        SPONSORS.0,
        SPONSORS.1,
        late,
    )
    .await;
}
