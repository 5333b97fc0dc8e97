//! Reading a trust file.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::checkpoint::Origin;
use crate::note::{KeyType, VerifierKey};
use crate::time::Instant;
use crate::timestamp::{Certificate, ObjectIdentifier};

use super::quorum::{Group, Member, Quorum, Witness, reached_from};
use super::{Authority, Level, Trust, TrustError, TrustedLog};

/// Most witnesses and most groups, which bounds how deep a walk through groups can go.
const MEMBERS_MAX: usize = 256;
/// Most authorities, and most certificates of one: each token may be tried with all of them.
const AUTHORITIES_MAX: usize = 64;
const ROOTS_MAX: usize = 16;
/// The accuracy of tokens that state none, where the file does not say.
const ACCURACY_SECONDS_DEFAULT: u64 = 1;
/// A less accurate clock proves no day.
const ACCURACY_SECONDS_MAX: u64 = 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) log: Vec<LogEntry>,
    #[serde(default)]
    pub(super) witness: Vec<WitnessEntry>,
    #[serde(default)]
    pub(super) group: Vec<GroupEntry>,
    #[serde(default)]
    pub(super) authority: Vec<AuthorityEntry>,
    #[serde(default)]
    pub(super) policy: PolicyEntry,
}

pub(super) type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogEntry {
    pub(super) origin: Text,
    pub(super) ed25519: Text,
    pub(super) mldsa: Text,
    pub(super) from: Text,
    pub(super) until: Option<Text>,
    pub(super) ed25519_compromised_at: Option<Text>,
    pub(super) mldsa_compromised_at: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WitnessEntry {
    pub(super) name: Text,
    pub(super) vkeys: Spanned<Vec<Text>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupEntry {
    pub(super) name: Text,
    pub(super) of: Spanned<Of>,
    pub(super) members: Spanned<Vec<Text>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Of {
    Number(usize),
    Word(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorityEntry {
    name: Text,
    roots: Spanned<Vec<Text>>,
    #[serde(default)]
    policy_oids: Vec<Text>,
    default_accuracy_seconds: Option<Spanned<u64>>,
    compromised_at: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyEntry {
    pub(super) quorum: Option<Text>,
    pub(super) require: Option<Text>,
    #[serde(default)]
    pub(super) allow_drafts: bool,
}

pub(super) fn read(text: &str) -> Result<Trust, TrustError> {
    let source = Source(text);
    let file: File = toml::from_str(text).map_err(|error| {
        let key = error
            .span()
            .and_then(|span| source.key_at(&span))
            .unwrap_or_else(|| "file".to_owned());
        source.error(error.span().unwrap_or(0..0), &key, error.message())
    })?;
    check(text, &file)
}

/// Checks the entries of a file with this text.
pub(super) fn check(text: &str, file: &File) -> Result<Trust, TrustError> {
    let source = Source(text);
    let mut keys = Keys {
        source,
        seen: Vec::new(),
    };
    let mut logs: Vec<TrustedLog> = Vec::new();
    for entry in &file.log {
        let log = read_log(entry, &mut keys)?;
        if logs.iter().any(|other| other.origin == log.origin) {
            let problem = "stands twice; an origin never gets new keys";
            return Err(source.error(entry.origin.span(), "log.origin", problem));
        }
        logs.push(log);
    }
    let quorum = read_quorum(file, &mut keys)?;
    let authorities = read_authorities(file, source)?;
    let mut trust = Trust::new(text, logs, quorum, authorities);
    if let Some(require) = &file.policy.require {
        trust.require = match require.get_ref().as_str() {
            "sealed" => Level::Sealed,
            "witnessed" => Level::Witnessed,
            "timestamped" => Level::Timestamped,
            _ => {
                let problem = "is none of sealed, witnessed, timestamped";
                return Err(source.error(require.span(), "policy.require", problem));
            }
        };
    }
    trust.allow_drafts = file.policy.allow_drafts;
    Ok(trust)
}

/// The trust file for one log, from its two vkeys.
pub(super) fn for_log_pub(log_pub: &str, from: Instant, allow_drafts: bool) -> Result<String, TrustError> {
    let refuse = |line, problem: String| TrustError {
        line,
        key: "log.pub".to_owned(),
        problem,
    };
    let lines: Vec<&str> = log_pub.lines().collect();
    let [ed25519, mldsa] = lines[..] else {
        return Err(refuse(
            1,
            format!("has {} lines instead of the two vkeys of a log", lines.len()),
        ));
    };
    for (line, text) in [(1, ed25519), (2, mldsa)] {
        // What is a vkey needs no escapes in TOML.
        VerifierKey::parse(text).map_err(|error| refuse(line, error.to_string()))?;
        Origin::new(text.split('+').next().unwrap_or_default())
            .map_err(|error| refuse(line, error.to_string()))?;
    }
    let origin = ed25519.split('+').next().unwrap_or_default();
    Ok(format!(
        "[[log]]\norigin = \"{origin}\"\ned25519 = \"{ed25519}\"\nmldsa = \"{mldsa}\"\nfrom = \"{from}\"\n\n\
         [policy]\nallow_drafts = {allow_drafts}\n"
    ))
}

/// The text of the file, to say on which line something stands.
#[derive(Clone, Copy)]
pub(super) struct Source<'a>(pub(super) &'a str);

impl Source<'_> {
    pub(super) fn error(self, span: Range<usize>, key: &str, problem: &str) -> TrustError {
        let before = self.0.as_bytes().get(..span.start).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        // Messages of the parser may have several lines.
        let problem = problem.lines().collect::<Vec<_>>().join("; ");
        TrustError {
            line,
            key: key.to_owned(),
            problem,
        }
    }

    /// What stands in front of `=` on the line, or the line's table header.
    fn key_at(self, span: &Range<usize>) -> Option<String> {
        let before = self.0.get(..span.start)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.0.get(start..)?.lines().next()?;
        let key = line.split('=').next()?.trim().trim_matches(['[', ']']);
        (!key.is_empty()).then(|| key.chars().take(64).collect())
    }
}

/// Reads keys, each of which may stand once in the file.
struct Keys<'a> {
    source: Source<'a>,
    seen: Vec<Vec<u8>>,
}

impl Keys<'_> {
    fn read(&mut self, text: &Text, key: &str, types: &[KeyType]) -> Result<VerifierKey, TrustError> {
        let refuse = |problem: &str| self.source.error(text.span(), key, problem);
        let found = VerifierKey::parse(text.get_ref()).map_err(|error| refuse(&error.to_string()))?;
        if !types.contains(&found.key_type()) {
            let bytes: Vec<String> = types
                .iter()
                .map(|known| format!("0x{:02x}", known.byte()))
                .collect();
            let own = found.key_type().byte();
            return Err(refuse(&format!(
                "has type 0x{own:02x}; expected is {}",
                bytes.join(" or ")
            )));
        }
        let public_key = found.public_key();
        if self.seen.contains(&public_key) {
            return Err(refuse("holds a public key that stands in the file already"));
        }
        self.seen.push(public_key);
        Ok(found)
    }
}

fn read_log(entry: &LogEntry, keys: &mut Keys<'_>) -> Result<TrustedLog, TrustError> {
    let source = keys.source;
    let origin = Origin::new(entry.origin.get_ref())
        .map_err(|error| source.error(entry.origin.span(), "log.origin", &error.to_string()))?;
    let ed25519 = keys.read(&entry.ed25519, "log.ed25519", &[KeyType::Ed25519])?;
    let mldsa = keys.read(&entry.mldsa, "log.mldsa", &[KeyType::MlDsa44])?;
    for (key, text, name) in [
        (&ed25519, &entry.ed25519, "log.ed25519"),
        (&mldsa, &entry.mldsa, "log.mldsa"),
    ] {
        if key.name().as_str() != origin.as_str() {
            let problem = format!("is named {}, not {origin}", key.name());
            return Err(source.error(text.span(), name, &problem));
        }
    }
    let from = instant(source, &entry.from, "log.from")?;
    let until = maybe_instant(source, entry.until.as_ref(), "log.until")?;
    if let (Some(until), Some(text)) = (until, &entry.until)
        && until <= from
    {
        return Err(source.error(text.span(), "log.until", "does not come after from"));
    }
    let compromised = |text: &Option<Text>, key| maybe_instant(source, text.as_ref(), key);
    Ok(TrustedLog {
        origin,
        ed25519,
        mldsa,
        from,
        until,
        ed25519_compromised_at: compromised(&entry.ed25519_compromised_at, "log.ed25519_compromised_at")?,
        mldsa_compromised_at: compromised(&entry.mldsa_compromised_at, "log.mldsa_compromised_at")?,
    })
}

fn read_quorum(file: &File, keys: &mut Keys<'_>) -> Result<Quorum, TrustError> {
    let source = keys.source;
    if file.witness.len() > MEMBERS_MAX || file.group.len() > MEMBERS_MAX {
        return Err(source.error(0..0, "witness, group", "stand more than 256 times"));
    }
    let mut names: Vec<(&str, Member)> = Vec::new();
    let witness_names = file.witness.iter().map(|entry| (&entry.name, "witness.name"));
    let group_names = file.group.iter().map(|entry| (&entry.name, "group.name"));
    for (index, (name, key)) in witness_names.chain(group_names).enumerate() {
        let text = name.get_ref().as_str();
        if text.is_empty() || text == "none" || names.iter().any(|(other, _)| *other == text) {
            let problem = "is empty, is none, or names another witness or group already";
            return Err(source.error(name.span(), key, problem));
        }
        let member = match index.checked_sub(file.witness.len()) {
            None => Member::Witness(index),
            Some(group) => Member::Group(group),
        };
        names.push((text, member));
    }
    let mut quorum = Quorum::default();
    for entry in &file.witness {
        if entry.vkeys.get_ref().is_empty() {
            return Err(source.error(entry.vkeys.span(), "witness.vkeys", "holds no key"));
        }
        let types = [KeyType::Ed25519Cosignature, KeyType::MlDsa44];
        let vkeys = entry
            .vkeys
            .get_ref()
            .iter()
            .map(|text| keys.read(text, "witness.vkeys", &types));
        let vkeys = vkeys.collect::<Result<_, _>>()?;
        quorum.witnesses.push(Witness {
            name: entry.name.get_ref().clone(),
            vkeys,
        });
    }
    for entry in &file.group {
        quorum.groups.push(read_group(entry, &names, source)?);
    }
    for (index, group) in quorum.groups.iter().enumerate() {
        if reached_from(&quorum.groups, index).get(index) == Some(&true) {
            let span = file.group.get(index).map_or(0..0, |entry| entry.members.span());
            let problem = format!("the group {} contains itself", group.name);
            return Err(source.error(span, "group.members", &problem));
        }
    }
    if let Some(name) = file
        .policy
        .quorum
        .as_ref()
        .filter(|name| name.get_ref() != "none")
    {
        quorum.decides = Some(find(&names, name, "policy.quorum", source)?);
    }
    Ok(quorum)
}

fn read_group(entry: &GroupEntry, names: &[(&str, Member)], source: Source<'_>) -> Result<Group, TrustError> {
    let mut members = Vec::new();
    for name in entry.members.get_ref() {
        let member = find(names, name, "group.members", source)?;
        if members.contains(&member) {
            return Err(source.error(name.span(), "group.members", "names a member twice"));
        }
        members.push(member);
    }
    let of = match entry.of.get_ref() {
        Of::Number(number) => *number,
        Of::Word(word) if word == "all" => members.len(),
        Of::Word(word) if word == "any" => 1,
        Of::Word(_) => 0,
    };
    if of == 0 || of > members.len() {
        let problem = format!("is neither all, any, nor a number from 1 to {}", members.len());
        return Err(source.error(entry.of.span(), "group.of", &problem));
    }
    Ok(Group {
        name: entry.name.get_ref().clone(),
        of,
        members,
    })
}

fn find(names: &[(&str, Member)], name: &Text, key: &str, source: Source<'_>) -> Result<Member, TrustError> {
    names
        .iter()
        .find(|(known, _)| known == name.get_ref())
        .map(|(_, member)| *member)
        .ok_or_else(|| {
            source.error(
                name.span(),
                key,
                &format!("{:?} names no witness or group", name.get_ref()),
            )
        })
}

fn read_authorities(file: &File, source: Source<'_>) -> Result<Vec<Authority>, TrustError> {
    if file.authority.len() > AUTHORITIES_MAX {
        return Err(source.error(0..0, "authority", "stands more than 64 times"));
    }
    let mut authorities: Vec<Authority> = Vec::new();
    for entry in &file.authority {
        let name = entry.name.get_ref();
        if name.is_empty() || authorities.iter().any(|other| other.name == *name) {
            let problem = "is empty, or names another authority already";
            return Err(source.error(entry.name.span(), "authority.name", problem));
        }
        authorities.push(read_authority(entry, source)?);
    }
    Ok(authorities)
}

fn read_authority(entry: &AuthorityEntry, source: Source<'_>) -> Result<Authority, TrustError> {
    if entry.roots.get_ref().is_empty() || entry.roots.get_ref().len() > ROOTS_MAX {
        let problem = "holds no certificate, or more than 16";
        return Err(source.error(entry.roots.span(), "authority.roots", problem));
    }
    let root = |text: &Text| {
        Certificate::from_pem(text.get_ref())
            .map_err(|error| source.error(text.span(), "authority.roots", &error.to_string()))
    };
    let policy = |text: &Text| {
        let problem = "is not an object identifier, such as 1.3.6.1.4.1.1";
        ObjectIdentifier::new(text.get_ref())
            .map_err(|_| source.error(text.span(), "authority.policy_oids", problem))
    };
    let accuracy_seconds = match &entry.default_accuracy_seconds {
        None => ACCURACY_SECONDS_DEFAULT,
        Some(seconds) if *seconds.get_ref() <= ACCURACY_SECONDS_MAX => *seconds.get_ref(),
        Some(seconds) => {
            let key = "authority.default_accuracy_seconds";
            return Err(source.error(seconds.span(), key, "is more than 86400, a day"));
        }
    };
    Ok(Authority {
        name: entry.name.get_ref().clone(),
        roots: entry.roots.get_ref().iter().map(root).collect::<Result<_, _>>()?,
        policy_oids: entry.policy_oids.iter().map(policy).collect::<Result<_, _>>()?,
        default_accuracy_millis: accuracy_seconds * 1_000,
        compromised_at: maybe_instant(source, entry.compromised_at.as_ref(), "authority.compromised_at")?,
    })
}

fn instant(source: Source<'_>, text: &Text, key: &str) -> Result<Instant, TrustError> {
    Instant::parse(text.get_ref()).map_err(|error| source.error(text.span(), key, &error.to_string()))
}

fn maybe_instant(source: Source<'_>, text: Option<&Text>, key: &str) -> Result<Option<Instant>, TrustError> {
    text.map(|text| instant(source, text, key)).transpose()
}
