//! The ingest service: normalise and resolve in one process. It does not know what a record means.

use std::process::ExitCode;
use std::sync::Arc;

use ingest::config::IngestSettings;
use ingest::normalise_stage::{NormaliseSettings, NormaliseStage};
use ingest::resolve_stage::ResolveStage;
use ingest_core::normalise::Pseudonyms;
use runtime::config::Settings;
use runtime::service::{self, Plan};

fn main() -> ExitCode {
    service::run("ingest", plan)
}

fn plan(settings: &Settings<IngestSettings>) -> Result<Plan, String> {
    let key = settings.service.read_key()?;
    let catalogue =
        ingest::catalogue(&settings.service.read_schemas()?).map_err(|faults| format!("ingest.schemas: {faults}"))?;
    let normalise = NormaliseSettings {
        record_bytes_max: settings.runtime.worker.record_bytes_max,
        ..NormaliseSettings::of_feeds(ingest::feed_topics(&catalogue))
    };
    let resolve = settings.service.resolve();
    Ok(Plan::new()
        .stage(move || {
            let pseudonyms = Pseudonyms::new(&key).map_err(|error| format!("ingest.key_file: {error}"))?;
            Ok(NormaliseStage::new(normalise.clone(), Arc::clone(&catalogue), pseudonyms))
        })
        .stage(move || ResolveStage::new(resolve.clone()).map_err(|fault| format!("ingest: {fault}"))))
}
