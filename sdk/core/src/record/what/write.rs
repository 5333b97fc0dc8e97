//! Writing `what`.

use std::fmt;

use crate::json::{self, Object, Value};

use super::{Account, Erased, Grant, Link, Scope, Scopes, What, trial};

pub(super) fn what(what: &What) -> String {
    let mut object = Object::new();
    put(&mut object, "register", &what.register);
    put(&mut object, "class", &what.class);
    put(&mut object, "event", &what.event);
    put_some(&mut object, "version", what.version.as_ref());
    if let Some(manifest) = &what.manifest {
        let mut inner = Object::new();
        inner.insert("items", integer(manifest.items.into()));
        put(&mut inner, "root", &manifest.root);
        object.insert("manifest", Value::Object(inner));
    }
    if !what.links.is_empty() {
        object.insert("links", Value::Array(what.links.iter().map(link).collect()));
    }
    match &what.scope {
        Some(Scope::All) => put(&mut object, "scope", &"all"),
        Some(Scope::Only(scopes)) => {
            object.insert("scope", scope(scopes));
        }
        None => {}
    }
    put_some(&mut object, "purpose", what.purpose.as_ref());
    put_bool(&mut object, "sealed", what.sealed);
    put_some(&mut object, "decision", what.decision.as_ref());
    put_list(&mut object, "affects", &what.affects);
    put_some(&mut object, "basis", what.basis.as_ref());
    put_some(&mut object, "declared_at", what.declared_at.as_ref());
    put_some(&mut object, "document_date", what.document_date.as_ref());
    put_some(&mut object, "decided_on", what.decided_on.as_ref());
    put_some(&mut object, "valid_from", what.valid_from.as_ref());
    put_some(&mut object, "valid_until", what.valid_until.as_ref());
    put_some(&mut object, "tz", what.tz.as_ref());
    put_some(&mut object, "retain_until", what.retain_until.as_ref());
    details(&mut object, what);
    for (key, value) in &what.extensions {
        object.insert(key.clone(), value.clone());
    }
    json::write(&object)
}

fn details(object: &mut Object, what: &What) {
    if let Some(source) = &what.source {
        let mut inner = Object::new();
        put_some(&mut inner, "repository", source.repository.as_ref());
        put_some(&mut inner, "commit", source.commit.as_ref());
        put_bool(&mut inner, "dirty", source.dirty);
        put_some(&mut inner, "run", source.run.as_ref());
        object.insert("source", Value::Object(inner));
    }
    if let Some(transfer) = &what.transfer {
        let mut inner = Object::new();
        put_some(&mut inner, "series", transfer.series.as_ref());
        put_integer(&mut inner, "number", transfer.number);
        put_some(&mut inner, "mode", transfer.mode.as_ref());
        put_bool(&mut inner, "test", transfer.test);
        object.insert("transfer", Value::Object(inner));
    }
    if let Some(consent) = &what.consent {
        let mut inner = Object::new();
        put_some(&mut inner, "kind", consent.kind.as_ref());
        put_integer(&mut inner, "count", consent.count);
        put_some(&mut inner, "from", consent.from.as_ref());
        object.insert("consent", Value::Object(inner));
    }
    if let Some(seen) = &what.seen {
        let mut inner = Object::new();
        inner.insert("sequence", integer(seen.sequence.get()));
        put(&mut inner, "record", &seen.record);
        inner.insert("index", integer(seen.index.get()));
        object.insert("seen", Value::Object(inner));
    }
    if let Some(found) = &what.account {
        object.insert("account", account(found));
    }
    if let Some(found) = &what.grant {
        object.insert("grant", grant(found));
    }
    if let Some(found) = &what.erased {
        object.insert("erased", erased(found));
    }
    if let Some(found) = &what.trial {
        object.insert("trial", trial::write_trial(found));
    }
    if let Some(found) = &what.settings {
        object.insert("settings", trial::write_settings(found));
    }
}

fn link(link: &Link) -> Value {
    let mut inner = Object::new();
    put(&mut inner, "rel", &link.rel);
    put(&mut inner, "record", &link.record);
    inner.insert("index", integer(link.index.get()));
    put_some(&mut inner, "log", link.log.as_ref());
    Value::Object(inner)
}

fn scope(scopes: &Scopes) -> Value {
    let mut inner = Object::new();
    put_list(&mut inner, "sites", &scopes.sites);
    put_list(&mut inner, "countries", &scopes.countries);
    put_list(&mut inner, "visits", &scopes.visits);
    put_list(&mut inner, "forms", &scopes.forms);
    put_list(&mut inner, "datasets", &scopes.datasets);
    Value::Object(inner)
}

fn account(account: &Account) -> Value {
    let mut inner = Object::new();
    put(&mut inner, "type", &account.account_type);
    put(&mut inner, "id", &account.id);
    put_some(&mut inner, "vkey", account.vkey.as_ref());
    put_some(&mut inner, "token_sha256", account.token_sha256.as_ref());
    put_some(&mut inner, "expires", account.expires.as_ref());
    put_some(&mut inner, "kind", account.kind.as_ref());
    put_some(&mut inner, "grade", account.grade.as_ref());
    put_list(&mut inner, "identifiers", &account.identifiers);
    Value::Object(inner)
}

fn grant(grant: &Grant) -> Value {
    let mut inner = Object::new();
    put(&mut inner, "organization", &grant.organization);
    put(&mut inner, "member", &grant.member);
    put(&mut inner, "role", &grant.role);
    put(&mut inner, "blind", &grant.blind);
    put_some(&mut inner, "expires", grant.expires.as_ref());
    Value::Object(inner)
}

fn erased(erased: &Erased) -> Value {
    let mut inner = Object::new();
    put(&mut inner, "record", &erased.record);
    inner.insert("index", integer(erased.index.get()));
    put_list(&mut inner, "parts", &erased.parts);
    if let Some(class) = &erased.class {
        put(&mut inner, "class", class);
    }
    if let Some(event) = &erased.event {
        put(&mut inner, "event", event);
    }
    Value::Object(inner)
}

/// Puts a string.
pub(in crate::record) fn put(object: &mut Object, key: &str, value: &impl fmt::Display) {
    object.insert(key, Value::String(value.to_string()));
}

pub(super) fn put_some(object: &mut Object, key: &str, value: Option<&impl fmt::Display>) {
    if let Some(value) = value {
        put(object, key, value);
    }
}

fn put_bool(object: &mut Object, key: &str, value: Option<bool>) {
    if let Some(value) = value {
        object.insert(key, Value::Bool(value));
    }
}

fn put_integer(object: &mut Object, key: &str, value: Option<u64>) {
    if let Some(value) = value {
        object.insert(key, integer(value));
    }
}

pub(super) fn put_list<T: fmt::Display>(object: &mut Object, key: &str, values: &[T]) {
    if !values.is_empty() {
        let values = values
            .iter()
            .map(|value| Value::String(value.to_string()))
            .collect();
        object.insert(key, Value::Array(values));
    }
}

/// An integer, held within what JSON here can say.
pub(crate) fn integer(value: u64) -> Value {
    const LARGEST: i64 = (1 << 53) - 1;
    Value::Integer(i64::try_from(value).map_or(LARGEST, |value| value.min(LARGEST)))
}
