use trialseal_core::note::{Ed25519SigningKey, MlDsa44SigningKey};

use super::*;
use crate::fs::RealFileSystem;

fn log(origin: &str, seed: u8) -> WatchedLog {
    let origin = Origin::new(origin).unwrap();
    let name = origin.key_name().clone();
    let ed25519 = Ed25519SigningKey::from_seed(name.clone(), [seed; 32]);
    let mldsa = MlDsa44SigningKey::from_seed(name, [seed; 32]);
    WatchedLog::new(origin, vec![ed25519.verifier().clone(), mldsa.verifier().clone()]).unwrap()
}

fn name() -> KeyName {
    parse_name("witness.example/w1").unwrap()
}

fn refused(text: &str) -> String {
    WitnessConfig::parse(text, Path::new("/witness")).unwrap_err()
}

#[test]
fn what_init_writes_shows_the_defaults_and_takes_logs() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_witness_config(dir.path(), &name(), None, None).unwrap();
    let config = WitnessConfig::load(dir.path()).unwrap();
    assert_eq!((config.name.clone(), config.listen), (name(), DEFAULT_LISTEN));
    assert_eq!(
        (config.log.level.as_str(), config.log.json),
        (DEFAULT_LEVEL, false)
    );
    assert!(config.logs.is_empty() && config.tls.is_none() && config.passphrase_file.is_none());
    let again = write_witness_config(dir.path(), &name(), None, None).unwrap_err();
    assert!(matches!(again, WitnessConfigError::Unwritable { .. }), "{again}");

    // What is commented out, put in force, is the default, or an example that is allowed.
    let text = std::fs::read_to_string(&file).unwrap();
    let active: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let shown = WitnessConfig::parse(&active, dir.path()).unwrap();
    assert_eq!((shown.listen, shown.log), (config.listen, config.log));
    assert_eq!(shown.passphrase_file, Some(dir.path().join("passphrase")));
    assert_eq!(shown.tls.unwrap().key, dir.path().join("tls/key.pem"));

    let (one, two) = (log("log.example/1", 1), log("log.example/2", 2));
    for log in [&one, &two] {
        assert!(add_log(&RealFileSystem, dir.path(), log).unwrap());
        assert!(!add_log(&RealFileSystem, dir.path(), log).unwrap(), "it is there");
    }
    let other_keys = add_log(&RealFileSystem, dir.path(), &log("log.example/1", 3)).unwrap_err();
    assert!(
        other_keys.to_string().contains("never gets new ones"),
        "{other_keys}"
    );
    assert_eq!(WitnessConfig::load(dir.path()).unwrap().logs, [one, two]);
}

#[test]
fn what_init_decides_is_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (listen, secret) = ("[::1]:9".parse().unwrap(), Path::new("/odd \"name\\ of a file"));
    write_witness_config(dir.path(), &name(), Some(listen), Some(secret)).unwrap();
    let config = WitnessConfig::load(dir.path()).unwrap();
    assert_eq!(
        (config.listen, config.passphrase_file.as_deref()),
        (listen, Some(secret))
    );
}

#[test]
fn errors_name_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let missing = WitnessConfig::load(dir.path()).unwrap_err().to_string();
    assert!(
        missing.contains("witness.toml") && missing.contains("witness init"),
        "{missing}"
    );
    let vkey = log("log.example/1", 1).vkeys[0].to_string();
    let cosigner = Ed25519SigningKey::from_seed(name(), [1; 32]);
    let cosigner = cosigner.cosignature_verifier();
    let name = "name = \"witness.example/w1\"\n";
    let with_log = |vkeys: &str| format!("{name}[[log]]\norigin = \"log.example/1\"\nvkeys = [{vkeys}]\n");
    let cases = [
        (String::new(), "name"),
        (
            "name = \"https://witness.example/w1\"".to_owned(),
            "without scheme",
        ),
        ("name = \"a b\"".to_owned(), "witness.example.edu/w1"),
        (format!("{name}nmae = 1"), "nmae"),
        (format!("{name}listen = \"0.0.0.0:1\""), "not a loopback address"),
        (format!("{name}[tls]\nkey = \"k.pem\""), "certificate"),
        (with_log(""), "has no key"),
        (with_log("\"x\""), "log.example/1"),
        (with_log(&format!("\"{vkey}\", \"{vkey}\"")), "stands twice"),
        (with_log(&format!("\"{cosigner}\"")), "0x04"),
        (
            with_log(&format!("\"{vkey}\"")).replace("log.example/1", "log example"),
            "log log example",
        ),
        (
            with_log(&format!("\"{vkey}\"")) + &with_log(&format!("\"{vkey}\"")).replace(name, ""),
            "log.example/1 stands twice",
        ),
    ];
    for (text, says) in cases {
        let problem = refused(&text);
        assert!(problem.contains(says), "{says:?} is not in {problem:?}: {text}");
    }
}
