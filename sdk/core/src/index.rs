//! Places in a log and in a register.
//!
//! An index or a size is at most 2^53 - 1, so that every JSON reader holds it exactly.

use core::fmt;
use core::num::NonZeroU64;
use core::str::FromStr;

/// The largest index, size and JSON integer: 2^53 - 1.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Why a number is not an index, a size or a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Above 2^53 - 1.
    #[error("{0} is above 2^53 - 1, the largest index and size")]
    TooLarge(u64),
    /// A sequence counts from 1.
    #[error("a sequence counts from 1, 0 is none")]
    Zero,
    /// Not `0` or digits without a leading zero.
    #[error("not a decimal number without sign and leading zeros")]
    NotDecimal,
}

/// The place of an entry in a log, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogIndex(u64);

/// The number of entries in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogSize(u64);

/// The place of a record in its register, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(NonZeroU64);

impl LogIndex {
    /// The first entry of a log, always its `open` statement.
    pub const FIRST: Self = Self(0);

    /// From a number of at most 2^53 - 1.
    pub const fn new(index: u64) -> Result<Self, IndexError> {
        if index > INTEGER_MAX {
            Err(IndexError::TooLarge(index))
        } else {
            Ok(Self(index))
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The index after this one.
    pub const fn next(self) -> Result<Self, IndexError> {
        Self::new(self.0 + 1)
    }

    /// The index `count` places on.
    pub const fn checked_add(self, count: u64) -> Result<Self, IndexError> {
        Self::new(self.0.saturating_add(count))
    }

    /// The size of the smallest log that contains this index.
    pub const fn size_after(self) -> Result<LogSize, IndexError> {
        LogSize::new(self.0 + 1)
    }
}

impl LogSize {
    /// A log without entries.
    pub const EMPTY: Self = Self(0);

    /// From a number of at most 2^53 - 1.
    pub const fn new(size: u64) -> Result<Self, IndexError> {
        if size > INTEGER_MAX {
            Err(IndexError::TooLarge(size))
        } else {
            Ok(Self(size))
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether a log of this size has an entry at `index`.
    pub const fn contains(self, index: LogIndex) -> bool {
        index.0 < self.0
    }

    /// The index that the next entry gets.
    pub const fn next_index(self) -> LogIndex {
        LogIndex(self.0)
    }

    /// The index of the last entry, none in an empty log.
    pub const fn last_index(self) -> Option<LogIndex> {
        match self.0.checked_sub(1) {
            Some(last) => Some(LogIndex(last)),
            None => None,
        }
    }

    /// The size after `count` more entries.
    pub const fn checked_add(self, count: u64) -> Result<Self, IndexError> {
        Self::new(self.0.saturating_add(count))
    }

    /// Whether the log is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Sequence {
    /// The first record of a register.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// From a number of 1 to 2^53 - 1.
    pub const fn new(sequence: u64) -> Result<Self, IndexError> {
        match NonZeroU64::new(sequence) {
            None => Err(IndexError::Zero),
            Some(_) if sequence > INTEGER_MAX => Err(IndexError::TooLarge(sequence)),
            Some(sequence) => Ok(Self(sequence)),
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The sequence after this one.
    pub const fn next(self) -> Result<Self, IndexError> {
        Self::new(self.0.get() + 1)
    }
}

/// Reads `0|[1-9][0-9]*`, the only spelling of a number in the text formats.
pub(crate) fn parse_decimal(text: &str) -> Result<u64, IndexError> {
    let digits = text.as_bytes();
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !plain || (digits[0] == b'0' && digits.len() > 1) {
        return Err(IndexError::NotDecimal);
    }
    // All digits, so the only failure left is that it does not fit.
    text.parse().map_err(|_| IndexError::TooLarge(u64::MAX))
}

macro_rules! decimal {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.get(), out)
            }
        }

        impl FromStr for $name {
            type Err = IndexError;

            /// Reads decimal digits without sign and leading zeros.
            fn from_str(text: &str) -> Result<Self, IndexError> {
                Self::new(parse_decimal(text)?)
            }
        }

        impl TryFrom<u64> for $name {
            type Error = IndexError;

            fn try_from(number: u64) -> Result<Self, IndexError> {
                Self::new(number)
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> u64 {
                number.get()
            }
        }
    };
}

decimal!(LogIndex);
decimal!(LogSize);
decimal!(Sequence);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        assert_eq!(
            LogIndex::new(INTEGER_MAX).map(LogIndex::get),
            Ok(9_007_199_254_740_991)
        );
        assert_eq!(LogIndex::new(INTEGER_MAX + 1), Err(IndexError::TooLarge(1 << 53)));
        assert_eq!(LogIndex(INTEGER_MAX).next(), Err(IndexError::TooLarge(1 << 53)));
        assert_eq!(
            LogIndex(1).checked_add(u64::MAX),
            Err(IndexError::TooLarge(u64::MAX))
        );
        assert_eq!(LogSize::new(u64::MAX), Err(IndexError::TooLarge(u64::MAX)));
        assert_eq!(Sequence::new(0), Err(IndexError::Zero));
        assert_eq!(Sequence::FIRST.next().map(Sequence::get), Ok(2));
    }

    #[test]
    fn a_size_contains_what_is_below_it() {
        assert!(!LogSize::EMPTY.contains(LogIndex::FIRST));
        assert_eq!(LogSize::EMPTY.last_index(), None);
        assert_eq!(LogSize::EMPTY.next_index(), LogIndex::FIRST);
        let three = LogSize(3);
        assert!(three.contains(LogIndex(2)) && !three.contains(LogIndex(3)));
        assert_eq!(three.last_index(), Some(LogIndex(2)));
        assert_eq!(LogIndex(2).size_after(), Ok(three));
    }

    #[test]
    fn text_has_one_spelling() {
        assert_eq!("0".parse(), Ok(LogIndex::FIRST));
        assert_eq!("17".parse(), Ok(LogSize(17)));
        assert_eq!(
            "9007199254740992".parse::<LogSize>(),
            Err(IndexError::TooLarge(1 << 53))
        );
        let huge = "99999999999999999999999999".parse::<LogSize>();
        assert_eq!(huge, Err(IndexError::TooLarge(u64::MAX)));
        for wrong in ["", "01", "00", "+1", "-1", " 1", "1 ", "1.0", "0x1", "\u{661}"] {
            assert_eq!(
                wrong.parse::<LogIndex>(),
                Err(IndexError::NotDecimal),
                "{wrong:?}"
            );
        }
    }
}
