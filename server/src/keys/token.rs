//! The log's Ed25519 key in a PKCS#11 token: a hardware module, or SoftHSM2.
//!
//! The secret key is made in the token, marked so that it never leaves it, and found by its
//! label. The PIN comes from where passphrases do.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType as TokenKeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use trialseal_core::note::{KeyName, KeyType, SignatureLine, VerifierKey};

use super::{KeyError, Passphrase, SignError, TokenPlace, passphrase};

/// The curve as an object identifier (RFC 8410) and by name: modules know one or the other.
const CURVES: [&[u8]; 2] = [&[0x06, 0x03, 0x2b, 0x65, 0x70], b"\x13\x0cedwards25519"];

/// A module may be initialised once in a process.
static MODULES: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());

/// A key that signs inside a token.
pub(super) struct TokenKey {
    session: Mutex<Session>,
    private: ObjectHandle,
    verifier: VerifierKey,
}

impl TokenKey {
    /// Finds the key.
    pub(super) fn open(place: &TokenPlace, name: KeyName) -> Result<Self, KeyError> {
        let refused = |problem: String| KeyError::Token {
            token: place.token.clone(),
            problem,
        };
        let session = log_in(place)?;
        match Self::find(session, place, name)? {
            Some(found) => Ok(found),
            None => Err(refused(format!(
                "it holds no Ed25519 key with the label {}",
                place.key
            ))),
        }
    }

    /// Finds the key, or makes it where there is none.
    pub(super) fn open_or_make(place: &TokenPlace, name: KeyName) -> Result<Self, KeyError> {
        if let Some(found) = Self::find(log_in(place)?, place, name.clone())? {
            return Ok(found);
        }
        let session = log_in(place)?;
        let mut failed = None;
        for curve in CURVES {
            match make(&session, place, curve) {
                Ok(()) => return Self::open(place, name),
                Err(error) => failed = Some(error),
            }
        }
        Err(refused(place, "an Ed25519 key cannot be made")(
            failed.unwrap_or(Error::NotSupported),
        ))
    }

    fn find(session: Session, place: &TokenPlace, name: KeyName) -> Result<Option<Self>, KeyError> {
        let Some(private) = one(&session, place, ObjectClass::PRIVATE_KEY)? else {
            return Ok(None);
        };
        let public = one(&session, place, ObjectClass::PUBLIC_KEY)?;
        let public = public.ok_or_else(|| KeyError::Token {
            token: place.token.clone(),
            problem: format!("it holds a secret key {} without its public key", place.key),
        })?;
        let attributes = session
            .get_attributes(public, &[AttributeType::EcPoint])
            .map_err(refused(place, "the public key cannot be read"))?;
        let point = attributes.iter().find_map(|attribute| match attribute {
            Attribute::EcPoint(point) => Some(point.as_slice()),
            _ => None,
        });
        let verifier = point
            .and_then(public_key)
            .and_then(|key| VerifierKey::new(name, KeyType::Ed25519, key).ok());
        let verifier = verifier.ok_or_else(|| KeyError::Token {
            token: place.token.clone(),
            problem: format!("the key {} is no Ed25519 key", place.key),
        })?;
        Ok(Some(Self {
            session: Mutex::new(session),
            private,
            verifier,
        }))
    }

    pub(super) fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// A `0x01` line over a text; the caller verifies it.
    pub(super) fn sign(&self, text: &str) -> Result<SignatureLine, SignError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let signature = session
            .sign(&mechanism, self.private, text.as_bytes())
            .map_err(|error| {
                tracing::error!(%error, "the token did not sign");
                SignError::Key("Ed25519")
            })?;
        let id = self.verifier.id();
        Ok(SignatureLine::new(self.verifier.name().clone(), id, signature))
    }
}

/// The point as a module gives it: bare, or in DER as an octet string or a bit string.
fn public_key(point: &[u8]) -> Option<&[u8]> {
    let bare = point
        .strip_prefix(&[0x04, 0x20])
        .or_else(|| point.strip_prefix(&[0x03, 0x21, 0x00]))
        .unwrap_or(point);
    (bare.len() == 32).then_some(bare)
}

/// The one object of this kind with the key's label.
fn one(session: &Session, place: &TokenPlace, class: ObjectClass) -> Result<Option<ObjectHandle>, KeyError> {
    let template = [
        Attribute::Class(class),
        Attribute::KeyType(TokenKeyType::EC_EDWARDS),
        Attribute::Label(place.key.as_bytes().to_vec()),
    ];
    let found = session
        .find_objects(&template)
        .map_err(refused(place, "its objects cannot be listed"))?;
    match found.as_slice() {
        [] => Ok(None),
        [key] => Ok(Some(*key)),
        several => Err(KeyError::Token {
            token: place.token.clone(),
            problem: format!("it holds {} keys with the label {}", several.len(), place.key),
        }),
    }
}

fn make(session: &Session, place: &TokenPlace, curve: &[u8]) -> Result<(), Error> {
    let label = Attribute::Label(place.key.as_bytes().to_vec());
    let public = [
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::EcParams(curve.to_vec()),
        label.clone(),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        label,
    ];
    session
        .generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private)
        .map(drop)
}

/// A session of the token in which its user is logged in.
fn log_in(place: &TokenPlace) -> Result<Session, KeyError> {
    let module = module(place)?;
    let slot = slot(&module, place)?;
    let session = module
        .open_rw_session(slot)
        .map_err(refused(place, "a session cannot be opened"))?;
    let pin = passphrase::pin(place.pin_file.as_deref())?;
    match session.login(UserType::User, Some(&auth_pin(&pin))) {
        // The login of one session is that of all.
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(error) => Err(refused(place, "the login is refused")(error)),
    }
}

fn auth_pin(pin: &Passphrase) -> AuthPin {
    AuthPin::from(pin.as_str().to_owned())
}

fn slot(module: &Pkcs11, place: &TokenPlace) -> Result<Slot, KeyError> {
    let slots = module
        .get_slots_with_initialized_token()
        .map_err(refused(place, "the module's slots cannot be listed"))?;
    let mut found = slots.into_iter().filter(|slot| {
        module
            .get_token_info(*slot)
            .is_ok_and(|info| info.label() == place.token)
    });
    match (found.next(), found.next()) {
        (Some(slot), None) => Ok(slot),
        (None, _) => Err(no_token(place, "the module has no token with this label")),
        (Some(_), Some(_)) => Err(no_token(place, "the module has several tokens with this label")),
    }
}

fn no_token(place: &TokenPlace, problem: &str) -> KeyError {
    KeyError::Token {
        token: place.token.clone(),
        problem: problem.to_owned(),
    }
}

fn module(place: &TokenPlace) -> Result<Pkcs11, KeyError> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, module)) = modules.iter().find(|(path, _)| *path == place.module) {
        return Ok(module.clone());
    }
    let module = load(&place.module).map_err(|error| KeyError::Unreadable {
        path: place.module.clone(),
        error: std::io::Error::other(error),
    })?;
    modules.push((place.module.clone(), module.clone()));
    Ok(module)
}

fn load(path: &Path) -> Result<Pkcs11, Error> {
    let module = Pkcs11::new(path)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    Ok(module)
}

/// Turns an error of the token into ours.
fn refused(place: &TokenPlace, what: &'static str) -> impl FnOnce(Error) -> KeyError {
    let token = place.token.clone();
    move |error| KeyError::Token {
        token,
        problem: format!("{what}: {error}"),
    }
}
