//! Where the notary keeps things, and that nothing private lies where everybody reads.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The notary's directories, absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories {
    /// The folder of the configuration file.
    pub base: PathBuf,
    /// The log's keys, encrypted.
    pub keys: PathBuf,
    /// The parent of the four below, unless they are set apart.
    pub data: PathBuf,
    /// The journal's segments.
    pub journal: PathBuf,
    /// Tiles, entry bundles and nothing else: what the HTTP port serves.
    pub public: PathBuf,
    /// Record bundles, snapshots and remembered keys; mode 0700.
    pub private: PathBuf,
    /// sled: only what can be derived again.
    pub index: PathBuf,
    /// The signer's memory, a file outside the data directory, so that restoring an old copy of the data
    /// does not take the signer's memory back with it.
    pub signer_state: PathBuf,
}

impl Directories {
    /// The default layout below a folder.
    #[must_use]
    pub fn below(base: &Path) -> Self {
        let data = base.join("data");
        Self {
            base: base.to_path_buf(),
            keys: base.join("keys"),
            journal: data.join("journal"),
            public: data.join("public"),
            private: data.join("private"),
            index: data.join("index"),
            data,
            signer_state: base.join("signer").join("signer.state"),
        }
    }

    /// Refuses a layout in which `public` lies inside `private`, or anything private inside `public`.
    /// Symbolic links are followed as far as the paths exist, so it is worth asking again once they do.
    ///
    /// # Errors
    /// The key below `directories` and the problem.
    pub fn check_separate(&self) -> Result<(), (&'static str, String)> {
        let public = resolved(&self.public);
        let not_public = [
            ("private", &self.private),
            ("journal", &self.journal),
            ("index", &self.index),
            ("keys", &self.keys),
            ("signer_state", &self.signer_state),
        ];
        for (key, path) in not_public {
            if resolved(path).starts_with(&public) {
                let problem = format!(
                    "{} lies inside directories.public ({}), which everybody reads; keep them apart",
                    path.display(),
                    self.public.display()
                );
                return Err((key, problem));
            }
        }
        if public.starts_with(resolved(&self.private)) {
            let problem = format!(
                "{} lies inside directories.private ({}); keep them apart",
                self.public.display(),
                self.private.display()
            );
            return Err(("public", problem));
        }
        let kept_apart = [
            ("journal", &self.journal),
            ("public", &self.public),
            ("private", &self.private),
            ("index", &self.index),
        ];
        for (position, (key, path)) in kept_apart.iter().enumerate() {
            if kept_apart[..position]
                .iter()
                .any(|(_, other)| resolved(other) == resolved(path))
            {
                return Err((
                    key,
                    format!(
                        "{} is used twice; each needs a directory of its own",
                        path.display()
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// The path with the links of its existing part followed and `.` and `..` taken out of the rest.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let mut missing: Vec<OsString> = Vec::new();
    let mut existing = lexically_normal(path);
    loop {
        if let Ok(real) = existing.canonicalize() {
            return missing
                .iter()
                .rev()
                .fold(real, |path, segment| path.join(segment));
        }
        match (existing.parent().map(Path::to_path_buf), existing.file_name()) {
            (Some(parent), Some(segment)) => {
                missing.push(segment.to_os_string());
                existing = parent;
            }
            _ => return lexically_normal(path),
        }
    }
}

fn lexically_normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
