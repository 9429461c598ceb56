//! The alert service: warnings, and the archive into ClickHouse. It does not know what a rule is.

use std::process::ExitCode;

use alert::{AlertSettings, AlertStage};
use runtime::config::Settings;
use runtime::service::{self, Plan};

fn main() -> ExitCode {
    service::run("alert", plan)
}

#[expect(clippy::unnecessary_wraps, reason = "a service's plan may fail; this one cannot")]
fn plan(settings: &Settings<AlertSettings>) -> Result<Plan, String> {
    let own = settings.service.clone();
    let plan = Plan::new().stage(move || Ok(AlertStage::new(&own)));
    // A city may run without the archive; then ClickHouse is fed by another instance.
    if settings.runtime.clickhouse.url.is_empty() {
        return Ok(plan);
    }
    Ok(alert::archive::plans().into_iter().fold(plan, Plan::archive))
}
