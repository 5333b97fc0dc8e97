//! A log whose Ed25519 key is in a PKCS#11 token: made there, used there, rotated to a new one
//! there. The token is SoftHSM2's.
//!
//! It needs `softhsm2-util`, its module, and a server that was built with the feature `pkcs11`
//! (`make test-pkcs11`); without one of them it says so, by name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use trialseal_core::note::{Ed25519SigningKey, KeyName};
use trialseal_core::record::When;
use trialseal_core::trust::Trust;
use trialseal_core::verify::{FileQuery, Outcome, verify};
use trialseal_proto::v1;
use trialseal_tests::caller::{Stubs, draft, of_draft};
use trialseal_tests::notary::{Folder, set_mode};
use trialseal_tests::{json_mapping, programs};

const TOKEN: &str = "trialseal-test";
const PIN: &str = "4711-planted";
const ORIGIN: &str = "notary.example.org/2026";
const NEXT: &str = "notary.example.org/2027";

/// Where distributions put the module.
const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
];

/// A token of its own, below a folder.
struct Token {
    module: PathBuf,
    configuration: PathBuf,
    pin_file: PathBuf,
}

impl Token {
    /// None, with the reason, where there can be none.
    fn make(below: &Path) -> Result<Self, String> {
        let module = MODULES.iter().map(Path::new).find(|path| path.is_file());
        let module = module
            .ok_or("the module of SoftHSM2 is not installed")?
            .to_owned();
        let tokens = below.join("tokens");
        fs::create_dir(&tokens).unwrap();
        let configuration = below.join("softhsm2.conf");
        let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
        fs::write(&configuration, text).unwrap();
        let made = Command::new("softhsm2-util")
            .env("SOFTHSM2_CONF", &configuration)
            .args([
                "--init-token",
                "--free",
                "--label",
                TOKEN,
                "--pin",
                PIN,
                "--so-pin",
                PIN,
            ])
            .output()
            .map_err(|error| format!("softhsm2-util: {error}"))?;
        assert!(made.status.success(), "{}", programs::said(&made));
        let pin_file = below.join("pin");
        fs::write(&pin_file, format!("{PIN}\n")).unwrap();
        set_mode(&pin_file, 0o600);
        Ok(Self {
            module,
            configuration,
            pin_file,
        })
    }

    fn flags(&self) -> Vec<String> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            "--pkcs11-module".to_owned(),
            text(&self.module),
            "--pkcs11-token".to_owned(),
            TOKEN.to_owned(),
            "--pkcs11-pin-file".to_owned(),
            text(&self.pin_file),
        ]
    }

    fn environment(&self) -> (String, String) {
        let configuration = self.configuration.to_str().unwrap().to_owned();
        ("SOFTHSM2_CONF".to_owned(), configuration)
    }
}

fn verified(folder: &Folder, receipt: &v1::Receipt) -> When {
    let text = fs::read_to_string(folder.dir().join("trust.toml")).unwrap();
    let trust = Trust::parse(&text).unwrap().with_drafts_allowed();
    let json = json_mapping::receipt(receipt);
    let report = verify(json.as_bytes(), &trust, trialseal::now(), &FileQuery::None);
    assert_eq!(report.outcome, Outcome::Passed);
    let part = receipt.record.as_ref().unwrap().when.as_ref().unwrap();
    When::parse(part.text.as_ref().unwrap().as_bytes()).unwrap()
}

async fn records(folder: &Folder, name: &str) -> When {
    let server = folder.start();
    let stubs = Stubs::connect(&server, folder.token()).await;
    let mut last = None;
    for number in 0..5 {
        let request = of_draft(draft(&format!("{name} {number}")));
        let receipt = stubs.submit(request).await.unwrap().receipt.unwrap();
        last = Some(verified(folder, &receipt));
    }
    server.terminate();
    last.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_token_signs_a_log() {
    let temporary = tempfile::tempdir().unwrap();
    let made = Token::make(temporary.path()).and_then(|token| {
        let folder = Folder::try_below(temporary.path(), &token.flags(), &[token.environment()]);
        folder.map(|folder| (token, folder)).map_err(|said| {
            assert!(said.contains("built without PKCS#11"), "{said}");
            "the server was built without the feature pkcs11".to_owned()
        })
    });
    let (token, folder) = match made {
        Ok(made) => made,
        Err(why) => {
            eprintln!("NOT RUN: a_key_in_a_token_signs_a_log: {why}");
            return;
        }
    };
    // The secret key is no file; the other one is.
    assert!(!folder.dir().join("keys/log-ed25519.pem").exists());
    assert!(folder.dir().join("keys/log-mldsa44.pem").is_file());
    let first = records(&folder, "first").await;
    assert_eq!(first.log.as_str(), ORIGIN);

    // A wrong PIN, and a token that is not there, are said as such.
    fs::write(&token.pin_file, "wrong\n").unwrap();
    let said = folder.start_with(&[]).err().expect("the start is refused").said;
    assert!(said.contains("login is refused") && !said.contains(PIN), "{said}");
    fs::write(&token.pin_file, format!("{PIN}\n")).unwrap();
    folder.set("pkcs11.token", "\"another\"");
    let said = folder.start_with(&[]).err().expect("the start is refused").said;
    assert!(said.contains("no token with this label"), "{said}");
    folder.set("pkcs11.token", &format!("\"{TOKEN}\""));

    // The next log has a key of its own in the same token.
    let to = folder.dir().with_file_name("notary-2027");
    let mut rotate = vec![
        "rotate".to_owned(),
        "--next-origin".to_owned(),
        NEXT.to_owned(),
        "--next-dir".to_owned(),
        to.to_str().unwrap().to_owned(),
    ];
    rotate.extend(token.flags());
    let rotate: Vec<&str> = rotate.iter().map(String::as_str).collect();
    folder.must_operate(&rotate);
    folder.must_operate(&rotate);
    let next = folder.moved_to(&to);
    let second = records(&next, "second").await;
    assert_eq!(second.log.as_str(), NEXT);
    assert_eq!(second.sequence.get(), first.sequence.get() + 5);
    let vkeys = |folder: &Folder| fs::read_to_string(folder.log_pub()).unwrap();
    let (old, new) = (vkeys(&folder), vkeys(&next));
    assert!(old.lines().zip(new.lines()).all(|(old, new)| old != new));
    // The key is the token's: one from a seed that anybody knows is another.
    let known = Ed25519SigningKey::from_seed(KeyName::new(ORIGIN).unwrap(), [0; 32]);
    assert!(!old.contains(&known.verifier().to_string()));
    assert!(next.must_operate(&["audit"]).matches("CLEAN").count() == 2);
}
