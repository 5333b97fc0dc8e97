//! Room for calls that read or upload much: each holds a thread, or up to 64 MiB.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use trialseal_core::identifiers::OrganizationId;

use crate::refusal::Refusal;

/// Such calls at a time ...
const CALLS: usize = 8;
/// ... of which one organisation, or all who have no account together, may have so many.
const CALLS_OF_ONE: usize = 2;
/// How long a caller may take for one message, either way.
pub(super) const MESSAGE_TIME: Duration = Duration::from_secs(30);

type Running = Arc<Mutex<HashMap<Option<OrganizationId>, usize>>>;

/// Counts the calls that run.
#[derive(Clone, Default)]
pub(super) struct Large {
    running: Running,
}

/// One call's room, given back when it is dropped.
pub(super) struct Room {
    running: Running,
    of: Option<OrganizationId>,
}

impl Large {
    /// Room for a call of an organisation, or of somebody without an account.
    ///
    /// # Errors
    /// [`Refusal::QueueFull`].
    pub(super) fn room(&self, of: Option<&OrganizationId>) -> Result<Room, Refusal> {
        let mut running = lock(&self.running);
        let of = of.cloned();
        let own = running.get(&of).copied().unwrap_or_default();
        if own >= CALLS_OF_ONE || running.values().sum::<usize>() >= CALLS {
            return Err(Refusal::QueueFull);
        }
        running.insert(of.clone(), own + 1);
        drop(running);
        Ok(Room {
            running: Arc::clone(&self.running),
            of,
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        match running.get_mut(&self.of) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                running.remove(&self.of);
            }
        }
    }
}

/// Nobody panics while holding the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_the_room() {
        let large = Large::default();
        let organizations: Vec<OrganizationId> = (0..6)
            .map(|number| format!("org-{number}").parse().unwrap())
            .collect();
        let mut rooms = Vec::new();
        for organization in organizations.iter().take(3).map(Some).chain([None]) {
            rooms.extend([
                large.room(organization).unwrap(),
                large.room(organization).unwrap(),
            ]);
            assert!(large.room(organization).is_err(), "{organization:?} has two");
        }
        assert!(large.room(organizations.last()).is_err(), "there is no more");
        rooms.pop();
        let last = large.room(organizations.last()).unwrap();
        assert!(large.room(None).is_err());
        drop((rooms, last));
        assert!(lock(&large.running).is_empty());
    }
}
