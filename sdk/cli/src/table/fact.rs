//! A row made of a verified receipt.

use trialseal::core::authority::{Need, Standing};
use trialseal::core::dossier::{Fact, Signature, Worth};
use trialseal::core::record::Scope;

use super::Row;

impl Row {
    /// A record as its receipts show it.
    pub(crate) fn of_fact(fact: &Fact) -> Self {
        let when = &fact.when;
        let mut row = Self {
            register: when.register.to_string(),
            sequence: when.sequence.get(),
            log: when.log.to_string(),
            index: when.index.get(),
            record: fact.record.to_hex(),
            received_at: when.received_at.to_millis_string(),
            no_later_than: fact.hi.map(|time| time.to_string()).unwrap_or_default(),
            class: when.class.to_string(),
            event: when.event.to_string(),
            sealed: when.sealed,
            state: state(fact),
            shown: shown(fact),
            level: fact.level.map(|level| level.to_string()).unwrap_or_default(),
            signed: match fact.signature {
                Signature::Signed => Some(true),
                Signature::Draft => Some(false),
                Signature::NotShown => None,
            },
            ..Self::default()
        };
        if let Some(what) = &fact.what {
            row.declared_at = fact.declared().map(|time| time.to_string()).unwrap_or_default();
            row.version = text(what.version.as_ref());
            row.purpose = text(what.purpose.as_ref());
            row.decision = text(what.decision.as_ref());
            row.scope = what.scope.as_ref().map(scope).unwrap_or_default();
        }
        if let Some(who) = &fact.who {
            row.organization = who.organization.to_string();
            row.member = who.member.to_string();
            if let Some(signer) = &who.signer {
                row.name = signer.name.clone();
                row.role = signer.role.to_string();
                row.meaning = signer.meaning.to_string();
            }
        }
        if let Some(why) = &fact.why {
            row.reason = why.reason.clone().unwrap_or_default();
            row.remark = why.remark.clone().unwrap_or_default();
        }
        row
    }
}

/// What the record is worth by the table of acts, as far as that can be judged.
fn state(fact: &Fact) -> String {
    let list = |needs: &[Need]| {
        needs
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let state = match &fact.worth {
        Worth::NotAllowed(why) => return format!("not allowed: {why}"),
        Worth::Unknown(why) => return format!("not judged: {why}"),
        Worth::Stands(Standing::Pending { .. }) if fact.effective_at.is_some() => {
            "in effect, countersigned".to_owned()
        }
        Worth::Stands(Standing::Pending { needs, .. }) => format!("PENDING: asked for {}", list(needs)),
        Worth::Stands(Standing::Effective { .. }) => "in effect".to_owned(),
        Worth::Stands(Standing::Completes { .. }) => "completes the act that it signs".to_owned(),
        Worth::Stands(Standing::Adds { .. }) => "signs an act that asks for more signatures".to_owned(),
        Worth::Stands(Standing::Declines { .. }) => "declines an act".to_owned(),
    };
    let Worth::Stands(standing) = &fact.worth else {
        return state;
    };
    let flags: Vec<&str> = standing.flags().iter().map(|flag| flag.as_str()).collect();
    if flags.is_empty() {
        state
    } else {
        format!("{state}; flagged: {}", flags.join(", "))
    }
}

/// `all`, or what is not shown and whether the record is sealed.
fn shown(fact: &Fact) -> String {
    let parts = [
        ("what", fact.what.is_none()),
        ("who", fact.who.is_none()),
        ("why", fact.why.is_none()),
    ];
    let withheld: Vec<&str> = parts
        .iter()
        .filter(|(_, is)| *is)
        .map(|(part, _)| *part)
        .collect();
    match (withheld.is_empty(), fact.when.sealed) {
        (true, _) => "all".to_owned(),
        (false, true) => format!("without {}: sealed", withheld.join(", ")),
        (false, false) => format!("without {}: withheld or erased", withheld.join(", ")),
    }
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// `sites DE-01 DE-02; countries DE`, or `all`.
pub(crate) fn scope(scope: &Scope) -> String {
    let Scope::Only(only) = scope else {
        return "all".to_owned();
    };
    let mut parts = Vec::new();
    let mut part = |name: &str, codes: Vec<String>| {
        if !codes.is_empty() {
            parts.push(format!("{name} {}", codes.join(" ")));
        }
    };
    let texts =
        |codes: &[trialseal::core::identifiers::Code]| codes.iter().map(ToString::to_string).collect();
    part("sites", texts(&only.sites));
    part(
        "countries",
        only.countries.iter().map(ToString::to_string).collect(),
    );
    part("visits", texts(&only.visits));
    part("forms", texts(&only.forms));
    part("datasets", texts(&only.datasets));
    parts.join("; ")
}
