//! Kafka's wire between a worker and the real broker: what of it a test loses, holds back or says itself. Of the
//! protocol it knows the frame, the places of three numbers and one request.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The request by which a producer commits or aborts.
pub(crate) const END_TXN: i16 = 26;
/// The request by which a producer puts the group's offsets into its transaction.
pub(crate) const TXN_OFFSET_COMMIT: i16 = 28;
const LEAVE_GROUP: i16 = 13;
/// As the local broker calls itself in its answers, before its port.
const HOST: &[u8] = b"127.0.0.1";

/// What becomes of each request of the kind that the wire looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It comes to the broker, and the answer comes back.
    Whole,
    /// It never comes to the broker.
    RequestLost,
    /// The broker does what is asked, and its answer never comes.
    AnswerLost,
    /// It comes to the broker when the test says so.
    RequestLate,
}

#[derive(Debug)]
struct Shared {
    kind: i16,
    ports: [[u8; 4]; 2],
    fate: Mutex<Fate>,
    held: Mutex<Vec<(TcpStream, Vec<u8>)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A wire; its threads end with their connections.
#[derive(Debug)]
pub(crate) struct Wire {
    shared: Arc<Shared>,
    /// Where the broker is reached through it.
    pub(crate) address: String,
}

impl Wire {
    /// A wire to the broker that looks for requests of one kind.
    pub(crate) fn to(broker: &str, kind: i16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (broker, address) = (broker.to_owned(), listener.local_addr().unwrap());
        let port = broker.rsplit(':').next().unwrap().parse::<u16>().unwrap();
        let ports = [port, address.port()].map(|port| u32::from(port).to_be_bytes());
        let shared = Arc::new(Shared { kind, ports, fate: Mutex::new(Fate::Whole), held: Mutex::default() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A connection that cannot be made is one that breaks, to the client.
                let _ = connect(&accepting, &client, &broker);
            }
        });
        Self { shared, address: address.to_string() }
    }

    pub(crate) fn set(&self, fate: Fate) {
        *lock(&self.shared.fate) = fate;
    }

    /// How many requests are late.
    pub(crate) fn held(&self) -> usize {
        lock(&self.shared.held).len()
    }

    /// Lets the requests that are late come to the broker; how many there were.
    pub(crate) fn release(&self) -> usize {
        let held = std::mem::take(&mut *lock(&self.shared.held));
        for (broker, frame) in &held {
            (&mut &*broker).write_all(frame).unwrap();
        }
        held.len()
    }
}

fn connect(shared: &Arc<Shared>, client: &TcpStream, broker: &str) -> Result<()> {
    let broker = TcpStream::connect(broker)?;
    broker.set_nodelay(true)?;
    client.set_nodelay(true)?;
    // The numbers of the requests whose answers are lost.
    let lost: Arc<Mutex<BTreeSet<[u8; 4]>>> = Arc::default();
    let (there, here) = ((client.try_clone()?, broker.try_clone()?), (broker, client.try_clone()?));
    let (asking, forgotten) = (Arc::clone(shared), Arc::clone(&lost));
    thread::spawn(move || {
        let (client, broker) = there;
        let _ = ask(&asking, &client, &broker, &forgotten);
        // A late request still has its way to the broker.
        if lock(&asking.held).is_empty() {
            let _ = broker.shutdown(Shutdown::Both);
        }
    });
    let answering = Arc::clone(shared);
    thread::spawn(move || {
        let (broker, client) = here;
        let _ = answer(&answering, &broker, &client, &lost);
        let _ = client.shutdown(Shutdown::Both);
    });
    Ok(())
}

/// The next frame with its length before it.
fn frame(mut from: &TcpStream) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut frame = length.to_vec();
    frame.resize(4 + u32::from_be_bytes(length) as usize, 0);
    from.read_exact(&mut frame[4..])?;
    Ok(frame)
}

fn ask(shared: &Shared, client: &TcpStream, mut broker: &TcpStream, lost: &Mutex<BTreeSet<[u8; 4]>>) -> Result<()> {
    loop {
        let frame = frame(client)?;
        // Length, kind, version, number.
        let [_, _, _, _, high, low, _, _, number @ ..] = frame.as_slice() else {
            return Err(ErrorKind::InvalidData.into());
        };
        let number: [u8; 4] = number[..4].try_into().unwrap();
        let fate = if i16::from_be_bytes([*high, *low]) == shared.kind { *lock(&shared.fate) } else { Fate::Whole };
        match fate {
            Fate::RequestLost => continue,
            Fate::RequestLate => {
                lock(&shared.held).push((broker.try_clone()?, frame));
                continue;
            }
            Fate::AnswerLost => {
                lock(lost).insert(number);
            }
            Fate::Whole => {}
        }
        broker.write_all(&frame)?;
    }
}

fn answer(shared: &Shared, broker: &TcpStream, mut client: &TcpStream, lost: &Mutex<BTreeSet<[u8; 4]>>) -> Result<()> {
    let [real, own] = shared.ports;
    let named = [HOST, &real].concat();
    loop {
        let mut frame = frame(broker)?;
        let number: [u8; 4] = frame[4..8].try_into().unwrap();
        if lock(lost).remove(&number) {
            continue;
        }
        // Who asks where the broker is must come here again.
        let places: Vec<usize> = (8..frame.len().saturating_sub(named.len() - 1))
            .filter(|place| frame[*place..].starts_with(&named))
            .collect();
        for place in places {
            frame[place + HOST.len()..][..4].copy_from_slice(&own);
        }
        client.write_all(&frame)?;
    }
}

/// Has the broker put a static member out of its group, as it does itself when a session ends.
pub(crate) fn leave_group(broker: &str, group: &str, instance: &str) {
    let text = |text: &str| [&(text.len() as i16).to_be_bytes(), text.as_bytes()].concat();
    let (kind, version, number, members) =
        (LEAVE_GROUP.to_be_bytes(), 3_i16.to_be_bytes(), [0; 4], 1_i32.to_be_bytes());
    let body =
        [&kind[..], &version, &number, &text("test"), &text(group), &members, &text(""), &text(instance)].concat();
    let mut stream = TcpStream::connect(broker).unwrap();
    stream.write_all(&[&(body.len() as u32).to_be_bytes()[..], &body].concat()).unwrap();
    // Length, number, throttle time, and the code: first the request's, then after member and instance its own.
    let answer = frame(&stream).unwrap();
    assert_eq!((&answer[12..14], &answer[answer.len() - 2..]), (&[0; 2][..], &[0; 2][..]), "{answer:?}");
}
