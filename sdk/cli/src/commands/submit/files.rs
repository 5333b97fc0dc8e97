//! Which files make which record, and where its receipt goes.

use std::path::{Path, PathBuf};

use trialseal::{FileToHash, list_folder};

use crate::args::Submit;
use crate::commands::receipt_file;
use crate::errors::{Ended, bad_input, hashing};
use crate::outcome::{Answer, Exit};

/// The files of one record.
pub(super) struct Group {
    pub(super) files: Vec<FileToHash>,
    pub(super) receipt: PathBuf,
}

/// The groups that the arguments ask for: one, or one for each file.
pub(super) fn gather(command: &Submit) -> Result<Vec<Group>, Ended> {
    let paths = expand(&command.files)?;
    if command.each {
        let mut groups = Vec::new();
        for file in named(&paths, None)? {
            let receipt = receipt_file::beside(&file.source);
            // Receipts lie beside the files that they are for; they are not to be notarized.
            if !receipt_file::is_receipt(&file.source) {
                groups.push(Group {
                    files: vec![FileToHash::single(&file.source).map_err(hashing)?],
                    receipt,
                });
            }
        }
        return if groups.is_empty() {
            Err(bad_input("There is no file to submit."))
        } else {
            Ok(groups)
        };
    }
    let receipt = match (&command.receipt, paths.as_slice()) {
        (Some(receipt), _) => receipt.clone(),
        (None, [one]) => receipt_file::beside(one),
        (None, []) => event_receipt(command),
        (None, _) => {
            return Err(bad_input(
                "Several files make one record: say with --receipt where its receipt goes, or make one record for each with --each.",
            ));
        }
    };
    let files = named(&paths, command.base.as_deref())?;
    if !paths.is_empty() && files.is_empty() {
        return Err(bad_input("There is no file to submit."));
    }
    Ok(vec![Group { files, receipt }])
}

/// Patterns become the files that they match; a shell may have done it before.
fn expand(given: &[PathBuf]) -> Result<Vec<PathBuf>, Ended> {
    let mut paths = Vec::with_capacity(given.len());
    for path in given {
        let text = path.to_str().unwrap_or_default();
        if path.symlink_metadata().is_ok() || !text.contains(['*', '?', '[']) {
            paths.push(path.clone());
            continue;
        }
        let matches = glob::glob(text).map_err(|error| bad_input(format!("{text}: {error}.")))?;
        let before = paths.len();
        paths.extend(matches.filter_map(Result::ok).filter(|path| path.is_file()));
        if paths.len() == before {
            let sentence = format!("No file matches {text}.");
            return Err(Box::new(Answer::new(Exit::Missing, "MISSING", sentence)));
        }
    }
    Ok(paths)
}

/// The files with their paths in the manifest: relative to `base`, else to the one folder that is
/// given, else each under its own name and the files of a folder below the folder's name.
fn named(paths: &[PathBuf], base: Option<&Path>) -> Result<Vec<FileToHash>, Ended> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() || path.is_symlink() {
            let file = match base {
                Some(base) => FileToHash::named(path, &relative(path, base)?),
                None => FileToHash::single(path),
            };
            files.push(file.map_err(hashing)?);
            continue;
        }
        let listing = list_folder(path).map_err(hashing)?;
        if let Some(link) = listing.others.first() {
            let link = link.display();
            return Err(bad_input(format!(
                "{link} is a symbolic link or no regular file, and is not followed: move it away."
            )));
        }
        let below = match base {
            Some(base) => relative(path, base)?,
            None if paths.len() > 1 => PathBuf::from(path.file_name().unwrap_or_default()),
            None => PathBuf::new(),
        };
        for file in listing.files {
            let inside = below.join(file.path.as_str());
            files.push(FileToHash::named(file.source, &inside).map_err(hashing)?);
        }
    }
    Ok(files)
}

fn relative(path: &Path, base: &Path) -> Result<PathBuf, Ended> {
    let outside = || {
        bad_input(format!(
            "{} does not lie below {}.",
            path.display(),
            base.display()
        ))
    };
    let (path, base) = match (path.canonicalize(), base.canonicalize()) {
        (Ok(path), Ok(base)) => (path, base),
        _ => return Err(outside()),
    };
    path.strip_prefix(base).map(Path::to_owned).map_err(|_| outside())
}

/// The receipt of an event without files, in the working folder.
fn event_receipt(command: &Submit) -> PathBuf {
    let version = command
        .version
        .as_ref()
        .map(|version| format!("-{version}"))
        .unwrap_or_default();
    let name = format!("{}{version}-{}", command.class, command.event);
    PathBuf::from(format!("{name}{}", receipt_file::ENDING))
}
