use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

const NOTHING: [(&str, &str); 0] = [];

fn folder(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    fs::write(base.join(FILE_NAME), text).unwrap();
    (dir, base)
}

fn load(text: &str) -> Result<(Config, PathBuf), ConfigError> {
    let (_dir, base) = folder(text);
    Config::load_with(&ServeFlags::of_folder(&base), NOTHING).map(|config| (config, base))
}

/// The key and the problem of a file that must be refused, after checking that the file is named.
fn refused(text: &str) -> (String, String) {
    let (_dir, base) = folder(text);
    let error = Config::load_with(&ServeFlags::of_folder(&base), NOTHING).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains(&*base.join(FILE_NAME).to_string_lossy()),
        "{message}"
    );
    match error {
        ConfigError::Value { key, problem, .. } => (key, problem),
        other => panic!("{other}"),
    }
}

fn with_origin(rest: &str) -> String {
    format!("origin = \"notary.example.org/2026\"\n{rest}")
}

#[test]
fn an_origin_is_enough() {
    let (config, base) = load(&with_origin("")).unwrap();
    assert_eq!(config.origin.to_string(), "notary.example.org/2026");
    assert_eq!(config.directories, Directories::below(&base));
    assert_eq!(config.directories.journal, base.join("data/journal"));
    assert_eq!(config.directories.signer_state, base.join("signer/signer.state"));
    assert_eq!(config.listen.admin_socket, base.join("admin.sock"));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.limits.remembered_keys.get(), 8_000_000);
    assert_eq!(config.limits.remembered_keys_of_one_organization(), 2_000_000);
    assert!(config.listen.grpc.ip().is_loopback() && config.listen.http.ip().is_loopback());
    assert_eq!(
        (config.tls, config.passphrase_file, config.telemetry.otlp_endpoint),
        (None, None, None)
    );
}

#[test]
fn errors_name_the_key_and_the_file() {
    let cases = [
        ("", "origin", "is missing"),
        ("origin = \"a b\"", "origin", ""),
        ("origin = 7", "origin", "invalid type"),
        (
            "[listen]\ngrcp = \"127.0.0.1:1\"",
            "listen.grcp",
            "known here: grpc, http, admin_socket",
        ),
        ("[listen]\ngrpc = \"localhost\"", "listen.grpc", ""),
        ("frobnicate = 1", "frobnicate", "is not a key"),
        (
            "[limits.organization]\nrecords_per_sec = 1",
            "limits.organization.records_per_sec",
            "is not a key",
        ),
        ("[limits]\nqueue_records = 0", "limits.queue_records", ""),
        ("[limits]\nqueue_bytes = -1", "limits.queue_bytes", ""),
        (
            "[limits]\nqueue_bytes = \"64MB\"",
            "limits.queue_bytes",
            "invalid type",
        ),
        ("[limits]\nqueue_bytes = 1000", "limits.queue_bytes", "at least"),
        (
            "[limits.organization]\nburst_records = 999",
            "limits.organization.burst_records",
            "1000",
        ),
        (
            "[limits.organization]\nin_flight_records = 1",
            "limits.organization.in_flight_records",
            "1000",
        ),
        (
            "[limits]\nremembered_keys_per_organization = 9000000",
            "limits.remembered_keys_per_organization",
            "above",
        ),
        ("[log]\nlevel = \"a=b=c\"", "log.level", "not a log filter"),
        ("[log]\njson = \"yes\"", "log.json", "invalid type"),
        (
            "[telemetry]\notlp_endpoint = \"localhost:4317\"",
            "telemetry.otlp_endpoint",
            "not a URL",
        ),
        ("[tls]\ncertificate = \"c.pem\"", "tls.key", "both or neither"),
        ("[tls]\nkey = \"k.pem\"", "tls.certificate", "both or neither"),
        (
            "[listen]\nhttp = \"127.0.0.1:7411\"",
            "listen.http",
            "must differ",
        ),
    ];
    for (text, key, problem) in cases {
        let text = if text.contains("origin") || text.is_empty() {
            text.to_owned()
        } else {
            with_origin(text)
        };
        let (found_key, found_problem) = refused(&text);
        assert_eq!(found_key, key, "{text}: {found_problem}");
        assert!(found_problem.contains(problem), "{text}: {found_problem}");
    }
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let error = Config::load_with(&ServeFlags::of_folder(dir.path()), NOTHING).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }));
    assert!(error.to_string().contains(FILE_NAME), "{error}");
    let (_dir, base) = folder("origin = \n");
    let error = Config::load_with(&ServeFlags::of_folder(&base), NOTHING).unwrap_err();
    assert!(matches!(error, ConfigError::Syntax { .. }), "{error:?}");
    assert!(
        error.to_string().contains(FILE_NAME) && error.to_string().contains("line 1"),
        "{error}"
    );
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let (_dir, base) = folder(&with_origin(
        "[listen]\ngrpc = \"127.0.0.1:1\"\nhttp = \"127.0.0.1:2\"\n[log]\nlevel = \"warn\"\n",
    ));
    let environment = [
        ("TRIALSEAL_SERVER_LISTEN__HTTP", "127.0.0.1:3"),
        ("TRIALSEAL_SERVER_LOG__LEVEL", "debug"),
        ("TRIALSEAL_SERVER_LOG__JSON", "true"),
        ("TRIALSEAL_SERVER_LIMITS__ORGANIZATION__RECORDS_PER_SECOND", "77"),
        ("TRIALSEAL_TOKEN", "not the server's"),
        ("HOME", "/nowhere"),
    ];
    let flags = ServeFlags {
        log_level: Some("trace".into()),
        ..ServeFlags::of_folder(&base)
    };
    let config = Config::load_with(&flags, environment).unwrap();
    assert_eq!(config.listen.grpc.port(), 1);
    assert_eq!(config.listen.http.port(), 3);
    assert_eq!((config.log.level.as_str(), config.log.json), ("trace", true));
    assert_eq!(config.limits.organization.records_per_second.get(), 77);
}

#[test]
fn errors_name_the_variable_or_the_flag() {
    let (_dir, base) = folder(&with_origin("[listen]\ngrpc = \"127.0.0.1:1\"\n"));
    let flags = ServeFlags::of_folder(&base);
    let cases = [
        ("TRIALSEAL_SERVER_LISTEN__GRPC", "0.0.0.0:1"),
        ("TRIALSEAL_SERVER_LISTEN__GRCP", "0.0.0.0:1"),
        ("TRIALSEAL_SERVER_PASSPHRASE", "secret"),
        ("TRIALSEAL_SERVER_LIMITS__QUEUE_RECORDS", "many"),
    ];
    for (name, value) in cases {
        let message = Config::load_with(&flags, [(name, value)])
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(&format!("the environment variable {name}")),
            "{message}"
        );
        assert!(
            !message.contains("secret"),
            "a value that may be secret is not repeated: {message}"
        );
    }
    let flags = ServeFlags {
        http: Some("192.0.2.1:80".parse().unwrap()),
        ..flags
    };
    let message = Config::load_with(&flags, NOTHING).unwrap_err().to_string();
    assert!(
        message.starts_with("listen.http in --http: 192.0.2.1:80 is not a loopback address"),
        "{message}"
    );
}

#[test]
fn without_tls_only_loopback_is_allowed() {
    for address in ["0.0.0.0:7411", "[::]:7411", "192.0.2.7:7411"] {
        let (key, problem) = refused(&with_origin(&format!("[listen]\ngrpc = \"{address}\"")));
        assert_eq!(key, "listen.grpc");
        assert!(
            problem.contains("without TLS the notary listens on loopback only"),
            "{problem}"
        );
        let tls = "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
        let (config, base) = load(&with_origin(&format!("[listen]\ngrpc = \"{address}\"\n{tls}"))).unwrap();
        let tls = config.tls.unwrap();
        assert_eq!(
            (tls.certificate, tls.key),
            (base.join("c.pem"), base.join("k.pem"))
        );
    }
    for address in ["127.0.0.1:0", "127.8.0.1:9", "[::1]:9"] {
        load(&with_origin(&format!("[listen]\ngrpc = \"{address}\""))).unwrap();
    }
}

#[test]
fn nothing_private_may_lie_in_public() {
    let cases = [
        ("private = \"data/public/private\"", "directories.private"),
        ("public = \"data/private/tiles\"", "directories.public"),
        ("private = \"data/public\"", "directories.private"),
        ("public = \"data/x/../private\"", "directories.private"),
        ("journal = \"data/public/journal\"", "directories.journal"),
        ("index = \"data/public/./index\"", "directories.index"),
        ("keys = \"data/public/keys\"", "directories.keys"),
        (
            "signer_state = \"data/public/signer.state\"",
            "directories.signer_state",
        ),
        ("public = \".\"", "directories.private"),
        ("index = \"data/journal\"", "directories.index"),
    ];
    for (setting, key) in cases {
        let (found, problem) = refused(&with_origin(&format!("[directories]\n{setting}\n")));
        assert_eq!(found, key, "{setting}: {problem}");
    }
}

#[test]
fn nothing_private_may_lie_in_public_behind_a_link() {
    let (_dir, base) = folder(&with_origin("[directories]\nprivate = \"elsewhere/private\"\n"));
    fs::create_dir_all(base.join("data/public")).unwrap();
    std::os::unix::fs::symlink(base.join("data/public"), base.join("elsewhere")).unwrap();
    let error = Config::load_with(&ServeFlags::of_folder(&base), NOTHING).unwrap_err();
    assert!(error.to_string().starts_with("directories.private"), "{error}");
}

#[test]
fn directories_move_together_with_data_and_one_by_one() {
    let (config, base) = load(&with_origin(
        "[directories]\ndata = \"/srv/log\"\npublic = \"www\"\nkeys = \"/etc/keys\"\n",
    ))
    .unwrap();
    let directories = config.directories;
    assert_eq!(directories.journal, Path::new("/srv/log/journal"));
    assert_eq!(directories.private, Path::new("/srv/log/private"));
    assert_eq!(directories.public, base.join("www"));
    assert_eq!(directories.keys, Path::new("/etc/keys"));
    assert_eq!(directories.signer_state, base.join("signer/signer.state"));
}

fn settings() -> InitSettings {
    InitSettings {
        origin: "notary.example.org/2026".parse().unwrap(),
        passphrase_file: None,
        pkcs11: None,
        grpc: None,
        http: None,
    }
}

#[test]
fn what_init_writes_says_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    write_default(&base, &settings()).unwrap();
    let config = Config::load_with(&ServeFlags::of_folder(&base), NOTHING).unwrap();
    assert_eq!(
        config,
        load(&with_origin(""))
            .map(|(plain, _)| Config {
                file: config.file.clone(),
                directories: config.directories.clone(),
                listen: config.listen.clone(),
                ..plain
            })
            .unwrap()
    );
    let again = write_default(&base, &settings()).unwrap_err();
    assert!(
        matches!(again, ConfigError::Unwritable { .. }),
        "an existing configuration is left alone"
    );
}

#[test]
fn every_line_that_init_comments_out_is_the_default() {
    let text = template::text(&settings());
    let active: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let (_dir, base) = folder(&active);
    fs::write(base.join("trust.toml"), trust("all")).unwrap();
    let config = Config::load_with(&ServeFlags::of_folder(&base), NOTHING).unwrap();
    let (plain, plain_base) = load(&with_origin("")).unwrap();
    assert_eq!(config.limits, plain.limits);
    assert_eq!(config.log, plain.log);
    assert_eq!(config.directories, Directories::below(&base));
    assert_eq!(plain.directories, Directories::below(&plain_base));
    assert_eq!(
        (config.listen.grpc, config.listen.http),
        (plain.listen.grpc, plain.listen.http)
    );
    assert_eq!(config.listen.admin_socket, base.join("admin.sock"));
    assert_eq!(config.passphrase_file, Some(base.join("passphrase")));
    assert!(config.tls.is_some() && config.telemetry.otlp_endpoint.is_some());
    let evidence = config.evidence.unwrap();
    assert_eq!(evidence.trust_file, base.join("trust.toml"));
    assert_eq!((evidence.witnesses.len(), evidence.authorities.len()), (1, 1));
    let unsaid = "[evidence]\ntrust = \"trust.toml\"\n";
    let plain = with_trust("none", unsaid).unwrap().evidence.unwrap();
    let times = |evidence: &Evidence| {
        let Evidence {
            timestamp_every,
            clock_bound,
            request_timeout,
            ..
        } = evidence;
        [*timestamp_every, *clock_bound, *request_timeout]
    };
    assert_eq!(times(&evidence), times(&plain));
}

/// A trust file with two witnesses, of which the first is `university`, and one authority.
fn trust(university: &str) -> String {
    let key = |name: &str, seed: u8| {
        let name = trialseal_core::note::KeyName::new(name).unwrap();
        trialseal_core::note::Ed25519SigningKey::from_seed(name, [seed; 32])
            .cosignature_verifier()
            .to_string()
    };
    let group = match university {
        "none" => "[policy]\nquorum = \"none\"\n".to_owned(),
        _ => format!(
            "[[group]]\nname = \"both\"\nof = 1\nmembers = [\"university\", \"sponsor\"]\n\
             [policy]\nquorum = \"{}\"\n",
            if university == "all" { "both" } else { university }
        ),
    };
    let root = include_str!("../../../sdk/core/tests/timestamps/fixtures/root.pem");
    format!(
        "[[witness]]\nname = \"university\"\nvkeys = [\"{}\"]\n\
         [[witness]]\nname = \"sponsor\"\nvkeys = [\"{}\"]\n\
         [[authority]]\nname = \"tsa-a\"\nroots = [\"\"\"{root}\"\"\"]\n{group}",
        key("w.example/university", 1),
        key("w.example/sponsor", 2),
    )
}

fn with_trust(quorum: &str, section: &str) -> Result<Config, ConfigError> {
    let (_dir, base) = folder(&with_origin(section));
    fs::write(base.join("trust.toml"), trust(quorum)).unwrap();
    Config::load_with(&ServeFlags::of_folder(&base), NOTHING)
}

#[test]
fn evidence_is_asked_of_those_in_the_trust_file() {
    let base = "[evidence]\ntrust = \"trust.toml\"\n";
    let url = "url = \"https://w.example.org/a/\"\n";
    let both = format!("{base}[evidence.witnesses.sponsor]\n{url}[evidence.witnesses.university]\n{url}");
    let evidence = with_trust("all", &both).unwrap().evidence.unwrap();
    let names: Vec<_> = evidence
        .witnesses
        .iter()
        .map(|place| place.witness.name.as_str())
        .collect();
    assert_eq!(names, ["university", "sponsor"]);
    assert_eq!(
        evidence.witnesses[0].monitoring_url.as_str(),
        "https://w.example.org/a"
    );
    let authority = format!("{base}must_answer = [\"tsa-a\"]\n[evidence.authorities.tsa-a]\n{url}");
    assert_eq!(
        with_trust("none", &authority)
            .unwrap()
            .evidence
            .unwrap()
            .must_answer,
        ["tsa-a"]
    );
    let cases = [
        ("all", "[evidence]\n".to_owned(), "evidence.trust", "is missing"),
        (
            "all",
            "[evidence]\ntrust = \"gone.toml\"\n".to_owned(),
            "evidence.trust",
            "cannot read",
        ),
        (
            "all",
            "[evidence]\ntrust = \"trialseal.toml\"\n".to_owned(),
            "evidence.trust",
            "line",
        ),
        (
            "all",
            base.to_owned(),
            "evidence.witnesses",
            "cannot make the quorum `both`",
        ),
        (
            "university",
            format!("{base}[evidence.witnesses.sponsor]\n{url}"),
            "evidence.witnesses",
            "`university`",
        ),
        (
            "all",
            format!("{base}[evidence.witnesses.nobody]\n{url}"),
            "evidence.witnesses.nobody",
            "known there: university, sponsor",
        ),
        (
            "all",
            format!("{base}[evidence.authorities.tsa-b]\n{url}"),
            "evidence.authorities.tsa-b",
            "known there: tsa-a",
        ),
        (
            "none",
            format!("{base}must_answer = [\"tsa-a\"]\n"),
            "evidence.must_answer",
            "`tsa-a`",
        ),
        (
            "none",
            format!("{base}[evidence.witnesses.sponsor]\nurl = \"http://w.example.org\"\n"),
            "evidence.witnesses.sponsor.url",
            "needs https",
        ),
        (
            "none",
            format!("{base}[evidence.witnesses.sponsor]\nurl = \"w\"\n"),
            "evidence.witnesses.sponsor.url",
            "is not a URL",
        ),
        (
            "none",
            format!("{base}[evidence.witnesses.sponsor]\n"),
            "evidence.witnesses.sponsor.url",
            "is missing",
        ),
        (
            "none",
            format!("{base}clock_bound_seconds = 0\n"),
            "evidence.clock_bound_seconds",
            "1 to 3600",
        ),
        (
            "none",
            format!("{base}timestamp = 0\n"),
            "evidence.timestamp",
            "is not a key",
        ),
    ];
    for (quorum, section, expected, hint) in cases {
        match with_trust(quorum, &section).unwrap_err() {
            ConfigError::Value { key, problem, .. } => {
                assert_eq!(key, expected, "{section}: {problem}");
                assert!(problem.contains(hint), "{section}: {problem}");
            }
            other => panic!("{other}"),
        }
    }
    let (old, new) = (
        with_trust("all", &both).unwrap(),
        with_trust("none", &both).unwrap(),
    );
    let moved = Config {
        file: old.file.clone(),
        directories: old.directories.clone(),
        listen: old.listen.clone(),
        ..new
    };
    assert_eq!(old.needs_restart(&moved), ["evidence"]);
}

#[test]
fn what_init_decides_is_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    let secret = base.join("odd \"name\\ of a file");
    let decided = InitSettings {
        passphrase_file: Some(secret.clone()),
        grpc: Some("127.0.0.1:1".parse().unwrap()),
        http: Some("[::1]:2".parse().unwrap()),
        ..settings()
    };
    write_default(&base, &decided).unwrap();
    let config = Config::load_with(&ServeFlags::of_folder(&base), NOTHING).unwrap();
    assert_eq!(config.passphrase_file, Some(secret));
    assert_eq!(
        (config.listen.grpc, config.listen.http),
        (decided.grpc.unwrap(), decided.http.unwrap())
    );
}

#[test]
fn a_reload_takes_limits_and_level_and_names_what_needs_a_restart() {
    let (old, _) = load(&with_origin("")).unwrap();
    let mut new = old.clone();
    new.limits.organization.burst_records = std::num::NonZeroU32::new(5_000).unwrap();
    new.log.level = "debug".into();
    assert_eq!(old.needs_restart(&new), Vec::<&str>::new());
    assert_eq!(
        new.reloadable(),
        Reloadable {
            limits: new.limits.clone(),
            log_level: "debug".into()
        }
    );
    new.listen.grpc.set_port(1);
    new.log.json = true;
    assert_eq!(old.needs_restart(&new), ["listen", "log.json"]);
}

#[test]
fn the_next_log_has_the_same_configuration_in_a_folder_of_its_own() {
    let (_dir, base) = folder(&with_origin(
        "passphrase_file = \"secret\"\n[directories]\ndata = \"elsewhere\"\n[listen]\ngrpc = \"127.0.0.1:1\"\n\
         [tls]\ncertificate = \"tls/c.pem\"\nkey = \"/etc/k.pem\"\n[limits.organization]\nburst_records = 7000\n\
         [pkcs11]\nmodule = \"/lib/m.so\"\ntoken = \"t\"\n",
    ));
    let old = Config::load_with(&ServeFlags::of_folder(&base), NOTHING).unwrap();
    let place = old.pkcs11.clone().unwrap();
    assert_eq!(place.key, "notary.example.org/2026", "the label is the origin");
    let origin: Origin = "notary.example.org/2027".parse().unwrap();
    let next = |token: Option<&TokenPlace>| {
        let (_next, at) = folder(&next_text(&old, &origin, token).unwrap());
        let config = Config::load_with(&ServeFlags::of_folder(&at), NOTHING).unwrap();
        (config, at)
    };
    let (config, at) = next(None);
    assert_eq!(config.origin, origin);
    assert_eq!(config.previous, Some(base.clone()));
    assert_eq!(config.directories, Directories::below(&at));
    assert_eq!(config.passphrase_file, Some(base.join("secret")));
    assert_eq!(
        config.tls.unwrap(),
        TlsFiles {
            certificate: base.join("tls/c.pem"),
            key: PathBuf::from("/etc/k.pem"),
        }
    );
    assert_eq!(
        (config.listen.grpc, &config.limits),
        (old.listen.grpc, &old.limits)
    );
    assert_eq!(config.listen.admin_socket, at.join("admin.sock"));
    assert_eq!(config.pkcs11, None, "the key in the token is the old log's");
    let other = TokenPlace {
        key: "next".to_owned(),
        pin_file: Some(PathBuf::from("/etc/pin")),
        ..place
    };
    assert_eq!(next(Some(&other)).0.pkcs11, Some(other));
}
