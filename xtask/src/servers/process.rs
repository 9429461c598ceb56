//! A process that this program started and will end: by pid, in order, also when this program is interrupted or dies.
//! Services of a demo are started through here as well. Does not know what the processes serve.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::shell;

/// How long a process may take to end after SIGTERM before it is killed.
const END_LIMIT: Duration = Duration::from_secs(20);
/// How often a condition is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Lines of a log that an error shows.
const TAIL_LINES: usize = 25;

/// Which process a pid meant: pids are used again, a pid with its start time is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: i32,
    /// When it started, in clock ticks after boot (field 22 of `/proc/PID/stat`).
    pub started_ticks: u64,
}

impl Identity {
    fn of(pid: i32) -> Option<Self> {
        let (state, started_ticks) = stat(pid)?;
        (state != 'Z').then_some(Self { pid, started_ticks })
    }

    /// Whether that process still runs (one that ended and was not waited for does not).
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    fn send(self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) {
            // It can end between the look and the signal; then there is nothing left to do.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// SIGKILL. Comes back when the process is gone.
    fn end_at_once(self) {
        self.send(Signal::KILL);
        while self.is_alive() {
            pause();
        }
    }

    /// SIGTERM, then SIGKILL when `limit` has passed. Comes back when the process is gone.
    fn end(self, limit: Duration) {
        self.send(Signal::TERM);
        let asked = Instant::now();
        while self.is_alive() {
            if asked.elapsed() > limit {
                self.send(Signal::KILL);
            }
            pause();
        }
    }
}

/// The state and the start time of a process, from `/proc`. The name in brackets may hold anything, so it is cut first.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// Whether a process ends with this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It ends when its handle is dropped, when this program is interrupted, and when this program dies.
    WithThisProgram,
    /// It stays when this program ends; its identity is how it is found again.
    Detached,
}

/// A running process with its log.
#[derive(Debug)]
pub struct Process {
    name: String,
    identity: Identity,
    /// Absent for a process that an earlier run of this program started.
    child: Option<Child>,
    life: Life,
    log: PathBuf,
}

impl Process {
    /// Starts `command` as `name`, with its output appended to `log`.
    ///
    /// # Errors
    /// When the log cannot be written or the program cannot be started.
    pub fn start(name: &str, command: &Command, log: &Path, life: Life) -> Result<Self> {
        let shown = shell::line(command);
        let mut command = match life {
            Life::WithThisProgram => guarded(command),
            Life::Detached => same(command),
        };
        // A group of its own: Ctrl-C at the terminal reaches this program alone, which ends the others in order.
        command.process_group(0).stdin(Stdio::null());
        let output = File::options().create(true).append(true).open(log);
        let output = output.with_context(|| format!("open the log {} of {name}", log.display()))?;
        command.stdout(output.try_clone().context("share a log file")?).stderr(output);
        let child = spawn(command).with_context(|| format!("start {name} with `{shown}`"))?;
        let pid = child.id().cast_signed();
        let Some((_, started_ticks)) = stat(pid) else { bail!("{name} has no entry in /proc: is it mounted?") };
        let identity = Identity { pid, started_ticks };
        if life == Life::WithThisProgram {
            live().push(identity);
        }
        Ok(Self { name: name.to_owned(), identity, child: Some(child), life, log: log.to_owned() })
    }

    /// Takes up a process that an earlier run of this program left running.
    pub fn adopt(name: &str, identity: Identity, log: &Path) -> Self {
        Self { name: name.to_owned(), identity, child: None, life: Life::Detached, log: log.to_owned() }
    }

    /// Its name, as given at the start.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which process it is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        match &mut self.child {
            Some(child) => match child.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) if status.signal() == Some(9) => Some("was killed".to_owned()),
                Ok(Some(status)) => Some(format!("ended with {status}")),
                Err(fault) => Some(format!("cannot be waited for: {fault}")),
            },
            None => (!self.identity.is_alive()).then(|| "has ended".to_owned()),
        }
    }

    /// Ends it with SIGTERM, and with SIGKILL when it is still there after 20 s.
    pub fn end(&mut self) {
        self.identity.end(END_LIMIT);
        self.forget();
    }

    /// Kills it with SIGKILL, as a crash would.
    pub fn kill(&mut self) {
        self.identity.end_at_once();
        self.forget();
    }

    /// SIGSTOP: it stands still, with its connections open, until [`Process::go_on`].
    pub fn hold(&self) {
        self.identity.send(Signal::STOP);
    }

    /// SIGCONT, after [`Process::hold`].
    pub fn go_on(&self) {
        self.identity.send(Signal::CONT);
    }

    fn forget(&mut self) {
        if let Some(child) = &mut self.child {
            // Collects the exit status, so that no zombie stays; the process has ended already.
            let _ = child.wait();
        }
        live().retain(|other| *other != self.identity);
    }

    /// Waits until `check` is content.
    ///
    /// # Errors
    /// When the process ends first or `limit` passes: with what the check last missed and the end of the log.
    pub fn wait_until(&mut self, limit: Duration, mut check: impl FnMut() -> Result<(), String>) -> Result<()> {
        let begun = Instant::now();
        loop {
            let missing = match check() {
                Ok(()) => return Ok(()),
                Err(missing) => missing,
            };
            if let Some(how) = self.ended() {
                bail!("{} {how} before it was ready; its log {}", self.name, self.log_tail());
            }
            if begun.elapsed() > limit {
                let seconds = limit.as_secs();
                bail!("{} is not ready after {seconds} s ({missing}); its log {}", self.name, self.log_tail());
            }
            pause();
        }
    }

    /// The path of the log and its last lines.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        format!("{} ends:\n{}", self.log.display(), lines[from..].join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.life == Life::WithThisProgram && self.ended().is_none() {
            self.end();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the interval at which a condition is looked at; the condition ends the wait"
)]
pub(crate) fn pause() {
    std::thread::sleep(LOOK_EVERY);
}

/// The processes that end with this program, in the order in which they were started.
fn live() -> std::sync::MutexGuard<'static, Vec<Identity>> {
    static LIVE: Mutex<Vec<Identity>> = Mutex::new(Vec::new());
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a process from a thread that lives as long as this program: the kernel ends a guarded process with the
/// *thread* that started it, and the caller's may be short-lived. The first call also begins to listen for signals.
fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                let _ = answer.send(command.spawn());
            }
        });
        end_all_on_a_signal();
        Mutex::new(orders)
    });
    let (answer, outcome) = channel();
    let orders = spawner.lock().unwrap_or_else(PoisonError::into_inner);
    orders.send((command, answer)).map_err(|_| io::Error::other("the thread that starts processes is gone"))?;
    drop(orders);
    outcome.recv().map_err(|_| io::Error::other("the thread that starts processes is gone"))?
}

/// Ends every live process, newest first, on SIGINT, SIGTERM or SIGHUP, then this program with the signal's code.
fn end_all_on_a_signal() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let ending = live().clone();
            for identity in ending.into_iter().rev() {
                identity.end(END_LIMIT);
            }
            std::process::exit(128 + signal);
        }
    });
}

/// The same program, arguments, folder and settings, without what was set for its input and output.
fn same(command: &Command) -> Command {
    copied(command, Command::new(command.get_program()))
}

/// `command` behind `xtask guard`, which asks the kernel to kill it with this program and then becomes it.
fn guarded(command: &Command) -> Command {
    // The link to this very program still works after a build has replaced its file.
    let mut guard = Command::new("/proc/self/exe");
    guard.arg("guard").arg(std::process::id().to_string()).arg("--").arg(command.get_program());
    copied(command, guard)
}

fn copied(from: &Command, mut to: Command) -> Command {
    to.args(from.get_args());
    if let Some(folder) = from.get_current_dir() {
        to.current_dir(folder);
    }
    for (key, value) in from.get_envs() {
        match value {
            Some(value) => to.env(key, value),
            None => to.env_remove(key),
        };
    }
    to
}

/// Becomes the program `words`, which the kernel kills when `parent` ends: what `xtask guard` runs.
///
/// # Errors
/// When the program cannot be started, or `parent` has ended already.
pub fn guard(parent: u32, words: &[String]) -> Result<()> {
    let [program, arguments @ ..] = words else { bail!("guard: no program was given") };
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).context("ask to end with the parent")?;
    // The parent may have died before the kernel was asked.
    let now = rustix::process::getppid().map(Pid::as_raw_nonzero).map(|pid| pid.get().cast_unsigned());
    if now != Some(parent) {
        bail!("guard: the program that started `{program}` has ended");
    }
    let fault = Command::new(program).args(arguments).exec();
    Err(fault).with_context(|| format!("start {program}"))
}
