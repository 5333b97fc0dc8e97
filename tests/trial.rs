//! The story of a trial, told once for all tests here: what its receipts prove, and what does not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

#[path = "trial/inspection.rs"]
mod inspection;
#[path = "trial/standings.rs"]
mod standings;
#[path = "trial/tampering.rs"]
mod tampering;
#[path = "trial/views.rs"]
mod views;

use std::sync::OnceLock;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use trialseal_tests::independent::not_run;
use trialseal_tests::story::questions::Papers;
use trialseal_tests::story::{self, ACCEPTED, CROOKED, REGISTER, Tale};

/// The story and the papers about it, and what it runs on.
struct Stage {
    tale: Tale,
    papers: OnceLock<Papers>,
    runtime: Runtime,
    _folder: TempDir,
}

/// Told once: it takes a while.
fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let (runtime, folder) = (Runtime::new().unwrap(), TempDir::new().unwrap());
        let tale = runtime.block_on(story::tell(folder.path()));
        Stage {
            tale,
            papers: OnceLock::new(),
            runtime,
            _folder: folder,
        }
    })
}

fn tale() -> &'static Tale {
    &stage().tale
}

/// Waits for something of the story's notary.
fn wait<T>(work: impl Future<Output = T>) -> T {
    stage().runtime.block_on(work)
}

/// What an inspector is given about both trials.
fn papers() -> &'static Papers {
    let stage = stage();
    stage.papers.get_or_init(|| {
        let registers = [(REGISTER, "medtrust/m-ortega"), (CROOKED, "sham-pharma/m-crook")];
        let folder = wait(stage.tale.hand_in("papers", &registers));
        Papers::of_folder(&folder, stage.tale.world.trust())
    })
}

#[test]
fn the_story_is_long_enough() {
    let records = tale().records().count();
    assert!(records >= 60, "{records}");
    let (real, made) = tale().files.count();
    if !story::files::data().is_dir() {
        not_run(
            "the story on real files",
            made,
            "there are none; TRIALSEAL_DATA names their folder",
        );
    } else {
        assert!(real > 10, "{real} real files");
    }
}

#[test]
fn who_may_not_is_told_so() {
    let refusals = tale().refusals();
    for refused in refusals {
        eprintln!("REFUSED  {}: {}", refused.name, refused.sentence);
    }
    let is_accepted = |name: &&str| {
        let refused = refusals.iter().find(|refused| refused.name == *name);
        refused.is_none_or(|refused| refused.sentence.starts_with(ACCEPTED))
    };
    let names = [
        "a front as a board",
        "a front decides",
        "one person with two keys",
        "a pipeline approves",
        "a draft hard lock",
        "a signature after revocation",
    ];
    let accepted: Vec<&str> = names.into_iter().filter(is_accepted).collect();
    assert_eq!(accepted, Vec::<&str>::new(), "these ought to be refused");
    assert_eq!(refusals.len(), 7);
}
