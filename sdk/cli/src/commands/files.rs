//! What a question is asked of: a folder of receipts, single receipts, or an inspection bundle.
//!
//! A bundle lists the SHA-256 of each of its files. One that differs was replaced or damaged: it is refused,
//! and everything is judged without it. The list is not signed, so that it agrees proves nothing; what proves
//! are the receipts and the register statement.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use trialseal::Trust;
use trialseal::core::hash::sha256;
use trialseal::core::json::{self, Object, Value};
use trialseal::core::manifest::ItemPath;
use trialseal::core::receipt::MAX_BYTES_WITH_MANIFEST;

use super::receipt_file::ENDING;
use crate::config::{self, Place};
use crate::errors::{Ended, bad_input, configuration};
use crate::findings::RefusedFile;
use crate::outcome::{Answer, Exit, Printer};

/// The list of a bundle's files.
pub(crate) const BUNDLE: &str = "bundle.json";
/// Its format.
pub(crate) const BUNDLE_FORMAT: &str = "trialseal-bundle/v1";
/// The trust file that a bundle carries for information.
pub(crate) const BUNDLED_TRUST: &str = "trust.toml";
/// Most files that are read.
const FILES_MAX: usize = 200_000;
/// Most bytes that are read.
const BYTES_MAX: u64 = 2 << 30;
/// Folders below folders.
const DEPTH_MAX: usize = 16;

/// The files of a question.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Names as they are said, and bytes.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// What was left out, because it is not what its bundle lists.
    pub(crate) refused: Vec<RefusedFile>,
    /// Folders that are bundles.
    bundles: Vec<PathBuf>,
    bytes: u64,
}

/// By whose standard, and whether that standard came with what it shall judge.
pub(crate) struct Standard {
    pub(crate) trust: Trust,
    pub(crate) path: PathBuf,
}

impl Files {
    /// Reads everything that may be evidence below these paths.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, Ended> {
        let mut all = Self::default();
        for path in paths {
            let metadata = fs::metadata(path).map_err(|error| missing(path, &error))?;
            if !metadata.is_dir() {
                let name = path.display().to_string();
                all.take(name, path)?;
            } else if path.join(BUNDLE).is_file() {
                all.bundle(path)?;
            } else {
                for path in json_files(path, 0)? {
                    all.take(path.display().to_string(), &path)?;
                }
            }
        }
        Ok(all)
    }

    /// The trust file to judge by: the one that is given, else the one of `login`, else what a bundle carries.
    pub(crate) fn standard(
        &self,
        given: Option<&Path>,
        config: Option<&Path>,
        printer: &Printer,
    ) -> Result<Standard, Ended> {
        let configured = || {
            Place::new(config)
                .and_then(|place| place.read())
                .map(|config| config.trust)
        };
        let path = match given.map(Path::to_owned).map_or_else(configured, Ok) {
            Ok(path) => path,
            Err(ended) => match self.bundles.as_slice() {
                [bundle] if bundle.join(BUNDLED_TRUST).is_file() => bundle.join(BUNDLED_TRUST),
                _ if given.is_none() => {
                    return Err(Box::new(
                        configuration("There is no trust file to judge by.")
                            .next("Give one with --trust FILE, or log in: trialseal login --help"),
                    ));
                }
                _ => return Err(ended),
            },
        };
        let trust = config::read_trust(&path)?;
        let trust = if self.holds(&path) { trust.bundled() } else { trust };
        if trust.is_bundled() {
            fingerprints(&trust, printer);
        }
        Ok(Standard { trust, path })
    }

    /// Whether the file lies in one of the bundles.
    fn holds(&self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else {
            return false;
        };
        let bundles = self
            .bundles
            .iter()
            .filter_map(|bundle| bundle.canonicalize().ok());
        let mut bundles = bundles.filter(|bundle| path.starts_with(bundle));
        bundles.next().is_some()
    }

    /// Every file that the bundle lists and that is what it lists.
    fn bundle(&mut self, folder: &Path) -> Result<(), Ended> {
        self.bundles.push(folder.to_owned());
        let path = folder.join(BUNDLE);
        let bytes = read_regular(&path).map_err(|error| missing(&path, &error))?;
        let listed = list(&bytes).map_err(|problem| bad_input(format!("{}: {problem}.", path.display())))?;
        for (name, expected) in &listed {
            let file = folder.join(name);
            let sentence = match read_regular(&file) {
                Ok(bytes) if sha256(&bytes).to_hex() == *expected => {
                    self.keep(name.clone(), bytes)?;
                    continue;
                }
                Ok(bytes) => format!(
                    "It is not the file that the bundle lists (SHA-256 {} now, {expected} listed): it was replaced \
                     or damaged after the bundle was made.",
                    sha256(&bytes).to_hex()
                ),
                Err(error) => format!("The bundle lists it, and it cannot be read: {error}."),
            };
            self.refused.push(RefusedFile {
                name: name.clone(),
                sentence,
            });
        }
        for name in unlisted(folder, &listed)? {
            self.refused.push(RefusedFile {
                name,
                sentence: "The bundle does not list it: it was added after the bundle was made.".to_owned(),
            });
        }
        Ok(())
    }

    fn take(&mut self, name: String, path: &Path) -> Result<(), Ended> {
        let length = fs::metadata(path).map_err(|error| missing(path, &error))?.len();
        if length > MAX_BYTES_WITH_MANIFEST as u64 {
            // Nothing of ours is as large; a data file may lie beside the receipts.
            return Ok(());
        }
        let bytes = fs::read(path).map_err(|error| missing(path, &error))?;
        self.keep(name, bytes)
    }

    fn keep(&mut self, name: String, bytes: Vec<u8>) -> Result<(), Ended> {
        self.bytes += bytes.len() as u64;
        if self.files.len() >= FILES_MAX || self.bytes > BYTES_MAX {
            return Err(too_many());
        }
        if name.ends_with(".json") && name != BUNDLE {
            self.files.push((name, bytes));
        }
        Ok(())
    }
}

/// The bytes of a regular file of bounded size: a bundle is made by somebody else, and a link in it could lead
/// anywhere.
fn read_regular(path: &Path) -> Result<Vec<u8>, std::io::Error> {
    let metadata = path.symlink_metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES_WITH_MANIFEST as u64 {
        return Err(std::io::Error::other("it is no regular file of at most 64 MiB"));
    }
    fs::read(path)
}

/// The files below a folder that may be ours, in order. No symbolic link is followed.
fn json_files(folder: &Path, depth: usize) -> Result<Vec<PathBuf>, Ended> {
    if depth > DEPTH_MAX {
        return Err(bad_input(format!(
            "{}: there are too many folders in folders.",
            folder.display()
        )));
    }
    let entries = fs::read_dir(folder).map_err(|error| missing(folder, &error))?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| missing(folder, &error))?.path());
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        if metadata.is_dir() {
            files.extend(json_files(&path, depth + 1)?);
        } else if metadata.is_file() && path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(too_many());
        }
    }
    Ok(files)
}

/// Receipts below a bundle that its list does not name.
fn unlisted(folder: &Path, listed: &BTreeMap<String, String>) -> Result<Vec<String>, Ended> {
    let below = |path: PathBuf| {
        let name = path.strip_prefix(folder).ok()?.to_str()?.replace('\\', "/");
        (name.ends_with(ENDING) && !listed.contains_key(&name)).then_some(name)
    };
    Ok(json_files(folder, 0)?.into_iter().filter_map(below).collect())
}

fn too_many() -> Ended {
    bad_input(format!(
        "These are more files than are read at once: {FILES_MAX} files, or {} MiB.",
        BYTES_MAX >> 20
    ))
}

/// The paths and digests that a bundle lists. An error is a sentence.
fn list(bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let top = json::parse(bytes).map_err(|error| format!("the list is not strict JSON: {error}"))?;
    if top.get("format").and_then(Value::as_str) != Some(BUNDLE_FORMAT) {
        return Err(format!("the format is not {BUNDLE_FORMAT}"));
    }
    let files = top
        .get("files")
        .and_then(Value::as_object)
        .ok_or("`files` is not an object")?;
    let listed = |(name, digest): (&str, &Value)| {
        ItemPath::new(name).map_err(|error| format!("`files`: {error}"))?;
        let digest = digest
            .as_str()
            .ok_or_else(|| format!("`files`: {name}: not a text"))?;
        Ok((name.to_owned(), digest.to_owned()))
    };
    Object::iter(files).map(listed).collect()
}

/// What the trust file of a bundle says, so that it can be compared with one from somewhere else.
fn fingerprints(trust: &Trust, printer: &Printer) {
    printer.message(
        "  WARNING  The trust file came together with what it shall judge. Compare before you rely on it:",
    );
    printer.message(&format!(
        "           trust file, SHA-256 {}",
        trust.fingerprint().to_hex()
    ));
    for log in trust.logs() {
        for key in [&log.ed25519, &log.mldsa] {
            printer.message(&format!(
                "           log {}, key SHA-256 {}",
                log.origin,
                sha256(&key.public_key()).to_hex()
            ));
        }
    }
    for witness in trust.quorum().witnesses() {
        for key in &witness.vkeys {
            let digest = sha256(&key.public_key()).to_hex();
            printer.message(&format!(
                "           witness {}, key SHA-256 {digest}",
                witness.name
            ));
        }
    }
    for authority in trust.authorities() {
        for root in &authority.roots {
            let digest = sha256(root.der()).to_hex();
            printer.message(&format!(
                "           authority {}, root SHA-256 {digest}",
                authority.name
            ));
        }
    }
}

fn missing(path: &Path, error: &std::io::Error) -> Ended {
    let sentence = format!("{} cannot be read: {error}.", path.display());
    Box::new(Answer::new(Exit::Missing, "MISSING", sentence))
}
