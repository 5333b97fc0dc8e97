//! What fits on one sheet.
//!
//! At the size in print an A4 page takes about 78 lines of text. The lines that stand above the fold are
//! counted by the length of their texts, generously, and tables get what is left.

use maud::{Markup, html};

use super::frame::Fold;

/// Characters of a single line of free text that are shown.
pub(super) const CLIP: usize = 160;
/// Reasons that are shown.
pub(super) const BECAUSE_MAX: usize = 4;
/// Lines of a sheet.
const LINES: usize = 70;
/// Characters of a line across the whole sheet, at most; a careful estimate.
const WIDTH: usize = 125;

/// Lines that a text takes in a column with this share of the sheet's width, in percent.
pub(super) fn lines(text: &str, width_percent: usize) -> usize {
    let width = (WIDTH * width_percent / 100).max(8);
    text.chars().count().div_ceil(width).max(1)
}

/// Lines that are left for tables below the fold.
pub(super) fn left(fold: &Fold) -> usize {
    // Title, subject, headings, footer, borders and margins.
    let mut used = 17;
    used += lines(&fold.sentence, 90).min(7);
    used += fold
        .because
        .iter()
        .take(BECAUSE_MAX)
        .map(|one| lines(one, 95).min(3))
        .sum::<usize>();
    used += fold.next.as_ref().map_or(0, |next| lines(next, 95).min(3));
    used += fold.refused.len().min(3) * 3 + usize::from(fold.refused.len() > 3);
    let proven: usize = fold.proven.iter().map(|one| lines(one, 45).min(6)).sum();
    let times: usize = fold.times.iter().take(3).map(|one| lines(one, 45).min(6)).sum();
    // What is never proven takes seven lines beside it.
    used += (proven + times).max(7);
    used += lines(&fold.complete.sentence(), 75).min(5);
    used += fold
        .commands
        .iter()
        .map(|one| lines(one, 70).min(6) + 1)
        .sum::<usize>();
    LINES.saturating_sub(used)
}

/// The rows that fit, and how many do not. `height` is the lines that one row takes.
pub(super) fn fitting<T>(rows: &[T], left: usize, height: impl Fn(&T) -> usize) -> (&[T], usize) {
    let mut used = 0;
    let shown = rows
        .iter()
        .take_while(|row| {
            used += height(row);
            used <= left
        })
        .count();
    (&rows[..shown], rows.len() - shown)
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
