//! Lists of records by who, what, when and why: filtered, sorted, as CSV and as JSON.

mod csv;
mod fact;

use clap::ValueEnum;
use serde_json::{Value, json};
use trialseal::{RecordSummary, WithheldWhy};

pub(crate) use csv::{csv, header, record};

/// One record of a list. Texts are empty where something is absent, or is not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) register: String,
    pub(crate) sequence: u64,
    pub(crate) log: String,
    pub(crate) index: u64,
    pub(crate) record: String,
    /// The notary's own time.
    pub(crate) received_at: String,
    /// Earliest independent time.
    pub(crate) no_later_than: String,
    /// When it happened, as the signer states.
    pub(crate) declared_at: String,
    pub(crate) class: String,
    pub(crate) event: String,
    pub(crate) version: String,
    pub(crate) purpose: String,
    pub(crate) decision: String,
    pub(crate) scope: String,
    pub(crate) sealed: bool,
    pub(crate) organization: String,
    pub(crate) member: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) meaning: String,
    /// None where who submitted it is not shown.
    pub(crate) signed: Option<bool>,
    pub(crate) reason: String,
    pub(crate) remark: String,
    /// What it is worth by the table of acts: `in effect`, `PENDING: ...`, `not allowed: ...`.
    pub(crate) state: String,
    /// What is shown of it: `all`, or what is withheld.
    pub(crate) shown: String,
    pub(crate) level: String,
}

/// By what a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    /// Organisation, member, name.
    Who,
    /// Class, version, event.
    What,
    /// The register's own order.
    When,
    /// Reason and remark.
    Why,
}

/// Which records: each given text has to occur in a field of its part, in any case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) who: Option<String>,
    pub(crate) what: Option<String>,
    pub(crate) why: Option<String>,
}

impl Wanted {
    pub(crate) fn matches(&self, row: &Row) -> bool {
        let account = format!("{}/{}", row.organization, row.member);
        has(
            self.who.as_deref(),
            &[&account, &row.name, &row.role, &row.meaning],
        ) && has(
            self.what.as_deref(),
            &[
                &row.class,
                &row.event,
                &row.version,
                &row.decision,
                &row.purpose,
                &row.scope,
            ],
        ) && has(self.why.as_deref(), &[&row.reason, &row.remark])
    }
}

fn has(wanted: Option<&str>, fields: &[&str]) -> bool {
    let Some(wanted) = wanted.map(str::to_lowercase) else {
        return true;
    };
    fields.iter().any(|field| field.to_lowercase().contains(&wanted))
}

/// Sorts; what is equal stays in the register's order.
pub(crate) fn sort(rows: &mut [Row], by: SortBy, reverse: bool) {
    rows.sort_by(|one, other| (&one.register, one.sequence).cmp(&(&other.register, other.sequence)));
    type Key = fn(&Row) -> [&str; 3];
    let key: Key = match by {
        SortBy::When => {
            return if reverse {
                rows.reverse()
            };
        }
        SortBy::Who => |row| [&row.organization, &row.member, &row.name],
        SortBy::What => |row| [&row.class, &row.version, &row.event],
        SortBy::Why => |row| [&row.reason, &row.remark, ""],
    };
    rows.sort_by(|one, other| {
        let order = key(one).cmp(&key(other));
        if reverse { order.reverse() } else { order }
    });
}

impl Row {
    /// A record as the notary lists it.
    pub(crate) fn of_summary(register: &str, one: &RecordSummary) -> Self {
        Self {
            register: register.to_owned(),
            sequence: one.sequence.get(),
            log: one.log.to_string(),
            index: one.index.get(),
            record: one.record.to_hex(),
            received_at: one.received_at.to_millis_string(),
            declared_at: one.declared_at.clone(),
            class: one.class.clone(),
            event: one.event.clone(),
            version: one.version.clone(),
            purpose: one.purpose.clone(),
            decision: one.decision.clone(),
            sealed: one.sealed,
            organization: one.organization.clone(),
            member: one.member.clone(),
            name: one.name.clone(),
            role: one.role.clone(),
            meaning: one.meaning.clone(),
            signed: (!one.organization.is_empty()).then_some(one.signed),
            reason: one.reason.clone(),
            remark: one.remark.clone(),
            state: if one.pending {
                "PENDING".to_owned()
            } else {
                String::new()
            },
            shown: summary_shown(one),
            ..Self::default()
        }
    }

    /// As one JSON object.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "register": self.register,
            "sequence": self.sequence,
            "log": self.log,
            "index": self.index,
            "record": self.record,
            "received_at": self.received_at,
            "no_later_than": self.no_later_than,
            "declared_at": self.declared_at,
            "class": self.class,
            "event": self.event,
            "version": self.version,
            "purpose": self.purpose,
            "decision": self.decision,
            "scope": self.scope,
            "sealed": self.sealed,
            "organization": self.organization,
            "member": self.member,
            "name": self.name,
            "role": self.role,
            "meaning": self.meaning,
            "signed": self.signed,
            "reason": self.reason,
            "remark": self.remark,
            "state": self.state,
            "shown": self.shown,
            "level": self.level,
        })
    }

    /// `dataset 1.0, hard-lock`.
    pub(crate) fn subject(&self) -> String {
        let space = if self.version.is_empty() { "" } else { " " };
        format!("{}{space}{}, {}", self.class, self.version, self.event)
    }

    /// `Jane Doe (acme/m-1), statistician; approval`, or what is known of it.
    pub(crate) fn signer(&self) -> String {
        let account = format!("{}/{}", self.organization, self.member);
        match self.signed {
            None => "withheld".to_owned(),
            Some(false) => format!("{account}, through this account's access; not signed"),
            Some(true) if self.name.is_empty() => account,
            Some(true) => format!("{} ({account}), {}; {}", self.name, self.role, self.meaning),
        }
    }
}

fn summary_shown(one: &RecordSummary) -> String {
    match one.withheld {
        Some(why) => format!("when: the rest is {}", withheld_because(why)),
        None if !one.erased.is_empty() => format!("without {}: erased", one.erased.join(", ")),
        None => "all".to_owned(),
    }
}

/// Why something is not shown.
pub(crate) const fn withheld_because(why: WithheldWhy) -> &'static str {
    match why {
        WithheldWhy::Sealed => "sealed",
        WithheldWhy::Scope => "outside the reader's sites and countries",
        WithheldWhy::Role => "not for the reader's role",
        WithheldWhy::Erased => "erased",
        WithheldWhy::Other => "withheld",
    }
}

#[cfg(test)]
mod tests;
