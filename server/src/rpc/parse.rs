//! From protobuf messages to the types that admission takes.

use prost::bytes::Bytes;
use trialseal_core::{
    checkpoint::Origin,
    hash::{Hash, RecordId, Salt},
    identifiers::{Code, Country, Reference, RegisterName, TimeZoneName, VersionCode},
    index::{LogIndex, Sequence},
    record::{
        Consent, Declared, FieldViolation, Link, ManifestCommitment, Scope, Scopes, Seen, Source, Transfer,
        What, Why,
    },
    time::Date,
    vocabulary::{Basis, Class, Decision, Event, Purpose, Rel, TransferMode},
};
use trialseal_proto::v1;

use crate::{
    admit::{Draft, Prepared},
    refusal::Refusal,
    stored::SaltedText,
};

/// A submission as it arrived, not yet admitted.
#[derive(Debug)]
pub(crate) enum Submission {
    /// Exact bytes.
    Prepared(Box<Prepared>),
    /// Typed fields.
    Draft(Box<Draft>),
}

/// Reads a request.
///
/// # Errors
/// [`Refusal::Invalid`] with every field that is wrong.
pub(crate) fn submission(request: v1::SubmitRequest) -> Result<Submission, Refusal> {
    use v1::submit_request::Submission as Wire;
    match request.submission {
        Some(Wire::Prepared(wire)) => prepared(wire).map(|prepared| Submission::Prepared(Box::new(prepared))),
        Some(Wire::Draft(wire)) => draft(wire).map(|draft| Submission::Draft(Box::new(draft))),
        None => Err(Refusal::field("submission", "is missing: give prepared or draft")),
    }
}

fn prepared(wire: v1::Prepared) -> Result<Prepared, Refusal> {
    let mut violations = Vec::new();
    let mut part = |field: &str, part: Option<v1::PreparedPart>| {
        let Some(part) = part else {
            violations.push(FieldViolation::new(field, "is missing"));
            return None;
        };
        let Ok(salt) = Salt::from_slice(&part.salt) else {
            let problem = format!("has {} bytes; a salt has 32", part.salt.len());
            violations.push(FieldViolation::new(format!("{field}.salt"), problem));
            return None;
        };
        Some(SaltedText {
            salt,
            text: part.text,
        })
    };
    let parts = (
        part("what", wire.what),
        part("who", wire.who),
        part("why", wire.why),
    );
    match parts {
        (Some(what), Some(who), Some(why)) => Ok(Prepared {
            what,
            who,
            why,
            note: Bytes::from(wire.note),
        }),
        _ => Err(Refusal::Invalid(violations)),
    }
}

fn draft(wire: v1::Draft) -> Result<Draft, Refusal> {
    let mut fields = Fields::default();
    let idempotency_key = fields.bytes("idempotency_key", &wire.idempotency_key, |bytes| {
        <[u8; 32]>::try_from(bytes).map_err(|_| "must be 32 random bytes")
    });
    let register = fields.text("register", &wire.register, RegisterName::parse);
    let class = fields.text("class", &wire.class, str::parse::<Class>);
    let event = fields.text("event", &wire.event, str::parse::<Event>);
    let why = fields.why(wire.reason, wire.remark);
    let what = match (register, class, event) {
        (Some(register), Some(class), Some(event)) => {
            let mut what = What::new(register, class, event);
            fields.version_and_links(&mut what, &wire.version, wire.manifest, &wire.links);
            fields.codes(
                &mut what,
                &wire.purpose,
                &wire.decision,
                &wire.basis,
                &wire.affects,
            );
            what.sealed = wire.sealed;
            what.scope = wire.scope.and_then(|scope| fields.scope(&scope));
            what.declared_at = fields.optional("declared_at", &wire.declared_at, str::parse::<Declared>);
            what.document_date = fields.optional("document_date", &wire.document_date, Date::parse);
            what.decided_on = fields.optional("decided_on", &wire.decided_on, Date::parse);
            what.valid_from = fields.optional("valid_from", &wire.valid_from, Date::parse);
            what.valid_until = fields.optional("valid_until", &wire.valid_until, Date::parse);
            what.retain_until = fields.optional("retain_until", &wire.retain_until, Date::parse);
            what.tz = fields.optional("tz", &wire.tz, TimeZoneName::new);
            what.source = wire.source.map(|source| fields.source(&source));
            what.transfer = wire.transfer.map(|transfer| fields.transfer(&transfer));
            what.consent = wire.consent.map(|consent| fields.consent(&consent));
            what.seen = wire.seen.and_then(|seen| fields.seen(&seen));
            Some(what)
        }
        _ => None,
    };
    match (what, idempotency_key) {
        (Some(what), Some(idempotency_key)) if fields.violations.is_empty() => Ok(Draft {
            what,
            why,
            idempotency_key,
        }),
        _ => Err(Refusal::Invalid(fields.violations)),
    }
}

/// Reads fields and collects what is wrong with them.
#[derive(Default)]
struct Fields {
    violations: Vec<FieldViolation>,
}

impl Fields {
    fn wrong(&mut self, field: &str, problem: impl ToString) {
        self.violations
            .push(FieldViolation::new(format!("draft.{field}"), problem.to_string()));
    }

    fn text<T, E: ToString>(
        &mut self,
        field: &str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        parse(text).map_err(|error| self.wrong(field, error)).ok()
    }

    fn bytes<T, E: ToString>(
        &mut self,
        field: &str,
        bytes: &[u8],
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Option<T> {
        parse(bytes).map_err(|error| self.wrong(field, error)).ok()
    }

    /// The empty text is how protobuf writes an absent one.
    fn optional<T, E: ToString>(
        &mut self,
        field: &str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if text.is_empty() {
            None
        } else {
            self.text(field, text, parse)
        }
    }

    fn list<T, E: ToString>(
        &mut self,
        field: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let mut values = Vec::with_capacity(texts.len());
        for (position, text) in texts.iter().enumerate() {
            values.extend(self.text(&format!("{field}[{position}]"), text, &parse));
        }
        values
    }

    fn why(&mut self, reason: String, remark: String) -> Why {
        let present = |text: String| Some(text).filter(|text| !text.is_empty());
        let why = Why {
            reason: present(reason),
            remark: present(remark),
        };
        if let Err(violations) = Why::parse(why.to_json().as_bytes()) {
            self.violations.extend(violations);
        }
        why
    }

    fn version_and_links(
        &mut self,
        what: &mut What,
        version: &str,
        manifest: Option<v1::ManifestRoot>,
        links: &[v1::Link],
    ) {
        what.version = self.optional("version", version, VersionCode::new);
        what.manifest = manifest.and_then(|manifest| {
            let root = self.bytes("manifest.root", &manifest.root, Hash::from_slice)?;
            let items_max = trialseal_core::manifest::MAX_ITEMS as u32;
            if !(1..=items_max).contains(&manifest.items) {
                self.wrong(
                    "manifest.items",
                    format!("is {}; it must be 1 to {items_max}", manifest.items),
                );
            }
            Some(ManifestCommitment {
                items: manifest.items,
                root,
            })
        });
        if links.len() > trialseal_core::record::MAX_LINKS {
            self.wrong(
                "links",
                format!("has {} links; at most 64 are allowed", links.len()),
            );
            return;
        }
        for (position, link) in links.iter().enumerate() {
            let at = |key: &str| format!("links[{position}].{key}");
            let rel = self.text(&at("rel"), &link.rel, str::parse::<Rel>);
            let record = self.bytes(&at("record"), &link.record, Hash::from_slice);
            let index = LogIndex::new(link.index)
                .map_err(|error| self.wrong(&at("index"), error))
                .ok();
            let log = self.optional(&at("log"), &link.log, Origin::new);
            if let (Some(rel), Some(record), Some(index)) = (rel, record, index) {
                what.links.push(Link {
                    rel,
                    record: RecordId::from_hash(record),
                    index,
                    log,
                });
            }
        }
    }

    fn codes(&mut self, what: &mut What, purpose: &str, decision: &str, basis: &str, affects: &[String]) {
        what.purpose = self.optional("purpose", purpose, str::parse::<Purpose>);
        what.decision = self.optional("decision", decision, str::parse::<Decision>);
        what.basis = self.optional("basis", basis, str::parse::<Basis>);
        what.affects = self.list("affects", affects, Code::new);
    }

    fn scope(&mut self, scope: &v1::Scope) -> Option<Scope> {
        let scopes = Scopes {
            sites: self.list("scope.sites", &scope.sites, Code::new),
            countries: self.list("scope.countries", &scope.countries, Country::new),
            visits: self.list("scope.visits", &scope.visits, Code::new),
            forms: self.list("scope.forms", &scope.forms, Code::new),
            datasets: self.list("scope.datasets", &scope.datasets, Code::new),
        };
        match (scope.all, scopes == Scopes::default()) {
            (true, true) => Some(Scope::All),
            (true, false) => {
                self.wrong("scope", "says all and names some: give one of the two");
                None
            }
            (false, true) => None,
            (false, false) => Some(Scope::Only(Box::new(scopes))),
        }
    }

    fn source(&mut self, source: &v1::Source) -> Source {
        Source {
            repository: self.optional("source.repository", &source.repository, Reference::new),
            commit: self.optional("source.commit", &source.commit, Reference::new),
            dirty: source.dirty,
            run: self.optional("source.run", &source.run, Reference::new),
        }
    }

    fn transfer(&mut self, transfer: &v1::Transfer) -> Transfer {
        Transfer {
            series: self.optional("transfer.series", &transfer.series, Code::new),
            number: transfer.number,
            mode: self.optional("transfer.mode", &transfer.mode, str::parse::<TransferMode>),
            test: transfer.test,
        }
    }

    fn consent(&mut self, consent: &v1::Consent) -> Consent {
        Consent {
            kind: self.optional("consent.kind", &consent.kind, Code::new),
            count: consent.count,
            from: self.optional("consent.from", &consent.from, Date::parse),
        }
    }

    fn seen(&mut self, seen: &v1::Seen) -> Option<Seen> {
        let record = self.bytes("seen.record", &seen.record, Hash::from_slice)?;
        let sequence = Sequence::new(seen.sequence)
            .map_err(|error| self.wrong("seen.sequence", error))
            .ok()?;
        let index = LogIndex::new(seen.index)
            .map_err(|error| self.wrong("seen.index", error))
            .ok()?;
        Some(Seen {
            sequence,
            record: RecordId::from_hash(record),
            index,
        })
    }
}
