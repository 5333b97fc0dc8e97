//! August and September: blind review, locks, unblinding, outputs.

use trialseal::core::vocabulary::{Purpose, Rel};
use trialseal::records::{Audience, open};
use trialseal::{Class, Event, Meaning, Role, Submission};
use trialseal_core::record::Source;

use super::tale::Tale;
use super::words::*;

/// The datasets, and the real files that they are.
const DATASETS: &[(&str, &str)] = &[
    ("adsl.xpt", "datasets/adsl.xpt"),
    ("adae.xpt", "datasets/adae.xpt"),
    ("adtte.xpt", "datasets/adtte.xpt"),
    ("adcibc.xpt", "datasets/adcibc.xpt"),
];

impl Tale {
    /// What a run of the pipeline puts on record.
    fn run(&self, files: &[&str], purpose: Purpose, run: &str) -> Submission {
        let source = Source {
            repository: Some("git.example.org/nct04573309".parse().unwrap()),
            commit: Some("4f0c2d71".parse().unwrap()),
            dirty: Some(false),
            run: Some(run.parse().unwrap()),
        };
        self.about(Class::AnalysisOutput, Event::Executed)
            .files(&self.hashed(files))
            .purpose(purpose)
            .link(self.link(Rel::UsesProgram, "program"))
            .link(self.link(Rel::UsesEnvironment, "environment"))
            .with(|what| what.source = Some(source))
    }

    /// A lock of all datasets, the first of which is the given file.
    fn lock(&self, event: Event, version: &str, first: &str) -> Submission {
        let names = [first, "adae.xpt", "adtte.xpt", "adcibc.xpt"];
        self.about(Class::Dataset, event)
            .version(version.parse().unwrap())
            .files(&self.hashed(&names))
            .purpose(Purpose::Final)
    }
}

/// The last visits, a soft lock, plan 2.0 after the blind review, and dry runs.
pub(super) async fn blind_review(tale: &mut Tale) {
    tale.on("2026-08-14T16:00:00Z");
    let last = tale
        .about(Class::Trial, Event::LastParticipantLastVisit)
        .declared("2026-08-14T14:00:00Z");
    tale.put(
        "last visit",
        SPONSOR,
        Role::Sponsor,
        Meaning::Responsibility,
        last,
    )
    .await;
    tale.on("2026-08-21T09:00:00Z");
    for (name, published) in DATASETS {
        tale.files.real(name, published);
    }
    let soft = tale.lock(Event::SoftLock, "0.9", "adsl.xpt");
    tale.put(
        "soft lock",
        DATA_MANAGER,
        Role::DataManager,
        Meaning::Responsibility,
        soft,
    )
    .await;
    tale.on("2026-08-26T09:00:00Z");
    tale.files
        .revised("sap-2.0.pdf", "sap-1.0.pdf", "2.0 after blind review");
    let plan = tale
        .document(
            Class::StatisticalAnalysisPlan,
            Event::Finalised,
            "2.0",
            "sap-2.0.pdf",
        )
        .link(tale.link(Rel::Supersedes, "plan 1.0"))
        .reason("Blind review of 24 August");
    tale.put(
        "plan 2.0",
        STATISTICIAN,
        Role::Statistician,
        Meaning::Authorship,
        plan,
    )
    .await;
    tale.countersign(
        "plan 2.0 approved",
        "plan 2.0",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
    )
    .await;
    tale.files
        .made("tables.R", "library(rtables) # primary and secondary tables\n");
    tale.files.made("renv.lock", "{\"R\":\"4.5.1\"}\n");
    let program = tale.document(Class::Program, Event::Finalised, "1.0", "tables.R");
    tale.put(
        "program",
        PROGRAMMER,
        Role::Programmer,
        Meaning::Authorship,
        program,
    )
    .await;
    let environment = tale.document(Class::Environment, Event::Finalised, "1.0", "renv.lock");
    tale.put(
        "environment",
        PROGRAMMER,
        Role::Programmer,
        Meaning::Authorship,
        environment,
    )
    .await;
    for number in 1..=2 {
        let file = format!("dry-run-{number}.rtf");
        tale.files
            .made(&file, &format!("Table 14-1.01, scrambled arms, run {number}\n"));
        let run = tale
            .run(&[&file], Purpose::DryRun, &format!("dry-{number}"))
            .link(tale.link(Rel::UsesInput, "soft lock"));
        let name = format!("dry run {number}");
        tale.put(&name, PIPELINE, Role::Pipeline, Meaning::Execution, run)
            .await;
    }
}

/// A lock under the CRO's grant, an unlock with its reason, and the lock that counts.
pub(super) async fn locks(tale: &mut Tale) {
    tale.on("2026-09-02T09:00:00Z");
    let lock = tale.lock(Event::HardLock, "1.0", "adsl.xpt");
    let manager = (DATA_MANAGER, Role::DataManager, Meaning::Responsibility);
    tale.put("hard lock", manager.0, manager.1, manager.2, lock).await;
    tale.countersign(
        "hard lock approved",
        "hard lock",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
    )
    .await;
    tale.on("2026-09-04T09:00:00Z");
    let unlock = tale
        .about(Class::Dataset, Event::Unlock)
        .link(tale.link(Rel::Unlocks, "hard lock"))
        .reason("Two visit dates were swapped");
    tale.put("unlock", manager.0, manager.1, manager.2, unlock).await;
    let statistician = (STATISTICIAN, Role::Statistician);
    tale.countersign(
        "unlock approved",
        "unlock",
        statistician.0,
        statistician.1,
        Meaning::Approval,
    )
    .await;
    tale.on("2026-09-08T09:00:00Z");
    tale.files.revised("adsl-1.1.xpt", "adsl.xpt", "visit dates");
    let relock = tale
        .lock(Event::HardLock, "1.1", "adsl-1.1.xpt")
        .link(tale.link(Rel::Supersedes, "hard lock"))
        .reason("Visit dates are right now");
    tale.put("relock", manager.0, manager.1, manager.2, relock).await;
    tale.countersign(
        "relock approved",
        "relock",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
    )
    .await;
}

/// The blind is broken by two signatures and a third person's act.
pub(super) async fn unblinding(tale: &mut Tale) {
    tale.on("2026-09-10T09:00:00Z");
    let authorised = tale.about(Class::Trial, Event::UnblindingAuthorised);
    let authorisation = Meaning::Authorisation;
    tale.put(
        "unblinding authorised",
        SPONSOR,
        Role::Sponsor,
        authorisation,
        authorised,
    )
    .await;
    let (of, by) = ("unblinding authorised", STATISTICIAN);
    tale.countersign(
        "unblinding authorised by two",
        of,
        by,
        Role::Statistician,
        authorisation,
    )
    .await;
    tale.on("2026-09-10T14:20:00Z");
    let unblinded = tale
        .about(Class::Trial, Event::Unblinded)
        .link(tale.link(Rel::AuthorisedBy, "unblinding authorised"))
        .declared("2026-09-10T14:00:00Z");
    let provider = (RANDOMISATION, Role::RandomisationProvider);
    tale.put(
        "unblinded",
        provider.0,
        provider.1,
        Meaning::Responsibility,
        unblinded,
    )
    .await;
    tale.on("2026-09-11T09:00:00Z");
    let list = tale.told("randomisation list");
    let manifest = list.manifest.clone().expect("its manifest is kept");
    let to = Audience::Roles(vec![Role::Statistician, Role::Sponsor]);
    let opened = open(&tale.target("randomisation list"), manifest, &to);
    tale.put(
        "list opened",
        provider.0,
        provider.1,
        Meaning::Responsibility,
        opened,
    )
    .await;
}

/// Tables from the locked data, one of them reproduced, and a plan after the fact.
pub(super) async fn outputs(tale: &mut Tale) {
    tale.on("2026-09-15T10:00:00Z");
    let tables = ["14-1.01", "14-2.01", "14-3.01", "14-3.02"];
    for table in tables {
        let (file, published) = (format!("{table}.rtf"), format!("tlf/{table}.rtf"));
        tale.files.real(&file, &published);
        let run = tale
            .run(&[&file], Purpose::Final, "final-1")
            .link(tale.link(Rel::UsesInput, "relock"));
        let name = format!("table {table}");
        tale.put(&name, PIPELINE, Role::Pipeline, Meaning::Execution, run)
            .await;
    }
    tale.on("2026-09-16T10:00:00Z");
    let again = tale
        .about(Class::AnalysisOutput, Event::Reproduced)
        .files(&tale.hashed(&["14-1.01.rtf"]))
        .purpose(Purpose::Final)
        .link(tale.link(Rel::Reproduces, "table 14-1.01"));
    tale.put(
        "table reproduced",
        PROGRAMMER,
        Role::Programmer,
        Meaning::Verification,
        again,
    )
    .await;
    tale.on("2026-09-18T10:00:00Z");
    tale.files.revised(
        "sap-3.0.pdf",
        "sap-2.0.pdf",
        "3.0: subgroups asked for by a reviewer",
    );
    let plan = tale
        .document(
            Class::StatisticalAnalysisPlan,
            Event::Finalised,
            "3.0",
            "sap-3.0.pdf",
        )
        .purpose(Purpose::PostHoc)
        .link(tale.link(Rel::Supersedes, "plan 2.0"))
        .reason("Post hoc, for the publication");
    tale.put(
        "plan 3.0",
        STATISTICIAN,
        Role::Statistician,
        Meaning::Authorship,
        plan,
    )
    .await;
    tale.countersign(
        "plan 3.0 approved",
        "plan 3.0",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
    )
    .await;
}
