//! A whole service process: settings, pages, drain.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitCode};

use runtime::config::{NoSection, Source};
use runtime::service::{self, Plan};

use crate::city::{City, address, until};
use crate::tally::Tally;

const PARTITIONS: i32 = 3;

/// Not a test by itself: the service process that the test below starts and ends.
#[test]
fn a_service_process() {
    let Some(city) = City::of_parent(PARTITIONS) else { return };
    let settings = [
        ("BACKSTOP_KAFKA__BROKERS", address("BACKSTOP_KAFKA")),
        ("BACKSTOP_METRICS__ADDRESS", std::env::var("BACKSTOP_TEST_ADDRESS").unwrap()),
        ("BACKSTOP_WORKER__WORKERS", "2".to_owned()),
    ];
    let environment: BTreeMap<String, String> =
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let source = Source { file: None, environment };
    let code = service::run_with::<NoSection>("tally", &source, false, |_| {
        Ok(Plan::new().stage(move || Ok(Tally::new(&city.prefix))))
    });
    assert_eq!(code, ExitCode::SUCCESS);
}

/// The status and the body of a page; nothing while nobody listens.
fn page(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn a_service_becomes_ready_shows_its_figures_and_drains_on_sigterm() {
    let city = City::new("service", PARTITIONS);
    city.say(600, 6);
    // Below the range of outgoing connections, one of which could take it before the process does.
    let mut ports = (4_000..5_000).map(|port| format!("127.0.0.1:{port}"));
    let listen = ports.find(|listen| TcpListener::bind(listen.as_str()).is_ok()).unwrap();
    let mut process = city.spawn("service::a_service_process", &listen);
    until("it is ready", || page(&listen, "/health/ready").is_some_and(|text| text.starts_with("HTTP/1.1 200")));
    assert!(page(&listen, "/health/live").unwrap().ends_with("live\n"));
    until("everything is counted", || city.committed("said").len() >= 600);
    let figure = format!("backstop_{}_words{{kind=\"k0\"}} 100", city.topic("tally").replace('-', "_"));
    until("the figures are shown", || page(&listen, "/metrics").is_some_and(|text| text.contains(&figure)));
    city.say(600, 6);
    let pid = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(process.code(), Some(0));
    let mut process = city.spawn("service::a_service_process", &listen);
    until("the rest is counted", || city.committed("said").len() >= 1_200);
    process.kill();
    city.assert_counted_once(1_200, 6);
}
