//! What a statement of the registers says, line by line: for those who ask for their register's line.

use trialseal_core::{
    entry::Statement,
    hash::{Hash, RecordId},
    index::{LogIndex, LogSize},
    merkle::{builder::Tree, leaf_hash},
    register_statement::{ShownLine, line_text},
    time::Instant,
    verify::RegisterLine,
};

use super::Registers;

/// The lines of all registers at one moment, and the tree over them. About 150 bytes a register.
#[derive(Debug)]
pub struct StatedLines {
    /// In the order of their ids.
    lines: Vec<RegisterLine>,
    tree: Tree,
}

/// A statement in the log, with its lines.
#[derive(Debug)]
pub struct Stated {
    /// Its log index.
    pub index: LogIndex,
    /// The exact JSON of its entry.
    pub text: String,
    /// When it was made.
    pub at: Instant,
    /// The log size that it covers.
    pub size: LogSize,
    /// The lines that it stands for.
    pub lines: StatedLines,
}

impl StatedLines {
    /// The lines now.
    #[must_use]
    pub fn of(registers: &Registers) -> Self {
        let line = |head: &super::RegisterHead| RegisterLine {
            id: head.first,
            size: head.sequence,
            head: head.last,
        };
        let mut lines: Vec<_> = registers.iter().map(|(_, head)| line(head)).collect();
        lines.sort_unstable_by_key(|line| *line.id.as_bytes());
        let leaves: Vec<Hash> = lines
            .iter()
            .map(|line| leaf_hash(line_text(line).as_bytes()))
            .collect();
        Self {
            tree: Tree::new(&leaves),
            lines,
        }
    }

    /// The statement that these lines are all registers, after `size` entries.
    #[must_use]
    pub fn statement(&self, at: Instant, size: LogSize) -> Statement {
        Statement::Registers {
            at,
            count: self.lines.len() as u64,
            root: self.tree.root(),
            size,
        }
    }

    /// A register's line and those on both sides; none if it is not among them.
    #[must_use]
    pub fn around(&self, id: &RecordId) -> Option<Vec<ShownLine>> {
        let own = self
            .lines
            .binary_search_by_key(id.as_bytes(), |line| *line.id.as_bytes())
            .ok()?;
        let shown = |position: usize| {
            let line = *self.lines.get(position)?;
            Some(ShownLine {
                position: position as u64,
                text: line_text(&line),
                line,
                path: self.tree.path(position)?,
            })
        };
        Some((own.saturating_sub(1)..=own + 1).filter_map(shown).collect())
    }
}

impl Stated {
    /// The statement at `index`, whose lines these are.
    #[must_use]
    pub fn new(index: LogIndex, at: Instant, size: LogSize, lines: StatedLines) -> Self {
        Self {
            index,
            text: lines.statement(at, size).to_json(),
            at,
            size,
            lines,
        }
    }
}
