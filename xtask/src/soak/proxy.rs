//! A TCP proxy between the services and a server, whose network can be cut and slowed. Does not know what flows
//! through it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

/// What is carried at once: with a delay this also limits how much flows in a second.
const CHUNK_BYTES: usize = 64 * 1024;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// It carries.
    Whole,
    /// It carries nothing, and nobody is told: connections stay open.
    Silent,
    /// Connections break, and no new ones are made.
    Broken,
    /// Each chunk comes so much later.
    Slow(Duration),
}

/// What the proxy's threads share.
#[derive(Debug)]
struct Shared {
    network: Mutex<Network>,
    changed: Condvar,
    /// Both ends of every connection, to break them.
    streams: Mutex<Vec<TcpStream>>,
}

/// A proxy; its threads end with this program.
#[derive(Debug)]
pub(super) struct Proxy {
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens on `port` of 127.0.0.1 and carries each connection to `target`, which need not answer yet.
    pub(super) fn start(port: u16, target: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).with_context(|| format!("listen on port {port}"))?;
        let shared = Arc::new(Shared {
            network: Mutex::new(Network::Whole),
            changed: Condvar::new(),
            streams: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Dropped where there is no way on: the client sees a connection that breaks.
                let _ = connect(&accepting, client, target);
            }
        });
        Ok(Self { shared })
    }

    /// Makes the network whole again if it still is as given. Whether it was.
    pub(super) fn end(&self, network: Network) -> bool {
        let is_so = *lock(&self.shared.network) == network;
        if is_so {
            self.set(Network::Whole);
        }
        is_so
    }

    /// Changes the network, at once for all connections.
    pub(super) fn set(&self, network: Network) {
        *lock(&self.shared.network) = network;
        self.shared.changed.notify_all();
        if network == Network::Broken {
            for stream in lock(&self.shared.streams).drain(..) {
                // One that has ended by itself cannot be ended again.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

/// A mutex whose holder has panicked is still whole: every change to it is a single one.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects a client with the target, and carries in both directions.
fn connect(shared: &Arc<Shared>, client: TcpStream, target: u16) -> std::io::Result<()> {
    if *lock(&shared.network) == Network::Broken {
        return Ok(());
    }
    let server = TcpStream::connect(("127.0.0.1", target))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    {
        let mut streams = lock(&shared.streams);
        // Connections that have ended are forgotten here, so that a long run does not gather them.
        streams.retain(|stream| stream.peer_addr().is_ok());
        streams.extend([client.try_clone()?, server.try_clone()?]);
    }
    for (from, to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // Either side may end at any time; then the other one is told.
            let _ = carry(&shared, &from, &to);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

fn carry(shared: &Shared, mut from: &TcpStream, mut to: &TcpStream) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = from.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        let network = lock(&shared.network);
        if let Network::Slow(delay) = *network {
            // Waits for the whole delay, unless the network changes meanwhile.
            let waited = shared.changed.wait_timeout_while(network, delay, |network| *network == Network::Slow(delay));
            drop(waited);
        } else {
            drop(network);
        }
        let network = lock(&shared.network);
        drop(shared.changed.wait_while(network, |network| *network == Network::Silent));
        to.write_all(&chunk[..length])?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    use crate::servers::free_ports;

    /// Sends a word and reads it back, within a time.
    fn echo(stream: &mut TcpStream, limit: Duration) -> std::io::Result<[u8; 4]> {
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"word")?;
        let mut word = [0; 4];
        stream.read_exact(&mut word)?;
        Ok(word)
    }

    #[test]
    fn a_network_carries_delays_holds_back_and_breaks() {
        let ports = free_ports(2).expect("ports");
        let server = TcpListener::bind(("127.0.0.1", ports[1])).expect("a server");
        std::thread::spawn(move || {
            for stream in server.incoming().flatten() {
                std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        let proxy = Proxy::start(ports[0], ports[1]).expect("a proxy");
        let connect = || TcpStream::connect(("127.0.0.1", ports[0])).expect("a connection");
        let long = Duration::from_secs(20);
        let mut stream = connect();
        assert_eq!(&echo(&mut stream, long).expect("carried"), b"word");
        let delay = Duration::from_millis(60);
        proxy.set(Network::Slow(delay));
        let begun = Instant::now();
        assert_eq!(&echo(&mut stream, long).expect("carried late"), b"word");
        assert!(begun.elapsed() >= 2 * delay, "both ways are slow");
        proxy.set(Network::Silent);
        assert!(echo(&mut stream, delay).is_err(), "nothing comes");
        proxy.set(Network::Whole);
        let mut word = [0; 4];
        stream.set_read_timeout(Some(long)).expect("a limit");
        stream.read_exact(&mut word).expect("what was held back comes");
        proxy.set(Network::Broken);
        assert!(echo(&mut stream, long).is_err(), "the connection is broken");
        assert!(echo(&mut connect(), long).is_err(), "and no new one is made");
        proxy.set(Network::Whole);
        assert_eq!(&echo(&mut connect(), long).expect("a new one"), b"word");
    }
}
