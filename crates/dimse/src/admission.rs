//! Counts connections and says when the house is full.

use crate::limits::ScpLimits;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a connection counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Has not sent its request yet.
    Handshake,
    /// An association.
    Association,
    /// An association for C-ECHO only.
    Verification,
}

#[derive(Debug, Default)]
struct Counts {
    total: HashMap<Kind, usize>,
    per_peer: HashMap<(IpAddr, Kind), usize>,
}

/// The counters of one receiver.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: ScpLimits,
    counts: Mutex<Counts>,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    peer: IpAddr,
    kind: Kind,
}

impl Admission {
    pub(crate) fn new(limits: ScpLimits) -> Self {
        Self { limits, counts: Mutex::new(Counts::default()) }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Only additions happen under the lock: a poisoned one still holds true counts.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, or none when the limit in total or of this address is reached.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr, kind: Kind) -> Option<Ticket> {
        let (total_max, per_peer_max) = match kind {
            Kind::Handshake => (self.limits.handshakes_max, self.limits.handshakes_per_peer_max),
            Kind::Association => (self.limits.associations_max, self.limits.associations_per_peer_max),
            Kind::Verification => (self.limits.verifications_max, self.limits.verifications_max),
        };
        let mut counts = self.counts();
        let total = counts.total.get(&kind).copied().unwrap_or_default();
        let of_peer = counts.per_peer.get(&(peer, kind)).copied().unwrap_or_default();
        if total >= total_max || of_peer >= per_peer_max {
            return None;
        }
        counts.total.insert(kind, total + 1);
        counts.per_peer.insert((peer, kind), of_peer + 1);
        Some(Ticket { admission: Arc::clone(self), peer, kind })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        if let Some(total) = counts.total.get_mut(&self.kind) {
            *total = total.saturating_sub(1);
        }
        let key = (self.peer, self.kind);
        if let Some(of_peer) = counts.per_peer.get_mut(&key) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                counts.per_peer.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: limits hold in total and per address, places come back. Method: fill, refuse, drop, enter.
    #[test]
    fn places_are_limited_and_given_back() {
        let limits = ScpLimits { associations_max: 3, associations_per_peer_max: 2, ..ScpLimits::default() };
        let admission = Arc::new(Admission::new(limits));
        let [one, two] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        let first = admission.enter(one, Kind::Association).unwrap();
        let _second = admission.enter(one, Kind::Association).unwrap();
        assert!(admission.enter(one, Kind::Association).is_none(), "limit of the address");
        let _third = admission.enter(two, Kind::Association).unwrap();
        assert!(admission.enter(two, Kind::Association).is_none(), "limit in total");
        assert!(admission.enter(two, Kind::Verification).is_some(), "C-ECHO has its own places");
        drop(first);
        assert!(admission.enter(two, Kind::Association).is_some());
    }
}
