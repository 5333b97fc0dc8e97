//! A C2SP tlog-policy is read as the trust file that says the same.

use proptest::sample::Index;

use super::*;

const OTHER: &str = "log.example.com/b";

fn from() -> Instant {
    Instant::parse("2026-01-01T00:00:00Z").unwrap()
}

/// Lines 1 and 2: the log that `log()` holds too.
fn log_lines() -> String {
    format!(
        "log {}\nlog {}\n",
        ed25519(ORIGIN, 1).verifier(),
        mldsa(ORIGIN, 2)
    )
}

/// One line.
fn witness_line(name: &str, seed: u8) -> String {
    format!("witness {name} {}\n", ed25519(name, seed).cosignature_verifier())
}

/// All that a verdict depends on.
fn content(trust: &Trust) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {}",
        trust.logs, trust.quorum, trust.authorities, trust.require, trust.allow_drafts
    )
}

#[track_caller]
fn check_policy_refused(text: &str, line: usize, key: &str, problem: &str) {
    let error = Trust::parse_tlog_policy(text, from()).unwrap_err();
    assert_eq!((error.line, error.key.as_str()), (line, key), "{error}");
    assert!(error.problem.contains(problem), "{error}");
}

#[test]
fn a_whole_policy_reads() {
    let c_mldsa = mldsa("c", 8);
    let text = [
        "# Who is trusted\n\n \t \n  # by us: \u{e9}\n",
        &log_lines().replace('\n', " https://notary.example.org/2026/\n"),
        &witness_line("a", 5).replace(' ', "\t "),
        &witness_line("b", 6).replace('\n', " https://b.example/\n"),
        &witness_line("c", 7),
        &format!("  witness c {c_mldsa}  \n"),
        "group inner any a b\ngroup all all inner c\nquorum all\n",
        &format!("log {}\nlog {}", mldsa(OTHER, 3), ed25519(OTHER, 4).verifier()),
    ]
    .concat();
    let trust = Trust::parse_tlog_policy(&text, from()).unwrap();
    let origins: Vec<&str> = trust.logs().iter().map(|log| log.origin.as_str()).collect();
    assert_eq!(origins, [ORIGIN, OTHER]);
    assert!(
        trust
            .logs()
            .iter()
            .all(|log| log.from == from() && log.until.is_none())
    );
    assert_eq!((trust.require(), trust.allow_drafts()), (Level::Witnessed, false));
    assert_eq!(trust.quorum().name(), Some("all"));
    let keys: Vec<usize> = trust.quorum().witnesses().iter().map(|w| w.vkeys.len()).collect();
    assert_eq!(keys, [1, 1, 2]);
    assert_eq!(trust.quorum().time(&[at(1), at(2), at(3)]), at(3));
    assert_eq!(trust.fingerprint(), sha256(text.as_bytes()));
}

#[test]
fn without_a_quorum_the_log_alone_has_to_sign() {
    let text = log_lines() + &witness_line("a", 5) + "quorum none\n";
    let trust = Trust::parse_tlog_policy(&text, from()).unwrap();
    assert_eq!((trust.require(), trust.quorum().name()), (Level::Sealed, None));
    // A single witness may decide.
    let trust = Trust::parse_tlog_policy(&text.replace("none", "a"), from()).unwrap();
    assert_eq!(
        (trust.require(), trust.quorum().name()),
        (Level::Witnessed, Some("a"))
    );
}

#[test]
fn every_origin_needs_both_keys_once() {
    let [first, second] = [ed25519(ORIGIN, 1).verifier().to_string(), mldsa(ORIGIN, 2)];
    let rest = "quorum none\n";
    let missing = format!("{} has no key of type", ORIGIN);
    check_policy_refused(
        &format!("\nlog {first}\n{rest}"),
        2,
        "log",
        &(missing.clone() + " 0x06"),
    );
    check_policy_refused(&format!("log {second}\n{rest}"), 1, "log", &(missing + " 0x01"));
    // A key of another origin does not help.
    let other = mldsa(OTHER, 2);
    check_policy_refused(&format!("log {first}\nlog {other}\n{rest}"), 1, "log", ORIGIN);
    let third = ed25519(ORIGIN, 9).verifier().to_string();
    let twice = format!("log {first}\nlog {second}\nlog {third}\n{rest}");
    check_policy_refused(&twice, 3, "log", "another key of type 0x01");
    let again = format!("{}log {first}\n{rest}", log_lines());
    check_policy_refused(&again, 3, "log", "another key of type 0x01");
    let cosigner = ed25519(ORIGIN, 9).cosignature_verifier().to_string();
    check_policy_refused(&format!("log {cosigner}\n{rest}"), 1, "log", "has type 0x04");
    check_policy_refused(&format!("log {first}x\n{rest}"), 1, "log", "");
    check_policy_refused(rest, 1, "policy", "log <vkey>");
    check_policy_refused("", 1, "policy", "log <vkey>");
    // The same key under another name is the same key.
    let renamed = format!(
        "{}log {}\nlog {}\n{rest}",
        log_lines(),
        ed25519(OTHER, 1).verifier(),
        mldsa(OTHER, 4)
    );
    check_policy_refused(&renamed, 3, "log.ed25519", "stands in the file already");
}

#[test]
fn lines_that_are_not_of_a_policy_are_refused() {
    let check = |line: &str, key: &str, problem: &str| {
        check_policy_refused(&format!("{}{line}\nquorum none\n", log_lines()), 3, key, problem);
    };
    check("logs x", "policy", "begins with log");
    check("Quorum none", "policy", "begins with log");
    check("log", "policy", "log <vkey>");
    check("log a b c", "policy", "log <vkey>");
    check("witness a", "policy", "witness <name>");
    check("witness a b c d", "policy", "witness <name>");
    check("group g any", "policy", "group <name>");
    check("quorum", "policy", "quorum <name");
    check("quorum a b", "policy", "quorum <name");
    check("quorum a", "quorum", "names no witness or group of a line before");
    check("# \u{b}", "policy", "control character");
    check("# \u{7f}", "policy", "control character");
    check(" \r", "policy", "control character");
    // Only space and tab part the words of a line.
    check("quorum\u{a0}none", "policy", "begins with log");
    check("witness none v", "witness.name", "is none");
    check(
        &format!("witness w {}", ed25519("w", 5).verifier()),
        "witness.vkeys",
        "type 0x01",
    );
    check("witness w vkey", "witness.vkeys", "");
    check_policy_refused(&log_lines(), 2, "policy", "quorum <name");
    let twice = log_lines() + "quorum none\nquorum none\n";
    check_policy_refused(&twice, 4, "quorum", "stands twice");
    let later = log_lines() + "quorum a\n" + &witness_line("a", 5);
    check_policy_refused(&later, 3, "quorum", "of a line before");
}

#[test]
fn groups_take_members_of_lines_before_and_each_of_them_once() {
    let base = log_lines() + &witness_line("a", 5) + &witness_line("b", 6) + &witness_line("c", 7);
    let check = |lines: &str, line: usize, key: &str, problem: &str| {
        check_policy_refused(&format!("{base}{lines}\nquorum none\n"), line, key, problem);
    };
    for of in ["0", "3", "-1", "+1", "1.0", "some", "99999999999999999999999"] {
        check(&format!("group g {of} a b"), 6, "group.of", "from 1 to 2");
    }
    check("group g all a x", 6, "group", "\"x\" names no witness");
    check("group g all none", 6, "group", "\"none\" names no witness");
    check(
        "group g all g",
        6,
        "group",
        "names no witness or group of a line before",
    );
    check("group h all g\ngroup g all a", 6, "group", "of a line before");
    check("group g all a a", 6, "group.members", "twice");
    check(
        "group g all a b\ngroup h any b c",
        7,
        "group",
        "member of another group",
    );
    check("group a any b", 6, "group.name", "already");
    check("group none any b", 6, "group.name", "is none");
    check("group g any b\ngroup g any c", 7, "group.name", "already");
    check(
        &format!("group g any b\n{}", witness_line("g", 9)),
        7,
        "witness",
        "names a group already",
    );
    check(
        &witness_line("d", 7),
        6,
        "witness.vkeys",
        "stands in the file already",
    );
    // A number may have zeros in front.
    Trust::parse_tlog_policy(&format!("{base}group g 02 a b\nquorum g\n"), from()).unwrap();
}

#[test]
fn a_file_is_recognised_by_its_first_words() {
    let policy = log_lines() + "quorum none";
    let early = Instant::parse("0000-01-01T00:00:00Z").unwrap();
    for before in ["", "# [[log]]\n\n", "\t \n  "] {
        let trust = Trust::parse_either(&format!("{before}{policy}")).unwrap();
        assert_eq!((trust.logs()[0].from, trust.logs()[0].until), (early, None));
        let trust = Trust::parse_either(&format!("{before}{}", log())).unwrap();
        assert_eq!(trust.logs()[0].from, from());
    }
    // The errors are those of the format that was recognised.
    assert_eq!(Trust::parse_either("quorum x").unwrap_err().key, "quorum");
    for toml in [
        "log = 1",
        "log=1",
        "group\t= []",
        "# log x",
        "",
        "[[log]]\n",
        "logs x",
    ] {
        let text = |result: Result<Trust, TrustError>| result.map_or_else(|e| e.to_string(), |t| content(&t));
        assert_eq!(
            text(Trust::parse_either(toml)),
            text(Trust::parse(toml)),
            "{toml}"
        );
    }
}

/// The same policy in both formats: witnesses of one or two keys, joined from below to groups.
fn both_formats(two_keys: &[bool], joins: &[(Index, Index)], decides: Option<Index>) -> (String, String) {
    let (mut policy, mut toml) = (log_lines(), log());
    let mut names = Vec::new();
    for (number, two) in (0_u8..).zip(two_keys) {
        let name = format!("w{number}");
        let mut keys = vec![ed25519(&name, 50 + number).cosignature_verifier().to_string()];
        keys.extend(two.then(|| mldsa(&name, 80 + number)));
        toml.push_str(&format!("[[witness]]\nname = \"{name}\"\nvkeys = {keys:?}\n"));
        for key in keys {
            policy.push_str(&format!("witness {name} {key}\n"));
        }
        names.push(name);
    }
    let mut free = names.clone();
    for (number, (of, count)) in joins.iter().enumerate() {
        let members: Vec<String> = free.drain(..=count.index(free.len())).collect();
        let name = format!("g{number}");
        let of = 1 + of.index(members.len());
        let word = if of == members.len() {
            "all".to_owned()
        } else {
            of.to_string()
        };
        policy.push_str(&format!("group {name} {word} {}\n", members.join(" ")));
        toml.push_str(&format!(
            "[[group]]\nname = \"{name}\"\nof = {of}\nmembers = {members:?}\n"
        ));
        free.push(name.clone());
        names.push(name);
    }
    let (quorum, require) = match decides {
        Some(index) => (names[index.index(names.len())].as_str(), "witnessed"),
        None => ("none", "sealed"),
    };
    policy.push_str(&format!("quorum {quorum}\n"));
    toml.push_str(&format!(
        "[policy]\nquorum = \"{quorum}\"\nrequire = \"{require}\"\n"
    ));
    (policy, toml)
}

proptest! {
    #[test]
    fn a_policy_is_the_trust_file_that_says_the_same(
        two_keys in prop::collection::vec(any::<bool>(), 1..5),
        joins in prop::collection::vec(any::<(Index, Index)>(), 0..4),
        decides in any::<Option<Index>>(),
    ) {
        let (policy, toml) = both_formats(&two_keys, &joins, decides);
        let read = Trust::parse_tlog_policy(&policy, from()).unwrap();
        let same = Trust::parse(&toml).unwrap();
        prop_assert_eq!(content(&read), content(&same));
        prop_assert_eq!(read.warnings(), same.warnings());
    }

    #[test]
    fn an_error_stands_on_a_line_of_the_file(
        text in prop::collection::vec(
            prop::sample::select(vec!["log", "witness", "group", "quorum", "all", "any", "1", "none", "a", "b", "\n", "\n", " ", "#"]),
            0..40,
        ),
    ) {
        let text = text.join(" ");
        if let Err(error) = Trust::parse_tlog_policy(&text, from()) {
            prop_assert!((1..=text.matches('\n').count() + 1).contains(&error.line));
        }
    }
}
