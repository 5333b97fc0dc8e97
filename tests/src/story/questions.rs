//! What inspectors ask about the story, and how it comes out: of every question at least one that is
//! PROVEN, one that is DISPROVEN and one that is NOT PROVABLE.

use std::collections::BTreeSet;
use std::path::Path;

use trialseal::{Class, Role};
use trialseal_core::assertion::{
    Answer, Given, Verdict, approved_by, before, contemporaneous, countersigned, derived, in_force,
    only_versions, preceded, same,
};
use trialseal_core::dossier::Dossier;
use trialseal_core::hash::RecordId;
use trialseal_core::identifiers::RegisterName;
use trialseal_core::pack::Pack;
use trialseal_core::trust::Trust;

use super::tale::Tale;
use super::words::date;

/// A question, the answer that it must have, and the one that it has.
pub struct Question {
    /// The assertion or pack.
    pub asks: &'static str,
    /// In the words of the story.
    pub about: String,
    /// How it must come out.
    pub expected: Verdict,
    /// How it comes out.
    pub answer: Answer,
}

/// What is at hand when a question is asked.
pub struct Papers {
    /// The files, by name.
    pub files: Vec<(String, Vec<u8>)>,
    trust: Trust,
}

impl Papers {
    /// Every file below a folder, judged by a trust.
    #[must_use]
    pub fn of_folder(folder: &Path, trust: Trust) -> Self {
        let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(at) = folders.pop() {
            for entry in std::fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                    files.push((name, std::fs::read(path).unwrap()));
                }
            }
        }
        files.sort();
        Self { files, trust }
    }

    /// The same, by another trust.
    #[must_use]
    pub fn judged_by(&self, trust: Trust) -> Self {
        let files = self.files.clone();
        Self { files, trust }
    }

    /// The same without some files.
    #[must_use]
    pub fn without(&self, leave_out: impl Fn(&str, &[u8]) -> bool) -> Self {
        let mut files = self.files.clone();
        files.retain(|(name, bytes)| !leave_out(name, bytes));
        let trust = self.trust.clone();
        Self { files, trust }
    }

    /// Verified and put together.
    #[must_use]
    pub fn dossier(&self) -> Dossier {
        Dossier::load(&self.trust, trialseal::now(), self.files.iter().cloned())
    }
}

/// A story and its papers, and what is asked.
pub struct Inspection<'a> {
    tale: &'a Tale,
    register: RegisterName,
    whole: Dossier,
    papers: &'a Papers,
    asked: Vec<Question>,
}

impl<'a> Inspection<'a> {
    /// Asks everything.
    #[must_use]
    pub fn of(tale: &'a Tale, papers: &'a Papers) -> Vec<Question> {
        let mut inspection = Self {
            tale,
            register: super::REGISTER.parse().unwrap(),
            whole: papers.dossier(),
            papers,
            asked: Vec::new(),
        };
        inspection.order();
        inspection.files();
        inspection.boards();
        inspection.in_force();
        inspection.versions();
        inspection.derivations();
        inspection.signatures();
        inspection.times();
        inspection.packs();
        inspection.asked
    }

    fn ask(&mut self, asks: &'static str, about: &str, expected: Verdict, answer: Answer) {
        self.asked.push(Question {
            asks,
            about: about.to_owned(),
            expected,
            answer,
        });
    }

    fn record(&self, name: &str) -> RecordId {
        self.tale.told(name).recorded.record
    }

    /// The dossier without these records.
    fn lacking(&self, names: &[&str]) -> Dossier {
        let texts: BTreeSet<&str> = names
            .iter()
            .map(|name| self.tale.told(name).recorded.receipt.record().when.text.as_str())
            .collect();
        // A record's part `when` is its own: nobody else's receipt has its salt and text.
        let is_of = |bytes: &[u8]| {
            let receipt = trialseal_core::receipt::Receipt::parse(bytes);
            receipt.is_ok_and(|receipt| texts.contains(receipt.record().when.text.as_str()))
        };
        self.papers.without(|_, bytes| is_of(bytes)).dossier()
    }

    /// The dossier without a register statement.
    fn without_statement(&self) -> Dossier {
        self.papers
            .without(|name, _| name.contains("statement"))
            .dossier()
    }

    /// A file of the story, under its own name.
    fn given(&self, file: &str) -> Given {
        self.given_as(file, file)
    }

    /// A file of the story, under another name.
    fn given_as(&self, file: &str, name: &str) -> Given {
        let hashed = self.tale.hashed(&[file]).remove(0);
        Given {
            name: name.to_owned(),
            digests: hashed.digests,
            content: Vec::new(),
        }
    }

    fn order(&mut self) {
        let (plan, unblinded) = (self.record("plan 2.0"), self.record("unblinded"));
        let answer = before(&self.whole, &plan, &unblinded);
        self.ask("before", "plan 2.0, unblinded", Verdict::Proven, answer);
        let answer = before(&self.whole, &unblinded, &plan);
        self.ask("before", "unblinded, plan 2.0", Verdict::Disproven, answer);
        let answer = before(&self.lacking(&["plan 2.0"]), &plan, &unblinded);
        self.ask("before", "plan 2.0 is not shown", Verdict::NotProvable, answer);

        let (post_hoc, late) = (self.record("plan 3.0"), self.record("suspension, recorded late"));
        let answer = preceded(&self.whole, &plan, &unblinded);
        self.ask("preceded", "plan 2.0, the unblinding", Verdict::Proven, answer);
        let answer = preceded(&self.whole, &post_hoc, &unblinded);
        self.ask("preceded", "plan 3.0, the unblinding", Verdict::Disproven, answer);
        let measure = self.record("protocol 2.1 at DE-01");
        let answer = preceded(&self.whole, &measure, &late);
        self.ask(
            "preceded",
            "the measure, the suspension",
            Verdict::NotProvable,
            answer,
        );
    }

    fn files(&mut self) {
        let plan = self.record("plan 2.0");
        let answer = same(&self.whole, &plan, &self.given("sap-2.0.pdf")).answer;
        self.ask("same", "sap-2.0.pdf", Verdict::Proven, answer);
        let other = self.given_as("sap-1.0.pdf", "sap-2.0.pdf");
        let answer = same(&self.whole, &plan, &other).answer;
        self.ask("same", "sap-1.0.pdf as sap-2.0.pdf", Verdict::Disproven, answer);
        let receipt = &self.tale.told("plan 2.0").recorded.receipt;
        let closed = receipt.clone().without_manifest().to_json_pretty().into_bytes();
        let closed = [("closed.receipt.json".to_owned(), closed)];
        let dossier = Dossier::load(&self.tale.world.trust(), trialseal::now(), closed);
        let answer = same(&dossier, &plan, &self.given("sap-2.0.pdf")).answer;
        self.ask("same", "its manifest is not opened", Verdict::NotProvable, answer);
    }

    fn boards(&mut self) {
        let board = |name: &str| name.parse().unwrap();
        let (first, measure) = (self.given("protocol-1.0.pdf"), self.given("protocol-2.1.pdf"));
        let register = self.register.clone();
        let answer = approved_by(&self.whole, &register, &board("ethics-berlin"), &first);
        self.ask("approved_by", "Berlin, protocol 1.0", Verdict::Proven, answer);
        let answer = approved_by(&self.whole, &register, &board("ethics-berlin"), &measure);
        self.ask("approved_by", "Berlin, the measure", Verdict::Disproven, answer);
        let letter = self.lacking(&["opinion Lyon", "opinion Lyon on 2.0", "opinion Lyon on 3.0"]);
        let answer = approved_by(&letter, &register, &board("cpp-lyon"), &first);
        self.ask(
            "approved_by",
            "Lyon, by a letter alone",
            Verdict::NotProvable,
            answer,
        );
    }

    fn in_force(&mut self) {
        for (class, site, day, expected) in [
            (Class::Protocol, "DE-01", "2026-03-02", Verdict::Proven),
            (Class::Protocol, "FR-01", "2026-07-10", Verdict::Proven),
            (Class::Protocol, "DE-01", "2026-03-16", Verdict::NotProvable),
            (
                Class::InformedConsentForm,
                "DE-01",
                "2026-08-05",
                Verdict::Disproven,
            ),
        ] {
            let (site_code, on) = (site.parse().unwrap(), date(day));
            let answer = in_force(&self.whole, &self.register, class, &site_code, on).answer;
            self.ask(
                "in_force",
                &format!("{class} at {site} on {day}"),
                expected,
                answer,
            );
        }
    }

    fn versions(&mut self) {
        let class = Class::StatisticalAnalysisPlan;
        let all: Vec<RecordId> = self
            .whole
            .register(&self.register)
            .iter()
            .filter(|fact| fact.class() == class)
            .map(|fact| fact.record)
            .collect();
        let answer = only_versions(&self.whole, &self.register, class, &all);
        self.ask("only_versions", "all plans", Verdict::Proven, answer);
        let two = [self.record("plan 1.0"), self.record("plan 2.0")];
        let answer = only_versions(&self.whole, &self.register, class, &two);
        self.ask("only_versions", "two plans", Verdict::Disproven, answer);
        let answer = only_versions(&self.without_statement(), &self.register, class, &all);
        self.ask("only_versions", "no statement", Verdict::NotProvable, answer);
    }

    fn derivations(&mut self) {
        let (table, register) = (self.given("14-1.01.rtf"), self.register.clone());
        let data = [self.given("adsl-1.1.xpt"), self.given("tables.R")];
        let answer = derived(&self.whole, &register, &table, &data);
        self.ask("derived", "table 14-1.01", Verdict::Proven, answer);
        let other = [self.given_as("adsl.xpt", "adsl-1.1.xpt")];
        let answer = derived(&self.whole, &register, &table, &other);
        self.ask("derived", "from other data", Verdict::Disproven, answer);
        let answer = derived(&self.lacking(&["relock"]), &register, &table, &data);
        self.ask("derived", "the lock is not shown", Verdict::NotProvable, answer);
    }

    fn signatures(&mut self) {
        let (plan, unlock) = (self.record("plan 2.0"), self.record("second unlock"));
        let both = [Role::Statistician, Role::Sponsor];
        let answer = countersigned(&self.whole, &plan, &both);
        self.ask("countersigned", "plan 2.0", Verdict::Proven, answer);
        let answer = countersigned(&self.whole, &unlock, &[Role::Investigator]);
        self.ask(
            "countersigned",
            "the unlock that was declined",
            Verdict::Disproven,
            answer,
        );
        let answer = countersigned(&self.lacking(&["plan 2.0 approved"]), &plan, &both);
        self.ask(
            "countersigned",
            "a signature is not shown",
            Verdict::NotProvable,
            answer,
        );
    }

    fn times(&mut self) {
        let unblinded = self.record("unblinded");
        let answer = contemporaneous(&self.whole, &unblinded, None);
        self.ask("contemporaneous", "unblinding", Verdict::Proven, answer);
        let late = self.record("suspension, recorded late");
        let answer = contemporaneous(&self.whole, &late, None);
        self.ask("contemporaneous", "suspension", Verdict::Disproven, answer);
        let alone = self
            .papers
            .judged_by(self.tale.world.trust_in_the_log())
            .dossier();
        let answer = contemporaneous(&alone, &unblinded, None);
        self.ask(
            "contemporaneous",
            "no witness is trusted",
            Verdict::NotProvable,
            answer,
        );
    }

    fn packs(&mut self) {
        let without_plan = self.lacking(&["plan 2.0"]);
        for name in ["ich-e9", "prospective"] {
            let pack = Pack::builtin(name).expect("a pack");
            let report = pack.check(&self.whole, &self.register);
            let (verdict, answer) = (report.verdict, report.sentence);
            self.ask("pack", name, Verdict::Proven, told(verdict, answer));
        }
        let pack = Pack::builtin("ich-e9").expect("a pack");
        let report = pack.check(&self.whole, &super::CROOKED.parse().unwrap());
        let answer = told(report.verdict, report.sentence);
        self.ask("pack", "ich-e9, the other trial", Verdict::Disproven, answer);
        let report = pack.check(&without_plan, &self.register);
        let answer = told(report.verdict, report.sentence);
        self.ask(
            "pack",
            "ich-e9, plan 2.0 is not shown",
            Verdict::NotProvable,
            answer,
        );
    }
}

/// What a pack says, as an answer.
fn told(verdict: Verdict, sentence: String) -> Answer {
    Answer {
        verdict,
        sentence,
        because: Vec::new(),
        next: None,
    }
}
