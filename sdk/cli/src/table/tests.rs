use super::*;

fn row(sequence: u64, class: &str, organization: &str, reason: &str) -> Row {
    Row {
        register: "trial:NCT04573309".to_owned(),
        sequence,
        class: class.to_owned(),
        event: "finalised".to_owned(),
        organization: organization.to_owned(),
        member: "m-1".to_owned(),
        name: "Jane Doe".to_owned(),
        role: "statistician".to_owned(),
        signed: Some(true),
        reason: reason.to_owned(),
        ..Row::default()
    }
}

fn order(rows: &[Row]) -> Vec<u64> {
    rows.iter().map(|row| row.sequence).collect()
}

#[test]
fn sorted_by_each_part_and_else_as_the_register_has_them() {
    let mut rows = vec![
        row(3, "dataset", "acme", "b"),
        row(1, "protocol", "cro", "b"),
        row(2, "dataset", "cro", "a"),
    ];
    for (by, reverse, expected) in [
        (SortBy::When, false, [1, 2, 3]),
        (SortBy::When, true, [3, 2, 1]),
        (SortBy::What, false, [2, 3, 1]),
        (SortBy::What, true, [1, 2, 3]),
        (SortBy::Who, false, [3, 1, 2]),
        (SortBy::Who, true, [1, 2, 3]),
        (SortBy::Why, false, [2, 1, 3]),
        (SortBy::Why, true, [1, 3, 2]),
    ] {
        sort(&mut rows, by, reverse);
        assert_eq!(order(&rows), expected, "{by:?} {reverse}");
    }
}

#[test]
fn every_filter_looks_at_its_own_part() {
    let one = row(1, "dataset", "acme", "Planned CUT");
    let wanted = |who: &str, what: &str, why: &str| {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Wanted {
            who: some(who),
            what: some(what),
            why: some(why),
        }
        .matches(&one)
    };
    assert!(wanted("", "", ""));
    assert!(wanted("acme/m-1", "data", "planned cut"));
    assert!(wanted("JANE", "finalised", ""));
    assert!(!wanted("dataset", "", ""));
    assert!(!wanted("", "planned", ""));
    assert!(!wanted("", "", "jane"));
    assert!(!wanted("acme", "protocol", ""));
}

#[test]
fn a_table_is_read_back_as_it_was_and_starts_no_formula() {
    let mut one = row(1, "dataset", "acme", "=HYPERLINK(\"http://x\"),\u{202e}\n+1");
    one.remark = "-2+3".to_owned();
    one.name = "Doe, Jane".to_owned();
    let text = csv(&[one]);
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("register,sequence,received_at,"));
    assert_eq!(
        lines[1],
        "trial:NCT04573309,1,,,,dataset,,finalised,,,,false,acme,m-1,\"Doe, Jane\",statistician,,true,\
         \"'=HYPERLINK(\"\"http://x\"\"),[U+202E][U+000A]+1\",'-2+3,,,,,0,"
    );
    assert_eq!(lines[2], "");
}

#[test]
fn csv_and_json_hold_the_same_columns() {
    let json = Row::default().to_json();
    let mut keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let header = csv::header();
    let mut columns: Vec<&str> = header.trim_end().split(',').collect();
    keys.sort_unstable();
    columns.sort_unstable();
    assert_eq!(keys, columns);
}

#[test]
fn a_draft_is_said_to_be_one() {
    let mut one = row(1, "dataset", "acme", "");
    assert_eq!(one.signer(), "Jane Doe (acme/m-1), statistician; ");
    one.signed = Some(false);
    assert_eq!(
        one.signer(),
        "acme/m-1, through this account's access; not signed"
    );
    one.signed = None;
    assert_eq!(one.signer(), "withheld");
}
