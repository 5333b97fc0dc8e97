//! Reading `what`.

use std::fmt;
use std::str::FromStr;

use crate::checkpoint::Origin;
use crate::hash::Hash;
use crate::identifiers::{
    Code, Country, MemberId, OrganizationId, PublicIdentifier, Reference, RegisterName, TimeZoneName,
    VersionCode,
};
use crate::index::Sequence;
use crate::json::Value;
use crate::manifest::MAX_ITEMS;
use crate::note::VerifierKey;
use crate::record::fields::{Fields, Place, boolean, count, log_index, parsed, record_id, text};
use crate::record::{FieldViolation, MAX_LINKS, Part, Reader};
use crate::time::{Date, Instant, TimeError};
use crate::vocabulary::{
    AccountType, Basis, Blind, Class, Decision, ErasablePart, Event, Purpose, Rel, Role, TransferMode,
};

use super::{
    Account, Consent, Declared, Erased, Grant, IdentityGrade, Link, ManifestCommitment, Scope, Scopes, Seen,
    Source, Transfer, What, trial,
};

const KEYS: &[&str] = &[
    "account",
    "affects",
    "basis",
    "class",
    "consent",
    "decided_on",
    "decision",
    "declared_at",
    "document_date",
    "erased",
    "event",
    "grant",
    "links",
    "manifest",
    "purpose",
    "register",
    "retain_until",
    "scope",
    "sealed",
    "seen",
    "settings",
    "source",
    "transfer",
    "trial",
    "tz",
    "valid_from",
    "valid_until",
    "version",
];

pub(super) fn what(bytes: &[u8], reader: Reader) -> Result<What, Vec<FieldViolation>> {
    let object = reader.parse(Part::What, bytes)?;
    let mut violations = Vec::new();
    let mut fields = Fields::new(&object, Place::Root("what"), KEYS, &mut violations);
    let register = fields.required("register", parsed::<RegisterName>);
    let class = fields.required("class", parsed::<Class>);
    let event = fields.required("event", parsed::<Event>);
    let (Some(register), Some(class), Some(event)) = (register, class, event) else {
        return Err(violations);
    };
    let mut what = What::new(register, class, event);
    what.version = fields.optional("version", parsed::<VersionCode>);
    what.manifest = manifest(&mut fields);
    what.links = fields.objects("links", MAX_LINKS, &["index", "log", "record", "rel"], link);
    what.scope = scope(&mut fields);
    what.purpose = fields.optional("purpose", parsed::<Purpose>);
    what.sealed = fields.optional("sealed", boolean);
    what.decision = fields.optional("decision", parsed::<Decision>);
    what.affects = fields.strings("affects", Code::new);
    what.basis = fields.optional("basis", parsed::<Basis>);
    dates(&mut fields, &mut what);
    details(&mut fields, &mut what);
    what.extensions = object
        .iter()
        .filter(|(key, _)| key.starts_with("x-"))
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect();
    let violations = reader.settle(violations);
    if violations.is_empty() {
        Ok(what)
    } else {
        Err(violations)
    }
}

fn dates(fields: &mut Fields<'_>, what: &mut What) {
    what.declared_at = fields.optional("declared_at", parsed::<Declared>);
    what.document_date = fields.optional("document_date", parsed::<Date>);
    what.decided_on = fields.optional("decided_on", parsed::<Date>);
    what.valid_from = fields.optional("valid_from", parsed::<Date>);
    what.valid_until = fields.optional("valid_until", parsed::<Date>);
    what.tz = fields.optional("tz", parsed::<TimeZoneName>);
    what.retain_until = fields.optional("retain_until", parsed::<Date>);
    if let (Some(from), Some(until)) = (what.valid_from, what.valid_until)
        && from > until
    {
        fields.refuse("valid_until", format!("is before valid_from ({from})"));
    }
}

fn details(fields: &mut Fields<'_>, what: &mut What) {
    what.source = fields.object("source", &["commit", "dirty", "repository", "run"], |fields| {
        Some(Source {
            repository: fields.optional("repository", parsed::<Reference>),
            commit: fields.optional("commit", parsed::<Reference>),
            dirty: fields.optional("dirty", boolean),
            run: fields.optional("run", parsed::<Reference>),
        })
    });
    what.transfer = fields.object("transfer", &["mode", "number", "series", "test"], |fields| {
        Some(Transfer {
            series: fields.optional("series", parsed::<Code>),
            number: fields.optional("number", count),
            mode: fields.optional("mode", parsed::<TransferMode>),
            test: fields.optional("test", boolean),
        })
    });
    what.consent = fields.object("consent", &["count", "from", "kind"], |fields| {
        Some(Consent {
            kind: fields.optional("kind", parsed::<Code>),
            count: fields.optional("count", count),
            from: fields.optional("from", parsed::<Date>),
        })
    });
    what.seen = fields.object("seen", &["index", "record", "sequence"], |fields| {
        let sequence = fields.required("sequence", |value| {
            let number = count(value).map_err(str::to_owned)?;
            Sequence::new(number).map_err(|error| error.to_string())
        });
        let record = fields.required("record", record_id);
        let index = fields.required("index", log_index);
        Some(Seen {
            sequence: sequence?,
            record: record?,
            index: index?,
        })
    });
    what.account = account(fields);
    what.trial = trial::read_trial(fields);
    what.settings = trial::read_settings(fields);
    what.grant = grant(fields);
    what.erased = fields.object(
        "erased",
        &["class", "event", "index", "parts", "record"],
        |fields| {
            let record = fields.required("record", record_id);
            let index = fields.required("index", log_index);
            let parts = fields.strings("parts", ErasablePart::from_str);
            let each_once = parts
                .iter()
                .enumerate()
                .all(|(place, part)| !parts[..place].contains(part));
            if parts.is_empty() || !each_once {
                fields.refuse("parts", "has to name at least one part, and each once".to_owned());
            }
            let class = fields.optional("class", parsed::<Class>);
            let event = fields.optional("event", parsed::<Event>);
            if parts.contains(&ErasablePart::What) && (class.is_none() || event.is_none()) {
                fields.refuse(
                    "parts",
                    "name what, so class and event of the record have to be restated".to_owned(),
                );
            }
            Some(Erased {
                record: record?,
                index: index?,
                parts,
                class,
                event,
            })
        },
    );
}

fn manifest(fields: &mut Fields<'_>) -> Option<ManifestCommitment> {
    fields.object("manifest", &["items", "root"], |fields| {
        let items = fields.required("items", |value| match count(value)? {
            items @ 1.. if items <= MAX_ITEMS as u64 => u32::try_from(items).map_err(|_| "is too large"),
            0 => Err("is 0; leave the manifest out where there is no file"),
            _ => Err("is above 100000"),
        });
        let root = fields.required("root", text(Hash::from_hex));
        Some(ManifestCommitment {
            items: items?,
            root: root?,
        })
    })
}

fn link(fields: &mut Fields<'_>) -> Option<Link> {
    let rel = fields.required("rel", parsed::<Rel>);
    let record = fields.required("record", record_id);
    let index = fields.required("index", log_index);
    let log = fields.optional("log", parsed::<Origin>);
    Some(Link {
        rel: rel?,
        record: record?,
        index: index?,
        log,
    })
}

fn scope(fields: &mut Fields<'_>) -> Option<Scope> {
    let all = fields.is(
        "scope",
        |value| matches!(value, Value::String(text) if text == "all"),
    );
    if all {
        return Some(Scope::All);
    }
    let known = &["countries", "datasets", "forms", "sites", "visits"];
    let scopes = fields.object("scope", known, |fields| {
        Some(Scopes {
            sites: fields.strings("sites", Code::new),
            countries: fields.strings("countries", Country::new),
            visits: fields.strings("visits", Code::new),
            forms: fields.strings("forms", Code::new),
            datasets: fields.strings("datasets", Code::new),
        })
    })?;
    if scopes == Scopes::default() {
        fields.refuse("scope", "names nothing; write \"all\" or leave it out".to_owned());
    }
    Some(Scope::Only(Box::new(scopes)))
}

fn account(fields: &mut Fields<'_>) -> Option<Account> {
    let known = &[
        "expires",
        "grade",
        "id",
        "identifiers",
        "kind",
        "token_sha256",
        "type",
        "vkey",
    ];
    fields.object("account", known, |fields| {
        let account_type = fields.required("type", parsed::<AccountType>);
        let id = fields.required("id", parsed::<MemberId>);
        let vkey = match account_type {
            Some(AccountType::Key) => fields.required("vkey", text(VerifierKey::parse)),
            _ => fields.absent("vkey", "stands only with type key"),
        };
        let token_sha256 = match account_type {
            Some(AccountType::Token) => fields.required("token_sha256", text(Hash::from_hex)),
            _ => fields.absent("token_sha256", "stands only with type token"),
        };
        let expires = fields.optional("expires", text(Instant::parse));
        let kind = fields.optional("kind", parsed::<Code>);
        let grade = fields.optional("grade", parsed::<IdentityGrade>);
        let identifiers = fields.strings("identifiers", PublicIdentifier::parse);
        Some(Account {
            account_type: account_type?,
            id: id?,
            vkey,
            token_sha256,
            expires,
            kind,
            grade,
            identifiers,
        })
    })
}

fn grant(fields: &mut Fields<'_>) -> Option<Grant> {
    fields.object(
        "grant",
        &["blind", "expires", "member", "organization", "role"],
        |fields| {
            let organization = fields.required("organization", parsed::<OrganizationId>);
            let member = fields.required("member", parsed::<MemberId>);
            let role = fields.required("role", parsed::<Role>);
            let blind = fields.required("blind", parsed::<Blind>);
            let expires = fields.optional("expires", text(Instant::parse));
            Some(Grant {
                organization: organization?,
                member: member?,
                role: role?,
                blind: blind?,
                expires,
            })
        },
    )
}

/// Only an instant has a `T`.
impl FromStr for Declared {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        if text.contains('T') {
            Instant::parse(text).map(Self::At)
        } else {
            Date::parse(text).map(Self::On)
        }
    }
}

impl fmt::Display for Declared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(instant) => instant.fmt(formatter),
            Self::On(date) => date.fmt(formatter),
        }
    }
}
