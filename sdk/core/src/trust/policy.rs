//! Importing a C2SP tlog-policy.
//!
//! Its lines become the entries of a trust file, so that one reader checks both. What only a policy asks
//! for is checked here: names are defined before they are used, and each is a member at most once.

use std::ops::Range;

use toml::Spanned;

use crate::note::{KeyType, VerifierKey};
use crate::time::Instant;

use super::file::{self, File, GroupEntry, LogEntry, Of, PolicyEntry, Source, Text, WitnessEntry};
use super::{Level, Trust, TrustError};

/// Whether this is a tlog-policy and not TOML: its first line that says something begins with a word
/// of a policy, which `=` does not follow.
pub(super) fn is_policy(text: &str) -> bool {
    let mut lines = text.split('\n').map(|line| words(line, 0));
    let Some(first) = lines.find(|line| !line.is_empty()) else {
        return false;
    };
    let word = |place: usize| first.get(place).map_or("", |word| word.get_ref().as_str());
    ["log", "witness", "group", "quorum"].contains(&word(0)) && !word(1).starts_with('=')
}

pub(super) fn read(text: &str, from: Instant) -> Result<Trust, TrustError> {
    let source = Source(text);
    if let Some(at) = text.find(|character: char| character.is_ascii_control() && !"\t\n".contains(character))
    {
        let problem = "holds a control character that is neither tab nor newline";
        return Err(source.error(at..at, "policy", problem));
    }
    let mut lines = Lines {
        source,
        logs: Vec::new(),
        witnesses: Vec::new(),
        groups: Vec::new(),
        quorum: None,
    };
    let mut start = 0;
    for line in text.split('\n') {
        lines.read(&words(line, start), start..start + line.len())?;
        start += line.len() + 1;
    }
    let file = lines.into_file(from)?;
    let mut trust = file::check(text, &file)?;
    if trust.quorum.decides.is_some() {
        trust.require = Level::Witnessed;
    }
    Ok(trust)
}

/// The words of a line that starts at this byte of the file; none for a comment.
fn words(line: &str, start: usize) -> Vec<Text> {
    let mut words = Vec::new();
    let mut at = start;
    for word in line.split([' ', '\t']) {
        if !word.is_empty() {
            words.push(Spanned::new(at..at + word.len(), word.to_owned()));
        }
        at += word.len() + 1;
    }
    if words.first().is_some_and(|word| word.get_ref().starts_with('#')) {
        words.clear();
    }
    words
}

/// A line `log`: a key of an origin.
struct LogLine {
    key: VerifierKey,
    vkey: Text,
}

/// What the lines so far define.
struct Lines<'a> {
    source: Source<'a>,
    logs: Vec<LogLine>,
    witnesses: Vec<WitnessEntry>,
    groups: Vec<GroupEntry>,
    quorum: Option<Text>,
}

impl Lines<'_> {
    fn read(&mut self, words: &[Text], line: Range<usize>) -> Result<(), TrustError> {
        let Some((keyword, rest)) = words.split_first() else {
            return Ok(());
        };
        let expected = match (keyword.get_ref().as_str(), rest) {
            ("log", [vkey] | [vkey, _]) => return self.log(vkey),
            ("witness", [name, vkey] | [name, vkey, _]) => return self.witness(name, vkey),
            ("group", [name, of, members @ ..]) if !members.is_empty() => {
                return self.group(name, of, members);
            }
            ("quorum", [name]) => return self.quorum(name),
            ("log", _) => "log <vkey> [<url>]",
            ("witness", _) => "witness <name> <vkey> [<url>]",
            ("group", _) => "group <name> <all, any or a number> <member>...",
            ("quorum", _) => "quorum <name or none>",
            _ => "a line that begins with log, witness, group, quorum or #",
        };
        Err(self
            .source
            .error(line, "policy", &format!("expected is: {expected}")))
    }

    fn log(&mut self, vkey: &Text) -> Result<(), TrustError> {
        let refuse = |problem: &str| self.source.error(vkey.span(), "log", problem);
        let key = VerifierKey::parse(vkey.get_ref()).map_err(|error| refuse(&error.to_string()))?;
        if key.key_type() == KeyType::Ed25519Cosignature {
            return Err(refuse("has type 0x04, a witness's; expected is 0x01 or 0x06"));
        }
        let vkey = vkey.clone();
        self.logs.push(LogLine { key, vkey });
        Ok(())
    }

    /// Another key under the name of a witness is another key of that witness.
    fn witness(&mut self, name: &Text, vkey: &Text) -> Result<(), TrustError> {
        let text = name.get_ref();
        if self.groups.iter().any(|group| group.name.get_ref() == text) {
            let problem = format!("{text:?} names a group already");
            return Err(self.source.error(name.span(), "witness", &problem));
        }
        let mut known = self.witnesses.iter_mut();
        match known.find(|witness| witness.name.get_ref() == text) {
            Some(witness) => witness.vkeys.get_mut().push(vkey.clone()),
            None => self.witnesses.push(WitnessEntry {
                name: name.clone(),
                vkeys: Spanned::new(vkey.span(), vec![vkey.clone()]),
            }),
        }
        Ok(())
    }

    fn group(&mut self, name: &Text, of: &Text, members: &[Text]) -> Result<(), TrustError> {
        for member in members {
            self.check_defined(member, "group")?;
            // Else a witness could count in more than one way.
            let mut taken = self.groups.iter().flat_map(|group| group.members.get_ref());
            if taken.any(|other| other.get_ref() == member.get_ref()) {
                let problem = format!("{:?} is a member of another group already", member.get_ref());
                return Err(self.source.error(member.span(), "group", &problem));
            }
        }
        let word = of.get_ref();
        let number = word
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| word.parse());
        let number_or_word = match number {
            Some(Ok(number)) => Of::Number(number),
            _ => Of::Word(word.clone()),
        };
        self.groups.push(GroupEntry {
            name: name.clone(),
            of: Spanned::new(of.span(), number_or_word),
            members: Spanned::new(name.span(), members.to_vec()),
        });
        Ok(())
    }

    fn quorum(&mut self, name: &Text) -> Result<(), TrustError> {
        if self.quorum.is_some() {
            let problem = "stands twice; a policy has one quorum";
            return Err(self.source.error(name.span(), "quorum", problem));
        }
        if name.get_ref() != "none" {
            self.check_defined(name, "quorum")?;
        }
        self.quorum = Some(name.clone());
        Ok(())
    }

    fn check_defined(&self, name: &Text, key: &str) -> Result<(), TrustError> {
        let witnesses = self.witnesses.iter().map(|witness| &witness.name);
        let groups = self.groups.iter().map(|group| &group.name);
        if witnesses
            .chain(groups)
            .any(|known| known.get_ref() == name.get_ref())
        {
            return Ok(());
        }
        let problem = format!("{:?} names no witness or group of a line before", name.get_ref());
        Err(self.source.error(name.span(), key, &problem))
    }

    fn into_file(self, from: Instant) -> Result<File, TrustError> {
        let mut log: Vec<LogEntry> = Vec::new();
        for line in &self.logs {
            let origin = line.key.name().as_str();
            if log.iter().any(|known| known.origin.get_ref() == origin) {
                continue;
            }
            let span = line.vkey.span();
            log.push(LogEntry {
                origin: Spanned::new(span.clone(), origin.to_owned()),
                ed25519: self.key_of(line, KeyType::Ed25519)?,
                mldsa: self.key_of(line, KeyType::MlDsa44)?,
                from: Spanned::new(span, from.to_string()),
                until: None,
                ed25519_compromised_at: None,
                mldsa_compromised_at: None,
            });
        }
        let missing = |line: &str| {
            let problem = format!("has no line: {line}");
            let end = self.source.0.trim_end().len();
            self.source.error(end..end, "policy", &problem)
        };
        if log.is_empty() {
            return Err(missing("log <vkey>; nothing can be proven without a log"));
        }
        if self.quorum.is_none() {
            return Err(missing("quorum <name or none>"));
        }
        Ok(File {
            log,
            witness: self.witnesses,
            group: self.groups,
            authority: Vec::new(),
            policy: PolicyEntry {
                quorum: self.quorum,
                ..PolicyEntry::default()
            },
        })
    }

    /// The only key of this type of the log whose first line this is.
    fn key_of(&self, log: &LogLine, key_type: KeyType) -> Result<Text, TrustError> {
        let origin = log.key.name();
        let kind = format!("key of type 0x{:02x}", key_type.byte());
        let is_wanted = |line: &&LogLine| line.key.name() == origin && line.key.key_type() == key_type;
        let mut found = self.logs.iter().filter(is_wanted);
        let Some(first) = found.next() else {
            let problem = format!(
                "the log {origin} has no {kind}; both its Ed25519 key (0x01) and its ML-DSA-44 key (0x06) \
                 are needed, a line each"
            );
            return Err(self.source.error(log.vkey.span(), "log", &problem));
        };
        if let Some(second) = found.next() {
            let problem = format!("the log {origin} has another {kind}; an origin never gets new keys");
            return Err(self.source.error(second.vkey.span(), "log", &problem));
        }
        Ok(first.vkey.clone())
    }
}
