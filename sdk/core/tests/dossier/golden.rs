//! Answers as texts, compared with those that were read and kept.

use std::fmt::{Display, Write as _};

use trialseal_core::assertion::{Answer, Verdict};

/// Answers under names, in their order.
#[derive(Default)]
pub(crate) struct Golden {
    text: String,
    verdicts: Vec<Verdict>,
}

impl Golden {
    /// Adds an answer, whose verdict has to be this one.
    pub(crate) fn case(&mut self, name: &str, verdict: Verdict, answer: &Answer) {
        assert_eq!(answer.verdict, verdict, "{name}: {answer}");
        self.verdicts.push(verdict);
        self.text(name, answer);
    }

    /// Adds any text.
    pub(crate) fn text(&mut self, name: &str, text: &impl Display) {
        writeln!(self.text, "== {name}\n{text}").unwrap();
    }

    /// Compares with the file, and sees that each verdict had its case.
    pub(crate) fn check_all_verdicts(&self, file: &str) {
        for verdict in [Verdict::Proven, Verdict::NotProvable, Verdict::Disproven] {
            assert!(self.verdicts.contains(&verdict), "no case is {verdict}");
        }
        self.check(file);
    }

    /// Compares with the file.
    pub(crate) fn check(&self, file: &str) {
        let path = format!("{}/tests/dossier/golden/{file}.txt", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("TRIALSEAL_BLESS").is_some() {
            std::fs::write(&path, &self.text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(self.text, kept, "{path}");
    }
}
