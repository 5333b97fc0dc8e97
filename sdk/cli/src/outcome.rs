//! What people and machines see: a verdict in capitals, one sentence, why, and what to do next.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use crate::words::shown_lines;

/// The exit codes, as the help lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Disproven = 1,
    NotProvable = 2,
    Pending = 3,
    Usage = 64,
    BadInput = 65,
    Missing = 66,
    CannotWrite = 73,
    RetryIsSafe = 75,
    NotAllowed = 77,
    Configuration = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How a command ended.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) exit: Exit,
    /// In capitals.
    pub(crate) verdict: &'static str,
    /// One plain sentence.
    pub(crate) sentence: String,
    /// Why, a sentence each.
    pub(crate) because: Vec<String>,
    /// What to do, where there is something to do.
    pub(crate) next: Option<String>,
    /// More keys for `--json`.
    pub(crate) data: Map<String, Value>,
}

impl Answer {
    pub(crate) fn new(exit: Exit, verdict: &'static str, sentence: impl Into<String>) -> Self {
        let (because, data) = (Vec::new(), Map::new());
        Self {
            exit,
            verdict,
            sentence: sentence.into(),
            because,
            next: None,
            data,
        }
    }

    pub(crate) fn because(mut self, sentence: impl Into<String>) -> Self {
        self.because.push(sentence.into());
        self
    }

    pub(crate) fn next(mut self, sentence: impl Into<String>) -> Self {
        self.next = Some(sentence.into());
        self
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    /// As one JSON object.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("verdict".to_owned(), json!(self.verdict));
        object.insert("sentence".to_owned(), json!(self.sentence));
        object.insert("because".to_owned(), json!(self.because));
        object.insert("next".to_owned(), json!(self.next));
        object.insert("exit".to_owned(), json!(self.exit as u8));
        object.extend(self.data.clone());
        Value::Object(object)
    }
}

/// Writes results to standard output and everything else to standard error.
pub(crate) struct Printer {
    json: bool,
    colour: bool,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        let colour = !json && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colour }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The last word of a command: a verdict is its result, an obstacle is a message.
    pub(crate) fn answer(&self, answer: &Answer) {
        if self.json {
            self.result(&answer.to_json().to_string());
            return;
        }
        let mut text = self.line(answer.verdict, &answer.sentence, answer.exit);
        for sentence in &answer.because {
            text.push_str(&format!("\n    because  {}", indented(sentence)));
        }
        if let Some(next) = &answer.next {
            text.push_str(&format!("\n    next     {}", indented(next)));
        }
        if answer.sentence.is_empty() {
            return;
        }
        if (answer.exit as u8) < Exit::Usage as u8 {
            self.result(&text)
        } else {
            self.message(&text)
        }
    }

    /// One verdict among several, as a result; nothing with `--json`.
    pub(crate) fn verdict(&self, verdict: &str, sentence: &str, exit: Exit) {
        if !self.json {
            self.result(&self.line(verdict, sentence, exit));
        }
    }

    /// A line of the result.
    pub(crate) fn result(&self, line: &str) {
        // Whoever reads may have stopped reading; there is nobody left to tell.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    /// A line for people.
    pub(crate) fn message(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    fn line(&self, verdict: &str, sentence: &str, exit: Exit) -> String {
        // Names, reasons and paths of others stand in sentences.
        let sentence = shown_lines(sentence);
        let padded = format!("{verdict:<8}");
        if !self.colour {
            return format!("  {padded} {sentence}");
        }
        let colour = match exit {
            Exit::Done => "32",
            Exit::Disproven => "31",
            _ => "33",
        };
        format!("  \u{1b}[1;{colour}m{padded}\u{1b}[0m {sentence}")
    }
}

/// `1 record`, `2 records`.
pub(crate) fn count(number: usize, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {one}{ending}")
}

/// How bad an end is, among several: what is disproven weighs most, what is only late least.
pub(crate) fn severity(exit: Exit) -> u8 {
    match exit {
        Exit::Done => 0,
        Exit::Pending => 1,
        Exit::NotProvable => 2,
        Exit::RetryIsSafe => 3,
        Exit::Missing => 4,
        Exit::BadInput => 5,
        Exit::CannotWrite => 6,
        Exit::NotAllowed => 7,
        Exit::Configuration => 8,
        Exit::Usage => 9,
        Exit::Disproven => 10,
    }
}

fn indented(text: &str) -> String {
    shown_lines(text).replace('\n', "\n             ")
}
