//! March to August: amendments, safety, a suspension, an approval that lapses.

use trialseal::core::vocabulary::{Basis, Blind, Decision, Rel};
use trialseal::{Class, Event, Meaning, Role};

use super::people::enrol_organization;
use super::tale::Tale;
use super::words::*;

impl Tale {
    /// A new version of the protocol.
    async fn amend(&mut self, version: &str, from: &str, change: &str) {
        let (name, before) = (format!("protocol {version}"), format!("protocol {from}"));
        let (file, old) = (format!("protocol-{version}.pdf"), format!("protocol-{from}.pdf"));
        self.files.revised(&file, &old, change);
        let amended = self
            .document(Class::Protocol, Event::Finalised, version, &file)
            .link(self.link(Rel::Amends, &before))
            .reason(change);
        self.put(&name, SPONSOR, Role::Sponsor, Meaning::Approval, amended)
            .await;
    }

    /// A board's decision on one record.
    async fn opinion(&mut self, name: &str, board: &str, on: &str, decision: Decision, day: &str) {
        let opinion = self.decides(Class::Opinion, &[on]).decision(decision, day, None);
        self.put(name, board, Role::EthicsBoard, Meaning::Decision, opinion)
            .await;
    }

    /// The German authority's approval of one record.
    async fn approval(&mut self, name: &str, on: &str, day: &str) {
        let decision = self
            .decides(Class::AuthorityDecision, &[on])
            .decision(Decision::Approved, day, None);
        self.put(name, AUTHORITY_DE, Role::Authority, Meaning::Decision, decision)
            .await;
    }
}

/// The first amendment: with conditions in Berlin, and the French board gets its account.
pub(super) async fn first_amendment(tale: &mut Tale) {
    tale.on("2026-03-02T09:00:00Z");
    tale.amend("2.0", "1.0", "Amendment 1: visit 5 by telephone")
        .await;
    let (amended, file) = ("protocol 2.0", "protocol-2.0.pdf");
    tale.on("2026-03-12T15:00:00Z");
    let conditions = Decision::ApprovedWithConditions;
    tale.opinion(
        "opinion Berlin on 2.0",
        BOARD_DE,
        amended,
        conditions,
        "2026-03-12",
    )
    .await;
    tale.on("2026-03-13T09:00:00Z");
    tale.approval("authority on 2.0", amended, "2026-03-13").await;
    tale.on("2026-03-16T06:30:00Z");
    tale.activate("protocol 2.0 at DE-01", BERLIN, amended, file, "DE-01")
        .await;
    tale.on("2026-03-18T10:00:00Z");
    tale.opinion(
        "opinion Aarhus on 2.0",
        BOARD_DK,
        amended,
        Decision::Approved,
        "2026-03-18",
    )
    .await;
    tale.on("2026-03-19T08:00:00Z");
    enrol_organization(
        tale,
        "cpp-lyon",
        "ethics-board",
        &[("m-garnier", "Odile Garnier")],
    )
    .await;
    let board = role(BOARD_FR, Role::EthicsBoard, Blind::Blinded);
    tale.grant("grant board FR", SPONSOR, board, &[], None).await;
    tale.on("2026-03-20T14:00:00Z");
    let late = tale
        .decides(Class::Opinion, &["protocol 1.0"])
        .link(tale.link(Rel::Corrects, "opinion Lyon, reported"))
        .decision(Decision::Approved, "2026-01-30", None)
        .reason("Decided before this board had an account");
    tale.put(
        "opinion Lyon",
        BOARD_FR,
        Role::EthicsBoard,
        Meaning::Decision,
        late,
    )
    .await;
    tale.opinion(
        "opinion Lyon on 2.0",
        BOARD_FR,
        amended,
        Decision::Approved,
        "2026-03-20",
    )
    .await;
    tale.on("2026-03-23T07:00:00Z");
    tale.activate("protocol 2.0 at DK-01", AARHUS, amended, file, "DK-01")
        .await;
    tale.on("2026-03-27T07:00:00Z");
    tale.activate("protocol 2.0 at FR-01", LYON, amended, file, "FR-01")
        .await;
}

/// An urgent safety measure: in force before anybody decided.
pub(super) async fn urgent_safety_measure(tale: &mut Tale) {
    tale.on("2026-04-08T05:40:00Z");
    tale.amend("2.1", "2.0", "Urgent safety measure: liver values each week")
        .await;
    for site in ["DE-01", "FR-01", "DK-01"] {
        let activated = tale
            .document(Class::Protocol, Event::Activated, "2.1", "protocol-2.1.pdf")
            .link(tale.link(Rel::Activates, "protocol 2.1"))
            .at_sites(&[site])
            .with(|what| what.basis = Some(Basis::UrgentSafetyMeasure));
        let name = format!("protocol 2.1 at {site}");
        tale.put(&name, SPONSOR, Role::Sponsor, Meaning::Responsibility, activated)
            .await;
    }
    tale.files
        .made("safety-report-1.pdf", "Three cases of raised liver values.\n");
    let report = tale.document(
        Class::SafetyReport,
        Event::Finalised,
        "1.0",
        "safety-report-1.pdf",
    );
    tale.put(
        "safety report",
        SPONSOR,
        Role::Sponsor,
        Meaning::Responsibility,
        report,
    )
    .await;
}

/// One participant's code is broken in an emergency, and the monitoring board meets.
pub(super) async fn code_break_and_monitoring(tale: &mut Tale) {
    tale.on("2026-04-29T02:20:00Z");
    let broken = tale
        .about(Class::TreatmentAssignment, Event::CodeBroken)
        .at_sites(&["FR-01"])
        .declared("2026-04-29T02:05:00Z")
        .reason("Emergency treatment");
    tale.put(
        "emergency code break",
        LYON,
        Role::Investigator,
        Meaning::Responsibility,
        broken,
    )
    .await;
    tale.on("2026-04-30T09:00:00Z");
    tale.files.made("dsmb-closed-1.pdf", "By arm: A 3, B 9 events.\n");
    let closed = tale.document(
        Class::DsmbClosedReport,
        Event::Finalised,
        "1.0",
        "dsmb-closed-1.pdf",
    );
    tale.put(
        "closed report",
        INDEPENDENT,
        Role::Statistician,
        Meaning::Authorship,
        closed,
    )
    .await;
    tale.files
        .made("dsmb-open-1.pdf", "The trial may continue as amended.\n");
    let open = tale.document(
        Class::DsmbRecommendation,
        Event::Finalised,
        "1.0",
        "dsmb-open-1.pdf",
    );
    tale.put("recommendation", DSMB, Role::Dsmb, Meaning::Responsibility, open)
        .await;
}

/// Denmark's board suspends; that is put on record two weeks later.
pub(super) async fn suspension(tale: &mut Tale) {
    tale.on("2026-05-04T09:00:00Z");
    let suspended = Decision::Suspended;
    tale.opinion(
        "suspension, recorded late",
        BOARD_DK,
        "protocol 2.0",
        suspended,
        "2026-04-20",
    )
    .await;
    tale.on("2026-05-11T09:00:00Z");
    let lifted = Decision::SuspensionLifted;
    tale.opinion(
        "suspension lifted",
        BOARD_DK,
        "protocol 2.0",
        lifted,
        "2026-05-11",
    )
    .await;
}

/// The second amendment, at three sites on three days; a deviation whose reason names a participant.
pub(super) async fn second_amendment(tale: &mut Tale) {
    tale.on("2026-05-18T09:00:00Z");
    tale.amend("3.0", "2.1", "Amendment 2: the safety measure, for good")
        .await;
    let (amended, file) = ("protocol 3.0", "protocol-3.0.pdf");
    let approved = Decision::Approved;
    tale.on("2026-06-01T12:00:00Z");
    tale.opinion("opinion Berlin on 3.0", BOARD_DE, amended, approved, "2026-06-01")
        .await;
    tale.approval("authority on 3.0", amended, "2026-06-01").await;
    tale.on("2026-06-05T12:00:00Z");
    tale.opinion("opinion Aarhus on 3.0", BOARD_DK, amended, approved, "2026-06-05")
        .await;
    tale.on("2026-06-08T06:00:00Z");
    tale.activate("protocol 3.0 at DE-01", BERLIN, amended, file, "DE-01")
        .await;
    tale.on("2026-06-10T12:00:00Z");
    tale.opinion("opinion Lyon on 3.0", BOARD_FR, amended, approved, "2026-06-10")
        .await;
    tale.on("2026-06-15T06:00:00Z");
    tale.activate("protocol 3.0 at DK-01", AARHUS, amended, file, "DK-01")
        .await;
    tale.on("2026-06-22T06:00:00Z");
    tale.activate("protocol 3.0 at FR-01", LYON, amended, file, "FR-01")
        .await;
    tale.files
        .made("deviation-1.pdf", "Visit 4 was eleven days late.\n");
    let deviation = tale
        .document(Class::DeviationReport, Event::Finalised, "1.0", "deviation-1.pdf")
        .at_sites(&["DE-01"])
        .reason(PLANTED_REASON);
    tale.put(
        "deviation",
        BERLIN,
        Role::Investigator,
        Meaning::Responsibility,
        deviation,
    )
    .await;
}

/// A name where none should be; searched for where it must not be.
pub const PLANTED_REASON: &str = "Planted: Klara Lindgren could not come";

/// Berlin's approval of January ends in July and is renewed in August.
pub(super) async fn lapse_and_renewal(tale: &mut Tale) {
    tale.on("2026-08-10T12:00:00Z");
    let renewed = tale.decides(Class::Opinion, &["consent form 1.0-de"]).decision(
        Decision::Approved,
        "2026-08-10",
        Some("2027-07-31"),
    );
    tale.put(
        "opinion Berlin renewed",
        BOARD_DE,
        Role::EthicsBoard,
        Meaning::Decision,
        renewed,
    )
    .await;
}
