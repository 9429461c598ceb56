//! Free ports on 127.0.0.1 for servers whose clients must find them again after a restart.
//! Does not know the servers.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Below the range from which Linux takes ports for outgoing connections (32768 and up), so that no client
/// can sit on a server's port while the server is down.
const FIRST: u16 = 15_000;
const LAST: u16 = 31_999;

/// Ports that this program has given out: whoever got one may not listen on it yet.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// `count` different ports that are free now and were not given out before by this program. Two runs at once begin at
/// different places of the range.
///
/// # Errors
/// When the range has no free ports left.
pub fn free(count: usize) -> Result<Vec<u16>> {
    let size = u32::from(LAST - FIRST) + 1;
    let begin = std::process::id().wrapping_mul(37) % size;
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // The listeners are held until all ports are chosen, so that none is chosen twice.
    let listeners: Vec<_> = (0..size)
        .map(|step| FIRST + ((begin + step) % size) as u16)
        .filter(|port| !given.contains(port))
        .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .take(count)
        .collect();
    let ports: Vec<_> = listeners.iter().filter_map(|listener| Some(listener.local_addr().ok()?.port())).collect();
    if ports.len() < count {
        bail!("fewer than {count} ports between {FIRST} and {LAST} are free on 127.0.0.1");
    }
    given.extend(&ports);
    Ok(ports)
}

/// Whether nobody listens on any of `ports`.
pub(super) fn are_free(ports: &[u16]) -> bool {
    ports.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_out_twice() {
        let (some, others) = (free(3).expect("ports"), free(3).expect("ports"));
        let different: BTreeSet<_> = some.iter().chain(&others).collect();
        assert_eq!(different.len(), 6, "{some:?} {others:?}");
    }
}
