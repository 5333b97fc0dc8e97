//! Texts of others, shown as text: nothing in them may hide, reorder or pose as something else.

use maud::{Markup, html};

/// The text with every character made visible that would change how the rest is read.
///
/// Controls, marks of direction, invisible and line-breaking characters stand as `[U+202E]`. Letters of
/// right-to-left scripts stay; on a page they are isolated by [`isolated`].
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if changes_reading(letter) {
            out.push_str(&format!("[U+{:04X}]", u32::from(letter)));
        } else {
            out.push(letter);
        }
    }
    out
}

/// The same for a terminal, where a message may have several lines.
pub(crate) fn shown_lines(text: &str) -> String {
    text.split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

/// At most so many characters of the text, shown; what is cut is counted.
pub(crate) fn clipped(text: &str, chars_max: usize) -> String {
    let count = text.chars().count();
    if count <= chars_max {
        return shown(text);
    }
    let start: String = text.chars().take(chars_max).collect();
    format!("{}... ({} characters more)", shown(&start), count - chars_max)
}

/// A text for a page, where right-to-left words cannot move what stands beside them.
pub(crate) fn isolated(text: &str) -> Markup {
    let text = shown(text);
    let mut runs: Vec<(bool, String)> = Vec::new();
    for letter in text.chars() {
        let is_rtl = is_right_to_left(letter);
        match runs.last_mut() {
            Some((kind, run)) if *kind == is_rtl => run.push(letter),
            _ => runs.push((is_rtl, letter.to_string())),
        }
    }
    html! {
        @for (is_rtl, run) in &runs {
            @if *is_rtl { bdi { (run) } } @else { (run) }
        }
    }
}

/// A word of a command line for a POSIX shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_./:=@%+,-".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn changes_reading(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

fn is_right_to_left(letter: char) -> bool {
    matches!(letter,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_how_a_text_is_read_is_made_visible() {
        for (text, expected) in [
            ("Jane Doe", "Jane Doe"),
            ("abc\u{202e}fdp.exe", "abc[U+202E]fdp.exe"),
            ("a\nb\u{7}\u{9b}", "a[U+000A]b[U+0007][U+009B]"),
            (
                "\u{200b}\u{2066}\u{feff}\u{e0041}",
                "[U+200B][U+2066][U+FEFF][U+E0041]",
            ),
            ("Zo\u{eb} \u{5d3}\u{5df}", "Zo\u{eb} \u{5d3}\u{5df}"),
        ] {
            assert_eq!(shown(text), expected);
        }
        // Joiners are part of words in several scripts.
        assert_eq!(
            shown("\u{645}\u{6cc}\u{200c}\u{62e}"),
            "\u{645}\u{6cc}\u{200c}\u{62e}"
        );
    }

    #[test]
    fn a_terminal_gets_lines_and_no_commands() {
        assert_eq!(
            shown_lines("one\ntwo\u{1b}[2J\u{202e}"),
            "one\ntwo[U+001B][2J[U+202E]"
        );
    }

    #[test]
    fn a_page_isolates_words_of_another_direction_and_escapes_everything() {
        assert_eq!(
            isolated("by \u{5d3}\u{5df} on 2026-05-02 <b>&").into_string(),
            "by <bdi>\u{5d3}\u{5df}</bdi> on 2026-05-02 &lt;b&gt;&amp;"
        );
    }

    #[test]
    fn what_is_cut_is_counted() {
        assert_eq!(clipped("abcdef", 6), "abcdef");
        assert_eq!(clipped("abcdef", 4), "abcd... (2 characters more)");
    }

    #[test]
    fn words_of_a_command_cannot_become_another_command() {
        assert_eq!(quoted("trial:NCT04573309"), "trial:NCT04573309");
        assert_eq!(quoted("my folder"), "'my folder'");
        assert_eq!(quoted("a'; rm -rf x"), r"'a'\''; rm -rf x'");
        assert_eq!(quoted(""), "''");
    }
}
