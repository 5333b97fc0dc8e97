//! January and February: the trial is registered and set up, its documents are written, boards decide,
//! sites open.

use trialseal::core::vocabulary::{Basis, Blind, Blinding, Decision, Rel};
use trialseal::{Class, Event, Meaning, Role};
use trialseal_core::record::{CountrySettings, SiteSettings, Trial, TrialSettings};

use super::tale::Tale;
use super::words::*;

/// The trial gets its register, its other id and its settings.
pub(super) async fn registration(tale: &mut Tale) {
    tale.on("2026-01-05T09:00:00Z");
    let aliases = vec!["2025-512345-12".parse().unwrap()];
    let trial = tale
        .about(Class::Trial, Event::Registered)
        .with(|what| what.trial = Some(Trial { aliases }));
    tale.put(
        "registered",
        SPONSOR,
        Role::Sponsor,
        Meaning::Responsibility,
        trial,
    )
    .await;
    let site = |site: &str, country: &str, tz: &str, board: &str| SiteSettings {
        site: site.parse().unwrap(),
        country: country.parse().unwrap(),
        tz: tz.parse().unwrap(),
        board: Some(board.parse().unwrap()),
    };
    let country = |country: &str, decisions: &[Class]| CountrySettings {
        country: country.parse().unwrap(),
        decisions: decisions.to_vec(),
    };
    let settings = TrialSettings {
        blinding: Some(Blinding::DoubleBlind),
        countries: vec![
            country("DE", &[Class::Opinion, Class::AuthorityDecision]),
            country("FR", &[Class::Opinion]),
            country("DK", &[Class::Opinion]),
        ],
        sites: vec![
            site("DE-01", "DE", "Europe/Berlin", "ethics-berlin"),
            site("FR-01", "FR", "Europe/Paris", "cpp-lyon"),
            site("DK-01", "DK", "Europe/Copenhagen", "vek-midt"),
        ],
    };
    let settings = tale
        .about(Class::TrialSettings, Event::Set)
        .with(|what| what.settings = Some(settings));
    tale.put(
        "settings",
        SPONSOR,
        Role::Sponsor,
        Meaning::Responsibility,
        settings,
    )
    .await;
    tale.files.made(
        "cro-agreement.pdf",
        "Transfer of duties to Datacraft: data, locks, analysis.\n",
    );
    let agreement = tale.document(Class::Agreement, Event::Finalised, "1.0", "cro-agreement.pdf");
    tale.put(
        "cro agreement",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
        agreement,
    )
    .await;
}

/// Who may do what.
pub(super) async fn grants(tale: &mut Tale) {
    tale.on("2026-01-06T09:00:00Z");
    let cro = Some("cro agreement");
    let blinded = Blind::Blinded;
    for (name, member, as_role, under) in [
        ("grant data manager", DATA_MANAGER, Role::DataManager, cro),
        ("grant statistician", STATISTICIAN, Role::Statistician, cro),
        ("grant programmer", PROGRAMMER, Role::Programmer, cro),
        ("grant pipeline", PIPELINE, Role::Pipeline, cro),
        ("grant board DE", BOARD_DE, Role::EthicsBoard, None),
        ("grant board DK", BOARD_DK, Role::EthicsBoard, None),
        ("grant authority DE", AUTHORITY_DE, Role::Authority, None),
        (
            "grant sponsor's archivist",
            "nordpharma/m-dahl",
            Role::Archivist,
            None,
        ),
        ("grant inspector", INSPECTOR, Role::Inspector, None),
    ] {
        tale.grant(name, SPONSOR, role(member, as_role, blinded), &[], under)
            .await;
    }
    for (name, member, as_role) in [
        ("grant randomisation", RANDOMISATION, Role::RandomisationProvider),
        ("grant independent statistician", INDEPENDENT, Role::Statistician),
        ("grant monitoring board", DSMB, Role::Dsmb),
    ] {
        tale.grant(name, SPONSOR, role(member, as_role, Blind::Unblinded), &[], None)
            .await;
    }
    for (name, member, site) in [
        ("grant Berlin", BERLIN, "DE-01"),
        ("grant Lyon", LYON, "FR-01"),
        ("grant Aarhus", AARHUS, "DK-01"),
    ] {
        tale.grant(
            name,
            SPONSOR,
            role(member, Role::Investigator, blinded),
            &[site],
            None,
        )
        .await;
    }
}

/// Protocol, consent forms, the first plan, and how participants are randomised.
pub(super) async fn documents(tale: &mut Tale) {
    tale.on("2026-01-12T09:00:00Z");
    tale.files
        .real("protocol-1.0.pdf", "protocols/Alexion_NCT04573309_Wilsons.pdf");
    tale.files
        .real("protocol-1.0.json", "protocols/Alexion_NCT04573309_Wilsons.json");
    tale.files.real("sap-1.0.pdf", "sap/sap-cdisc-pilot-study.pdf");
    tale.files.made(
        "registry-entry.xml",
        "<entry>NCT04573309, first version</entry>\n",
    );
    tale.files
        .made("icf-1.0.pdf", "Informed consent, English master.\n");
    tale.files
        .made("icf-1.0-de.pdf", "Einwilligung nach Aufklaerung, Berlin.\n");
    tale.files
        .made("rand-spec-1.0.pdf", "Blocks of four, by site and age.\n");
    tale.files
        .made("rand-list.csv", "number,arm\n1001,A\n1002,B\n1003,B\n1004,A\n");
    let protocol = tale
        .document(Class::Protocol, Event::Finalised, "1.0", "protocol-1.0.pdf")
        .files(&tale.hashed(&["protocol-1.0.json"]));
    tale.put(
        "protocol 1.0",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
        protocol,
    )
    .await;
    let entry = tale.document(
        Class::RegistryEntry,
        Event::Published,
        "1.0",
        "registry-entry.xml",
    );
    tale.put(
        "registry entry",
        SPONSOR,
        Role::Sponsor,
        Meaning::Responsibility,
        entry,
    )
    .await;
    let icf = Class::InformedConsentForm;
    let master = tale.document(icf, Event::Finalised, "1.0", "icf-1.0.pdf");
    tale.put(
        "consent form 1.0",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
        master,
    )
    .await;
    let local = tale
        .document(icf, Event::Finalised, "1.0-de", "icf-1.0-de.pdf")
        .link(tale.link(Rel::TranslationOf, "consent form 1.0"))
        .link(tale.link(Rel::LocalVersionOf, "consent form 1.0"))
        .at_sites(&["DE-01"]);
    tale.put(
        "consent form 1.0-de",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
        local,
    )
    .await;
    let plan = tale.document(
        Class::StatisticalAnalysisPlan,
        Event::Finalised,
        "1.0",
        "sap-1.0.pdf",
    );
    tale.put(
        "plan 1.0",
        STATISTICIAN,
        Role::Statistician,
        Meaning::Authorship,
        plan,
    )
    .await;
    tale.countersign(
        "plan 1.0 approved",
        "plan 1.0",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
    )
    .await;
    let spec = Class::RandomisationSpecification;
    let spec = tale.document(spec, Event::Finalised, "1.0", "rand-spec-1.0.pdf");
    tale.put(
        "randomisation specification",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
        spec,
    )
    .await;
    let list = tale.document(Class::RandomisationList, Event::Finalised, "1.0", "rand-list.csv");
    let (by, as_role) = (RANDOMISATION, Role::RandomisationProvider);
    tale.put("randomisation list", by, as_role, Meaning::Authorship, list)
        .await;
}

/// Two boards and an authority decide; of the French board there is a letter only.
pub(super) async fn approvals(tale: &mut Tale) {
    tale.on("2026-01-14T09:00:00Z");
    let submitted = tale
        .about(Class::Protocol, Event::Submitted)
        .link(tale.link(Rel::PartOf, "protocol 1.0"));
    tale.put(
        "protocol 1.0 submitted",
        SPONSOR,
        Role::Sponsor,
        Meaning::Responsibility,
        submitted,
    )
    .await;
    tale.on("2026-01-26T13:00:00Z");
    tale.files
        .made("opinion-berlin-1.pdf", "Favourable opinion of 26 January 2026.\n");
    let first = ["protocol 1.0", "consent form 1.0-de"];
    let berlin = tale
        .decides(Class::Opinion, &first)
        .files(&tale.hashed(&["opinion-berlin-1.pdf"]))
        .decision(Decision::Approved, "2026-01-26", Some("2026-07-31"));
    tale.put(
        "opinion Berlin",
        BOARD_DE,
        Role::EthicsBoard,
        Meaning::Decision,
        berlin,
    )
    .await;
    tale.on("2026-01-27T10:00:00Z");
    let authority =
        tale.decides(Class::AuthorityDecision, &first)
            .decision(Decision::Approved, "2026-01-27", None);
    tale.put(
        "decision of the authority",
        AUTHORITY_DE,
        Role::Authority,
        Meaning::Decision,
        authority,
    )
    .await;
    tale.on("2026-01-28T11:00:00Z");
    let danish = tale
        .decides(Class::Opinion, &["protocol 1.0", "consent form 1.0"])
        .decision(Decision::Approved, "2026-01-28", None);
    tale.put(
        "opinion Aarhus",
        BOARD_DK,
        Role::EthicsBoard,
        Meaning::Decision,
        danish,
    )
    .await;
    tale.on("2026-02-02T09:30:00Z");
    tale.files
        .made("letter-lyon.pdf", "Avis favorable du 30 janvier 2026.\n");
    let letter = tale
        .about(Class::Opinion, Event::Reported)
        .files(&tale.hashed(&["letter-lyon.pdf"]))
        .link(tale.link(Rel::DecidesOn, "protocol 1.0"))
        .decision(Decision::Approved, "2026-01-30", None)
        .with(|what| what.basis = Some(Basis::Reported));
    tale.put(
        "opinion Lyon, reported",
        SPONSOR,
        Role::Sponsor,
        Meaning::Responsibility,
        letter,
    )
    .await;
}

/// Protocol and consent form are put in force site by site, and the first participant comes in.
pub(super) async fn sites_open(tale: &mut Tale) {
    let protocol = ("protocol 1.0", "protocol-1.0.pdf");
    tale.on("2026-02-03T08:00:00Z");
    tale.activate("protocol 1.0 at DE-01", BERLIN, protocol.0, protocol.1, "DE-01")
        .await;
    let local = ("consent form 1.0-de", "icf-1.0-de.pdf");
    tale.activate("consent form at DE-01", BERLIN, local.0, local.1, "DE-01")
        .await;
    tale.on("2026-02-04T08:00:00Z");
    tale.activate("protocol 1.0 at DK-01", AARHUS, protocol.0, protocol.1, "DK-01")
        .await;
    tale.on("2026-02-06T08:00:00Z");
    tale.activate("protocol 1.0 at FR-01", LYON, protocol.0, protocol.1, "FR-01")
        .await;
    tale.on("2026-02-09T07:00:00Z");
    let sponsor = (Role::Sponsor, Meaning::Responsibility);
    let open = tale.about(Class::Trial, Event::EnrolmentOpened);
    tale.put("enrolment opened", SPONSOR, sponsor.0, sponsor.1, open)
        .await;
    tale.on("2026-02-16T10:00:00Z");
    let first = tale
        .about(Class::Trial, Event::FirstParticipantIn)
        .at_sites(&["DE-01"])
        .declared("2026-02-16T09:10:00Z");
    tale.put(
        "first participant in",
        BERLIN,
        Role::Investigator,
        Meaning::Responsibility,
        first,
    )
    .await;
}
