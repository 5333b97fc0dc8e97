//! A set of parts.

use trialseal_core::vocabulary::ErasablePart;

use super::ALL_PARTS;

/// Parts of a record that can be erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts(u8);

impl Parts {
    /// As one byte: 1 `what`, 2 `who`, 4 `why`, 8 the opened manifest.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Reads the byte; none if it says nothing, or something unknown.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        (1..16).contains(&bits).then_some(Self(bits))
    }

    /// Whether a part is among them.
    #[must_use]
    pub fn has(self, part: ErasablePart) -> bool {
        self.0 & bit(part) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The parts in their order.
    pub fn iter(self) -> impl Iterator<Item = ErasablePart> {
        ALL_PARTS.into_iter().filter(move |part| self.has(*part))
    }
}

impl FromIterator<ErasablePart> for Parts {
    fn from_iter<I: IntoIterator<Item = ErasablePart>>(parts: I) -> Self {
        Self(parts.into_iter().fold(0, |bits, part| bits | bit(part)))
    }
}

fn bit(part: ErasablePart) -> u8 {
    match part {
        ErasablePart::What => 1,
        ErasablePart::Who => 2,
        ErasablePart::Why => 4,
        ErasablePart::Manifest => 8,
    }
}
