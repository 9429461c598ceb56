//! The floor: what the Kafka client and the brokers do by themselves with the bytes that a stage reads. It knows no
//! stage.

use anyhow::{Context, Result, bail};
use rdkafka::message::{BorrowedMessage, Message};

use super::clients::{Input, Output, bytes};
use super::measured::Measured;
use super::transactions::Transactions;
use super::usage::{Usage, memory_bytes_max};

/// Where the floor writes: a topic with the partitions of the keyed topics, which no stage reads.
const OUTPUT: &str = "ingest.parked";
/// How many records of the feeds are held in memory to be written again and again: more than a batch of the client
/// compresses together, so that repetition does not make them smaller.
const SAMPLE_RECORDS: usize = 50_000;

/// Reads the topics from begin to end.
pub(super) fn consume(brokers: &str, topics: &[String]) -> Result<Measured> {
    let mut input = Input::open(brokers, topics)?;
    let mut measured = Measured::default();
    let mut count = |message: &BorrowedMessage<'_>| {
        measured.records += 1;
        measured.record_bytes += bytes(message);
        Ok(())
    };
    if !input.next(&mut count)? {
        bail!("the topics to read are empty");
    }
    let begun = Usage::now()?;
    while input.next(&mut count)? {}
    let used = Usage::now()?.since(&begun);
    Ok(measured.with(used, memory_bytes_max()?))
}

/// Writes `records` records of the topics' bytes, each once and in order, without transactions.
pub(super) fn produce(brokers: &str, topics: &[String], records: u64) -> Result<Measured> {
    let mut sample: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
    let mut input = Input::open(brokers, topics)?;
    let hold = |sample: &mut Vec<_>, message: &BorrowedMessage<'_>| {
        sample.push((message.key().unwrap_or_default().to_vec(), message.payload().map(<[u8]>::to_vec)));
        Ok(())
    };
    while sample.len() < SAMPLE_RECORDS && input.next(|message| hold(&mut sample, message))? {}
    drop(input);
    let output = Output::idempotent(brokers)?;
    let mut measured = Measured { records, ..Measured::default() };
    let begun = Usage::now()?;
    for ((key, value), _) in sample.iter().cycle().zip(0..records) {
        output.send(OUTPUT, None, key, value.as_deref())?;
        measured.record_bytes += (key.len() + value.as_ref().map_or(0, Vec::len)) as u64;
    }
    output.flush()?;
    let used = Usage::now()?.since(&begun);
    Ok(measured.with(used, memory_bytes_max()?))
}

/// Reads the topics and writes every record again, in transactions that commit the offsets: the loop without a stage.
pub(super) fn consume_produce(brokers: &str, topics: &[String]) -> Result<Measured> {
    let mut transactions = Transactions::open(brokers, "bench")?;
    let mut input = Input::open(brokers, topics)?;
    let (mut begun, mut measured) = (None, Measured::default());
    let mut copy = |transactions: &mut Transactions, message: &BorrowedMessage<'_>| {
        let output = transactions.take(message)?;
        output.send(OUTPUT, None, message.key().unwrap_or_default(), message.payload())?;
        let bytes = bytes(message);
        measured.add(&Measured {
            records: 1,
            record_bytes: bytes,
            published: 1,
            published_bytes: bytes,
            ..Measured::default()
        });
        Ok(())
    };
    while input.next(|message| copy(&mut transactions, message))? {
        if begun.is_none() {
            begun = Some(Usage::now()?);
        }
        if transactions.is_due() {
            transactions.commit(&input)?;
        }
    }
    transactions.commit(&input)?;
    let used = Usage::now()?.since(&begun.context("the topics to read are empty")?);
    Ok(measured.with_commits(&mut transactions.commits).with(used, memory_bytes_max()?))
}
