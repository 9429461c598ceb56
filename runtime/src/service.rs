//! What the main of a service calls: settings, telemetry, workers, archive, shutdown. It knows no stage: the service
//! says which ones it runs.
//!
//! ```no_run
//! use runtime::service::{self, Plan};
//!
//! fn main() -> std::process::ExitCode {
//!     service::run("fuse", |settings: &runtime::config::Settings<runtime::config::NoSection>| {
//!         let plan = Plan::new();
//!         // let plan = plan.stage(move || Ok(FuseStage::new(...)));
//!         let _ = settings;
//!         Ok(plan)
//!     })
//! }
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::archive::{self, ArchivePlan};
use crate::config::{self, RuntimeSettings, Section, Settings, Source};
use crate::kafka::{Connection, Stop, WorkerFault, WorkerSpec, run_worker};
use crate::stage::Stage;
use crate::telemetry::{self, Metrics};

/// The exit code for settings that cannot be used.
pub const EXIT_SETTINGS: u8 = 2;
/// The exit code for a fault after which going on would lose something.
pub const EXIT_FAULT: u8 = 1;
/// The exit code for a drain that took longer than its limit; exactly once makes that safe.
pub const EXIT_DRAIN: u8 = 3;

/// What the command line of a service takes.
#[derive(Debug, Parser)]
struct Arguments {
    /// A TOML file with settings; the environment (BACKSTOP_<SECTION>__<KEY>) goes over it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Read and check all settings, say every fault, and end.
    #[arg(long)]
    check_config: bool,
}

type Runner = Box<dyn FnOnce(WorkerSpec) -> Result<(), WorkerFault> + Send>;

/// One thread that the process runs.
struct Member {
    make: Box<dyn Fn() -> Runner + Send>,
}

/// What a service runs.
#[derive(Default)]
pub struct Plan {
    stages: Vec<Member>,
    archives: Vec<ArchivePlan>,
}

impl Plan {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stage, run by `worker.workers` threads. `make` makes a stage for each thread, and again whenever a
    /// worker is built anew; its error ends the process.
    #[must_use]
    pub fn stage<S, F>(mut self, make: F) -> Self
    where
        S: Stage + 'static,
        F: Fn() -> Result<S, String> + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        let runner = move || -> Runner {
            let make = Arc::clone(&make);
            Box::new(move |spec| run_worker(&spec, &*make))
        };
        self.stages.push(Member { make: Box::new(runner) });
        self
    }

    /// Adds an archive into ClickHouse, run by one thread.
    #[must_use]
    pub fn archive(mut self, archive: ArchivePlan) -> Self {
        self.archives.push(archive);
        self
    }
}

/// Runs a service from its command line to its end: what is left for `main` is to return the exit code.
///
/// `plan` builds what is run from the checked settings; its error is a sentence for the person who set them.
pub fn run<T: Section>(name: &'static str, plan: impl FnOnce(&Settings<T>) -> Result<Plan, String>) -> ExitCode {
    let arguments = Arguments::parse();
    run_with(name, &Source::of_process(arguments.config.as_deref()), arguments.check_config, plan)
}

/// The same without a command line. With `check_only` it ends when the settings are checked.
pub fn run_with<T: Section>(
    name: &'static str,
    source: &Source,
    check_only: bool,
    plan: impl FnOnce(&Settings<T>) -> Result<Plan, String>,
) -> ExitCode {
    let prepared = config::load::<T>(source).map_err(|faults| faults.to_string()).and_then(|settings| {
        let connection = Connection::new(&settings.runtime.kafka).map_err(|faults| faults.to_string())?;
        Ok((plan(&settings)?, connection, settings.runtime))
    });
    let (plan, connection, settings) = match prepared {
        Ok(prepared) => prepared,
        Err(what) => return refuse(name, &what),
    };
    if check_only {
        say(name, "the settings are good");
        return ExitCode::SUCCESS;
    }
    if let Err(error) = telemetry::start_logging(&settings.log) {
        return refuse(name, &error.to_string());
    }
    match start(name, plan, connection, &settings) {
        // A client that hangs must not keep the process: what is committed is committed.
        Ok(code) => std::process::exit(i32::from(code)),
        Err(what) => refuse(name, &what),
    }
}

/// The last word to a person before or without log lines.
#[allow(clippy::print_stderr)]
fn say(name: &str, what: &str) {
    eprintln!("{name}: {what}");
}

fn refuse(name: &str, what: &str) -> ExitCode {
    say(name, what);
    ExitCode::from(EXIT_SETTINGS)
}

fn start(name: &str, plan: Plan, connection: Connection, settings: &RuntimeSettings) -> Result<u8, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("no threads for metrics and signals: {error}"))?;
    let metrics = Arc::new(Metrics::new().map_err(|error| format!("metrics: {error}"))?);
    let address = settings.metrics.address.clone();
    let listener = runtime
        .block_on(TcpListener::bind(&address))
        .map_err(|error| format!("metrics.address: cannot listen on {address}: {error}"))?;
    tracing::info!(service = name, metrics = %address, "starting");
    let pages = telemetry::serve(listener, Arc::clone(&metrics));
    runtime.spawn(async move {
        if let Err(error) = pages.await {
            tracing::error!("metrics are not served any more: {error}");
        }
    });
    metrics.expect_workers(plan.stages.len() * settings.worker.workers as usize + plan.archives.len());
    let stop = Arc::new(Stop::default());
    let spec = WorkerSpec::new(settings.worker.clone(), connection, metrics, Arc::clone(&stop))
        .map_err(|error| format!("no thread for the watchdog: {error}"))?;
    let (ended, faults) = channel();
    let threads = spawn_all(plan, &spec, settings, runtime.handle(), &ended)?;
    drop(ended);
    let fault = wait_for_end(&runtime, &faults, &threads);
    if let Some(fault) = &fault {
        tracing::error!(service = name, "{fault}");
    }
    tracing::info!(service = name, "draining");
    stop.request();
    let is_drained = drain_within(&faults, fault.as_ref(), Duration::from_millis(settings.worker.drain_limit_ms));
    let code = match fault {
        Some(fault) if fault.in_settings => EXIT_SETTINGS,
        Some(_) => EXIT_FAULT,
        None if is_drained => 0,
        None => EXIT_DRAIN,
    };
    tracing::info!(service = name, code, "ended");
    Ok(code)
}

fn spawn_all(
    plan: Plan,
    spec: &WorkerSpec,
    settings: &RuntimeSettings,
    handle: &tokio::runtime::Handle,
    ended: &Sender<Result<(), WorkerFault>>,
) -> Result<Vec<JoinHandle<()>>, String> {
    let mut threads = Vec::new();
    let mut spawn = |name: String, work: Box<dyn FnOnce() -> Result<(), WorkerFault> + Send>| {
        let ended = ended.clone();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            // Nobody listens any more once the process drains.
            let _ = ended.send(work());
        });
        thread.map(|thread| threads.push(thread)).map_err(|error| format!("no thread for a worker: {error}"))
    };
    for (place, member) in plan.stages.iter().enumerate() {
        for index in 0..settings.worker.workers {
            let runner = (member.make)();
            let spec = spec.clone().numbered(index);
            spawn(format!("worker-{place}-{index}"), Box::new(move || runner(spec)))?;
        }
    }
    for (place, archive) in plan.archives.into_iter().enumerate() {
        let (spec, clickhouse, handle) = (spec.clone(), settings.clickhouse.clone(), handle.clone());
        let work = move || archive::run(&spec, &clickhouse, &handle, &archive);
        spawn(format!("archive-{place}"), Box::new(work))?;
    }
    Ok(threads)
}

/// Waits for a signal, or for a worker that ended by itself: the fault, where there is one.
fn wait_for_end(
    runtime: &tokio::runtime::Runtime,
    faults: &Receiver<Result<(), WorkerFault>>,
    threads: &[JoinHandle<()>],
) -> Option<WorkerFault> {
    let signalled = Arc::new(Stop::default());
    let told = Arc::clone(&signalled);
    runtime.spawn(async move {
        let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        if let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
        told.request();
    });
    loop {
        if signalled.wait(Duration::from_millis(100)) {
            return None;
        }
        // A thread says why it ends before it ends; one that ended without a word has panicked.
        let is_one_gone = threads.iter().any(JoinHandle::is_finished);
        match faults.try_recv() {
            Ok(Err(fault)) => return Some(fault),
            Err(_) if is_one_gone => {
                let what = "its thread has panicked".to_owned();
                return Some(WorkerFault { worker: "one".to_owned(), what, in_settings: false });
            }
            Ok(Ok(())) | Err(_) => {}
        }
    }
}

/// Whether all threads ended within the limit: each holds a sender as long as it runs. A setting that is wrong stops
/// every worker, and is said once.
fn drain_within(faults: &Receiver<Result<(), WorkerFault>>, said: Option<&WorkerFault>, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        match faults.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(())) => {}
            Ok(Err(fault)) if fault.in_settings && said.is_some_and(|said| said.in_settings) => {}
            Ok(Err(fault)) => tracing::error!("while draining: {fault}"),
            Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}
