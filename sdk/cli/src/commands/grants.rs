//! `trialseal grant` and `trialseal revoke`.

use std::path::PathBuf;

use trialseal::core::record::{Scope, Scopes};
use trialseal::core::vocabulary::Blind;
use trialseal::records;

use super::records::under;
use super::{block_on, receipt_file, submit};
use crate::args::{Grant, Revoke, Where};
use crate::config::Place;
use crate::errors::Ended;
use crate::outcome::{Answer, Printer};

/// Seconds to wait for the notary to answer at all.
const CONNECT_S: u64 = 30;

pub(crate) fn grant(command: &Grant, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let rests_on = match &command.under {
        None => None,
        Some(text) => Some(block_on(async {
            let client = config.connect(CONNECT_S).await?;
            under(text, &client).await
        })?),
    };
    let mut given = records::grant_of(&command.member, command.granted, blind(command.unblinded));
    given.expires = command.expires;
    let submission = records::grant(
        command.register.clone(),
        given,
        scope(&command.place),
        rests_on.as_ref(),
    );
    let receipt = receipt("grant", &command.member.to_string(), command.granted.as_str());
    submit::act(
        &config,
        submit::Act { submission, receipt },
        &command.signing,
        printer,
    )
}

pub(crate) fn revoke(command: &Revoke, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let grant = records::grant_of(&command.member, command.granted, blind(command.unblinded));
    let submission = records::revoke_grant(command.register.clone(), grant);
    let receipt = receipt("revoke", &command.member.to_string(), command.granted.as_str());
    submit::act(
        &config,
        submit::Act { submission, receipt },
        &command.signing,
        printer,
    )
}

const fn blind(unblinded: bool) -> Blind {
    if unblinded {
        Blind::Unblinded
    } else {
        Blind::Blinded
    }
}

/// None where it is everywhere.
fn scope(place: &Where) -> Option<Scope> {
    let only = Scopes {
        sites: place.site.clone(),
        countries: place.country.clone(),
        ..Scopes::default()
    };
    (only != Scopes::default()).then(|| Scope::Only(Box::new(only)))
}

fn receipt(what: &str, member: &str, role: &str) -> PathBuf {
    let member = member.replace('/', ".");
    PathBuf::from(format!("{what}-{member}-{role}{}", receipt_file::ENDING))
}
