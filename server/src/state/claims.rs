//! Under which ids trials are known: the aliases that registers claim.
//!
//! A trial has one canonical id, which names its register, and shares the register among its other
//! ids. Nobody can be kept from claiming an id that is taken: facts must not be driven off the
//! record. Both registers then show it.

use std::collections::{BTreeMap, HashMap};

use trialseal_core::identifiers::{RegisterName, TrialId};

use crate::codec::{Malformed, Reader, Writer};

/// Other ids that one register may claim.
pub const ALIASES_MAX: usize = 32;

/// The aliases of all registers.
#[derive(Debug, Default, Clone)]
pub struct Claims {
    /// By register, in the order in which they were claimed.
    aliases: BTreeMap<RegisterName, Vec<TrialId>>,
    /// By id, in the order in which they claimed it.
    claimants: HashMap<TrialId, Vec<RegisterName>>,
}

impl Claims {
    /// The other ids that a register claims.
    #[must_use]
    pub fn aliases(&self, register: &RegisterName) -> &[TrialId] {
        self.aliases.get(register).map_or(&[], Vec::as_slice)
    }

    /// The registers that claim an id beside the one that bears it.
    #[must_use]
    pub fn claimants(&self, id: &TrialId) -> &[RegisterName] {
        self.claimants.get(id).map_or(&[], Vec::as_slice)
    }

    /// How many ids the register would claim with these besides.
    #[must_use]
    pub fn count_with(&self, register: &RegisterName, more: &[TrialId]) -> usize {
        let held = self.aliases(register);
        let new = more
            .iter()
            .enumerate()
            .filter(|(at, id)| !held.contains(id) && !more[..*at].contains(id));
        held.len() + new.count()
    }

    /// Folds in what a registration claims. Its own id is no alias.
    pub fn add(&mut self, register: &RegisterName, ids: &[TrialId]) {
        for id in ids.iter().filter(|id| id.register() != register) {
            let held = self.aliases.entry(register.clone()).or_default();
            if held.contains(id) {
                continue;
            }
            held.push(id.clone());
            self.claimants
                .entry(id.clone())
                .or_default()
                .push(register.clone());
        }
    }

    /// Appends all claims in the order of their registers.
    pub fn encode(&self, writer: &mut Writer) {
        writer.count(self.aliases.len());
        for (register, ids) in &self.aliases {
            writer.text(register.as_str());
            writer.count(ids.len());
            for id in ids {
                writer.text(id.as_str());
                // The order among several claimants of one id.
                let rank = self
                    .claimants(id)
                    .iter()
                    .position(|claimant| claimant == register);
                writer.count(rank.unwrap_or_default());
            }
        }
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut claims = Self::default();
        let mut ranked: HashMap<TrialId, Vec<(u32, RegisterName)>> = HashMap::new();
        for _ in 0..reader.count()? {
            let register: RegisterName = reader.text()?.parse().map_err(|_| Malformed)?;
            let mut ids = Vec::new();
            for _ in 0..reader.count()? {
                let id: TrialId = reader.text()?.parse().map_err(|_| Malformed)?;
                let rank = reader.u32()?;
                ranked
                    .entry(id.clone())
                    .or_default()
                    .push((rank, register.clone()));
                ids.push(id);
            }
            claims.aliases.insert(register, ids);
        }
        claims.claimants = ranked
            .into_iter()
            .map(|(id, mut claimants)| {
                claimants.sort_unstable();
                (id, claimants.into_iter().map(|(_, register)| register).collect())
            })
            .collect();
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> TrialId {
        text.parse().unwrap()
    }

    #[test]
    fn two_registers_that_claim_one_id_are_both_found_in_their_order() {
        let mut claims = Claims::default();
        let (first, second) = (id("NCT04573309"), id("NCT00000001"));
        let shared = id("2023-501234-12");
        claims.add(first.register(), std::slice::from_ref(&shared));
        claims.add(
            second.register(),
            &[shared.clone(), second.clone(), first.clone()],
        );
        claims.add(second.register(), std::slice::from_ref(&shared));
        assert_eq!(
            claims.claimants(&shared),
            [first.register().clone(), second.register().clone()]
        );
        assert_eq!(
            claims.aliases(second.register()),
            [shared.clone(), first.clone()],
            "its own id is no alias"
        );
        assert_eq!(claims.claimants(&first), [second.register().clone()]);
        assert_eq!(
            claims.count_with(first.register(), &[shared.clone(), id("DRKS00000001")]),
            2
        );
        let mut writer = Writer::default();
        claims.encode(&mut writer);
        let bytes = writer.finish();
        let decoded = Claims::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(decoded.claimants(&shared), claims.claimants(&shared));
        let mut again = Writer::default();
        decoded.encode(&mut again);
        assert_eq!(again.finish(), bytes);
        for length in 0..bytes.len() {
            assert!(Claims::decode(&mut Reader::new(&bytes[..length])).is_err());
        }
    }
}
