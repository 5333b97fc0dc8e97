//! The sentence that a person sees before signing, and that stands in every rendering.

use trialseal_core::record::{Account, Grant, Link, Scope, TrialSettings, What};
use trialseal_core::vocabulary::{AccountType, Class, Event, Meaning, Rel};

/// The sentence that a signature stands under, e.g. `Statistical analysis plan 2.0, finalised;
/// meaning: approval.` What cannot be told from class and event follows them: who is granted which role,
/// which record is countersigned, what is erased.
#[must_use]
pub fn statement(what: &What, meaning: Option<Meaning>) -> String {
    let mut text = capitalised(what.class.as_str());
    if let Some(version) = &what.version {
        text.push(' ');
        text.push_str(version.as_str());
    }
    text.push_str(", ");
    text.push_str(&what.event.as_str().replace('-', " "));
    let phrases = phrases(what);
    if !phrases.is_empty() {
        text.push_str(": ");
        text.push_str(&phrases.join(", "));
    }
    match meaning {
        Some(meaning) => text.push_str(&format!("; meaning: {meaning}.")),
        None => text.push_str("; not signed."),
    }
    text
}

fn capitalised(code: &str) -> String {
    let mut text = code.replace('-', " ");
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    text
}

fn phrases(what: &What) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(grant) = &what.grant {
        found.extend(of_grant(grant));
    }
    if let Some(account) = &what.account {
        let organization = what.register.accounts_of().map_or("", |owner| owner.as_str());
        found.push(of_account(account, organization));
    }
    if let Some(trial) = &what.trial {
        let aliases = trial
            .aliases
            .iter()
            .map(|alias| format!("also known as {}", alias.as_str()));
        found.extend(aliases);
    }
    if let Some(settings) = &what.settings {
        found.extend(of_settings(settings));
    }
    if let Some(decision) = what.decision {
        let on = what
            .decided_on
            .map_or_else(String::new, |date| format!(" on {date}"));
        found.push(format!("{decision}{on}"));
    }
    if let Some(erased) = &what.erased {
        let parts: Vec<&str> = erased.parts.iter().map(|part| part.as_str()).collect();
        found.push(parts.join(" and "));
    }
    if what.event == Event::Opened {
        let roles: Vec<&str> = what.affects.iter().map(|role| role.as_str()).collect();
        found.push(format!("to {}", roles.join(" and ")));
    }
    found.extend(what.links.iter().filter_map(of_link));
    match &what.scope {
        Some(Scope::All) => found.push("everywhere".to_owned()),
        Some(Scope::Only(scopes)) => {
            found.extend(scopes.sites.iter().map(|site| format!("site {site}")));
            found.extend(
                scopes
                    .countries
                    .iter()
                    .map(|country| format!("country {country}")),
            );
        }
        None if what.class == Class::Grant => found.push("everywhere".to_owned()),
        None => {}
    }
    if let Some(date) = what.valid_from {
        found.push(format!("from {date}"));
    }
    if let Some(date) = what.valid_until {
        found.push(format!("until {date}"));
    }
    found
}

fn of_grant(grant: &Grant) -> Vec<String> {
    let mut found = vec![
        format!("{}/{} as {}", grant.organization, grant.member, grant.role),
        grant.blind.to_string(),
    ];
    if let Some(expires) = grant.expires {
        found.push(format!("until {expires}"));
    }
    found
}

fn of_account(account: &Account, organization: &str) -> String {
    let name = format!("{organization}/{}", account.id);
    let until = account
        .expires
        .map_or_else(String::new, |time| format!(" until {time}"));
    match account.account_type {
        AccountType::Organisation => format!("organisation {}", account.id),
        AccountType::Member => {
            let kind = account
                .kind
                .as_ref()
                .map_or_else(String::new, |kind| format!(", a {kind}"));
            format!("member {name}{kind}")
        }
        AccountType::Key => {
            let key = account
                .vkey
                .as_ref()
                .map_or_else(String::new, |key| format!(" {key}"));
            format!("the key{key}{until}")
        }
        AccountType::Token => format!("a token of {name}{until}"),
    }
}

fn of_settings(settings: &TrialSettings) -> Vec<String> {
    let blinding = settings.blinding.iter().map(ToString::to_string);
    let countries = settings.countries.iter().map(|one| {
        let needs: Vec<&str> = one.decisions.iter().map(|class| class.as_str()).collect();
        match needs.is_empty() {
            true => format!("{} needs no decision", one.country),
            false => format!("{} needs {}", one.country, needs.join(" and ")),
        }
    });
    let sites = settings.sites.iter().map(|one| {
        let board = one
            .board
            .as_ref()
            .map_or_else(String::new, |board| format!(", board {board}"));
        format!("site {} ({}, {}{board})", one.site, one.country, one.tz)
    });
    blinding.chain(countries).chain(sites).collect()
}

/// Links that a signature is about; the others add nothing that its signer has to see.
fn of_link(link: &Link) -> Option<String> {
    let index = link.index.get();
    let id: String = link.record.to_hex().chars().take(12).collect();
    match link.rel {
        Rel::Countersigns | Rel::Activates | Rel::Unlocks | Rel::CertifiedCopyOf | Rel::RespondsTo => {
            Some(format!("record {index} ({id})"))
        }
        Rel::Erases => Some(format!("of record {index} ({id})")),
        Rel::DecidesOn => Some(format!("on record {index} ({id})")),
        Rel::AuthorisedBy => Some(format!("authorised by record {index} ({id})")),
        Rel::Withdraws => Some(format!("withdraws record {index} ({id})")),
        Rel::Under => Some(format!("under record {index} ({id})")),
        _ => None,
    }
}
