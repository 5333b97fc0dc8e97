//! `trialseal member`: what an organisation's administrator enrols and revokes.

use std::path::{Path, PathBuf};

use serde_json::json;
use trialseal::core::identifiers::{MemberId, MemberName};
use trialseal::core::note::VerifierKey;
use trialseal::durable::{self, Access};
use trialseal::{Submission, Token, now, public_path, records};

use super::{block_on, receipt_file, submit};
use crate::args::{Member, Signing};
use crate::config::{Config, Place};
use crate::errors::{self, Ended, bad_input, configuration};
use crate::outcome::{Answer, Exit, Printer, count};
use crate::secrets;

/// Seconds to wait for the notary.
const DEADLINE_S: u64 = 30;
/// A token is good for 90 days unless said otherwise.
const TOKEN_MILLIS: i64 = 90 * 24 * 3_600 * 1_000;

/// A record that is to be made.
struct Wanted<'a> {
    submission: Submission,
    receipt: String,
    signing: &'a Signing,
    next: Option<String>,
}

pub(crate) fn run(command: &Member, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let wanted = match command {
        Member::List(_) => return list(&config, printer),
        Member::Add(command) => Wanted {
            submission: records::enrol_member(
                &own(&config, &command.member)?,
                command.kind,
                command.identifiers.clone(),
            ),
            receipt: format!("member-{}", command.member),
            signing: &command.signing,
            next: Some(
                "Enrol the key: trialseal member key FILE.pub; and make a token: trialseal member token"
                    .to_owned(),
            ),
        },
        Member::Key(command) => {
            let key = public_key(&command.key)?;
            let name = key.name().to_string();
            Wanted {
                submission: records::enrol_key(key)
                    .map_err(|error| bad_input(errors::sentence(&error.to_string())))?,
                receipt: format!("key-{}", name.replace('/', ".")),
                signing: &command.signing,
                next: Some(format!(
                    "The key is good once {name} has confirmed it: trialseal login"
                )),
            }
        }
        Member::Token(command) => return token(command, &config, printer),
        Member::Revoke(command) => {
            let name = own(&config, &command.member)?;
            let submission = match (&command.key, &command.token) {
                (Some(key), _) => records::revoke_key(public_key(key)?)
                    .map_err(|error| bad_input(errors::sentence(&error.to_string())))?,
                (None, Some(file)) => records::revoke_token(&name, secrets::token(Some(file))?.sha256()),
                (None, None) => records::revoke_member(&name),
            };
            Wanted {
                submission,
                receipt: format!("revoked-{}", command.member),
                signing: &command.signing,
                next: None,
            }
        }
    };
    record(&config, wanted, printer)
}

fn record(config: &Config, wanted: Wanted<'_>, printer: &Printer) -> Result<Answer, Ended> {
    let act = submit::Act {
        submission: wanted.submission,
        receipt: PathBuf::from(format!("{}{}", wanted.receipt, receipt_file::ENDING)),
    };
    let answer = submit::act(config, act, wanted.signing, printer)?;
    Ok(match wanted.next {
        Some(next) if answer.exit == Exit::Done => answer.next(next),
        _ => answer,
    })
}

/// The token is on disk before its hash is on record: the other way round it could be lost.
fn token(command: &crate::args::AddToken, config: &Config, printer: &Printer) -> Result<Answer, Ended> {
    let name = own(config, &command.member)?;
    let failed = |problem: String| {
        let sentence = format!("{} {problem}. Nothing was sent.", command.out.display());
        Box::new(Answer::new(Exit::CannotWrite, "NOT SENT", sentence))
    };
    // One that is there was made by a run that was cut off, and is enrolled now.
    let token = if command.out.exists() {
        secrets::token(Some(&command.out))?
    } else {
        let token = Token::generate().map_err(|error| failed(format!("was not made: {error}")))?;
        let text = format!("{}\n", *token.to_text());
        durable::create(&command.out, text.as_bytes(), Access::Owner)
            .map_err(|error| failed(format!("cannot be written: {error}")))?;
        token
    };
    let expires = command.expires.unwrap_or_else(|| {
        // A whole day, so that the same command on the same day is the same record.
        let day = now().plus_millis(TOKEN_MILLIS).date();
        trialseal::core::time::Instant::parse(&format!("{day}T00:00:00Z")).unwrap_or_else(|_| now())
    });
    let wanted = Wanted {
        submission: records::enrol_token(&name, token.sha256(), expires),
        receipt: format!("token-{}", command.member),
        signing: &command.signing,
        next: Some(format!(
            "Give {} to {name} over a channel that only they read; it is good until {expires}.",
            command.out.display()
        )),
    };
    record(config, wanted, printer)
}

fn list(config: &Config, printer: &Printer) -> Result<Answer, Ended> {
    let own = block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        client
            .organization(None)
            .await
            .map_err(errors::client_without_a_record)
    })?;
    let mut members = Vec::new();
    for member in &own.members {
        let administrator = if member.administrator {
            "  administrator"
        } else {
            ""
        };
        if !printer.is_json() {
            printer.result(&format!("  {:<16} {}{administrator}", member.member, member.kind));
        }
        let mut keys = Vec::new();
        for key in &member.keys {
            let state = if key.confirmed {
                "confirmed"
            } else {
                "not confirmed yet"
            };
            if !printer.is_json() {
                printer.result(&format!(
                    "    key  {}  {state}, record {}",
                    key.vkey,
                    key.enrolled.index.get()
                ));
            }
            keys.push(json!({
                "vkey": key.vkey,
                "confirmed": key.confirmed,
                "index": key.enrolled.index.get(),
                "record": key.enrolled.record.to_hex(),
            }));
        }
        members.push(json!({
            "member": member.member,
            "kind": member.kind,
            "administrator": member.administrator,
            "keys": keys,
        }));
    }
    let sentence = format!(
        "{} of {} ({}; identity: {}). A list is the notary's word; a receipt is proof.",
        count(own.members.len(), "member"),
        own.organization,
        own.kind,
        own.grade
    );
    Ok(Answer::new(Exit::Done, "LISTED", sentence)
        .with("organization", own.organization)
        .with("kind", own.kind)
        .with("members", members))
}

fn public_key(path: &Path) -> Result<VerifierKey, Ended> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Box::new(configuration(format!("{}: {error}.", path.display()))))?;
    VerifierKey::parse(text.trim()).map_err(|error| bad_input(format!("{}: {error}.", path.display())))
}

/// A member of the organisation that signs.
fn own(config: &Config, member: &MemberId) -> Result<MemberName, Ended> {
    let signer = config
        .signer
        .as_ref()
        .ok_or_else(|| Box::new(configuration("There is no key to sign with.").next("Log in with --key.")))?;
    let key = public_key(&public_path(&signer.key))?;
    let name: MemberName = key
        .name()
        .as_str()
        .parse()
        .map_err(|error| Box::new(configuration(format!("The key is named wrongly: {error}."))))?;
    Ok(MemberName::new(name.organization, member.clone()))
}
