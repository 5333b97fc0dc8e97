//! What fits on one sheet.
//!
//! At the size in print an A4 page takes about 78 lines of text. The lines that stand above the fold are
//! counted by the length of their texts, generously, and tables get what is left.

use maud::{Markup, html};

use super::frame::Fold;
use crate::words::clipped;

/// Characters of a single line of free text that are shown.
pub(super) const CLIP: usize = 160;
/// Reasons that are shown.
pub(super) const BECAUSE_MAX: usize = 3;
/// Characters of the verdict's own sentence.
pub(super) const SENTENCE: usize = 520;
/// Characters of any other sentence above the tables.
pub(super) const SAID: usize = 220;
/// Times that are shown above the tables.
pub(super) const TIMES_MAX: usize = 3;
/// Refused files that are named.
pub(super) const REFUSED_MAX: usize = 2;
/// Lines of a sheet.
const LINES: usize = 72;
/// What a row needs beside its lines for padding and border, in tenths of a line.
const ROW_TENTHS: usize = 4;
/// Characters of a line across the whole sheet, at most; a careful estimate.
const WIDTH: usize = 114;

/// Lines that a text takes in a column with this share of the sheet's width, in percent: broken between words,
/// and within a word that is longer than the line.
pub(super) fn lines(text: &str, width_percent: usize) -> usize {
    let width = (WIDTH * width_percent / 100).max(4);
    let (mut lines, mut used) = (1, 0);
    for word in text.split_whitespace() {
        let word = word.chars().count();
        let needed = word + usize::from(used > 0);
        if used + needed <= width {
            used += needed;
            continue;
        }
        lines += usize::from(used > 0) + (word.max(1) - 1) / width;
        used = (word.max(1) - 1) % width + 1;
    }
    lines
}

/// Lines that are left for tables below the fold.
pub(super) fn left(fold: &Fold) -> usize {
    let said = |text: &String, width| lines(&clipped(text, SAID), width);
    // Title, subject, headings, footer, borders and margins.
    let mut used = 18;
    used += lines(&clipped(&fold.sentence, SENTENCE), 90);
    used += fold
        .because
        .iter()
        .take(BECAUSE_MAX)
        .map(|one| said(one, 95))
        .sum::<usize>();
    used += fold.next.as_ref().map_or(0, |next| said(next, 95));
    used += fold.refused.len().min(REFUSED_MAX) * 4 + usize::from(fold.refused.len() > REFUSED_MAX);
    let beside: usize = fold
        .proven
        .iter()
        .chain(fold.times.iter().take(TIMES_MAX))
        .map(|one| said(one, 42))
        .sum();
    // What is never proven takes seven lines beside it.
    used += beside.max(7);
    used += lines(&clipped(&fold.complete.sentence(), 2 * SAID), 75);
    used += fold.commands.iter().map(|one| said(one, 70) + 1).sum::<usize>();
    LINES.saturating_sub(used)
}

/// The first rows, as many as fit.
pub(super) struct Fitting<'a, T> {
    pub(super) rows: &'a [T],
    /// How many do not fit.
    pub(super) hidden: usize,
    /// Lines that are left below them.
    pub(super) left: usize,
}

/// Takes the rows that fit; `height` is the lines that one takes.
pub(super) fn fitting<T>(rows: &[T], left: usize, height: impl Fn(&T) -> usize) -> Fitting<'_, T> {
    let mut tenths_left = left * 10;
    let mut count = 0;
    for row in rows {
        let needs = height(row) * 10 + ROW_TENTHS;
        if needs > tenths_left {
            break;
        }
        tenths_left -= needs;
        count += 1;
    }
    Fitting {
        rows: &rows[..count],
        hidden: rows.len() - count,
        left: tenths_left / 10,
    }
}

/// What stands below a table that was cut.
pub(super) fn cut(hidden: usize, of: usize) -> Markup {
    html! {
        @if hidden > 0 {
            p.cut {
                (hidden) " of " (of) " rows do not fit on this sheet. All of them: the command above with --json."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        // A column of ten characters.
        let lines = |text| lines(text, 9);
        for (text, expected) in [
            ("", 1),
            ("0123456789", 1),
            ("01234567890", 2),
            ("01234 6789", 1),
            ("01234 67890", 2),
            ("a 0123456789 b", 3),
            ("012345678901234567890123456789", 3),
        ] {
            assert_eq!(lines(text), expected, "{text:?}");
        }
    }

    #[test]
    fn rows_that_fit_are_taken_in_their_order() {
        let heights = [1, 2, 30, 1];
        let taken = fitting(&heights, 10, |height| *height);
        assert_eq!((taken.rows, taken.hidden, taken.left), (&heights[..2], 2, 6));
        assert_eq!(fitting(&heights, 0, |height| *height).hidden, 4);
    }
}
