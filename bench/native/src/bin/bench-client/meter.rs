//! What the client measures of itself, and of the server while it does. Where the system does not tell, there is `None`.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::job::Rate;

/// A stretch of time with something to do.
pub struct Stretch {
    end: Instant,
    amount: Cell<usize>,
}

impl Stretch {
    pub fn new(seconds: f64) -> Self {
        Self {
            end: Instant::now() + Duration::from_secs_f64(seconds),
            amount: Cell::new(0),
        }
    }

    /// Takes down that so much was done; whether to go on.
    pub fn did(&self, amount: usize) -> bool {
        self.amount.set(self.amount.get() + amount);
        Instant::now() < self.end
    }
}

/// Has the work done twice, first to warm up; what the second one took.
pub async fn measure_rate(
    warm_up: f64,
    seconds: f64,
    server: u32,
    mut work: impl AsyncFnMut(Stretch) -> io::Result<Stretch>,
) -> io::Result<Rate> {
    work(Stretch::new(warm_up)).await?;
    let (before, cpu_before, server_before) = (Instant::now(), thread_cpu(), process_cpu(server));
    let stretch = work(Stretch::new(seconds)).await?;
    let passed = before.elapsed();

    let since = |now: Option<f64>, before: Option<f64>| Some(now? - before?);
    // There is one thread.
    let cpu = since(thread_cpu(), cpu_before);
    Ok(Rate {
        amount: stretch.amount.get() as f64,
        seconds: passed.as_secs_f64(),
        js_cpu: cpu,
        cpu,
        server_cpu: since(process_cpu(server), server_before),
    })
}

/// Bytes resident, now and at the most.
pub fn memory() -> io::Result<f64> {
    status("VmRSS:")
}

pub fn peak_memory() -> io::Result<f64> {
    status("VmHWM:")
}

/// Seconds of processor time of this thread.
pub fn thread_cpu() -> Option<f64> {
    cpu_of("/proc/thread-self".as_ref())
}

/// Seconds since a moment given in milliseconds since 1970.
pub fn seconds_since(milliseconds: f64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs_f64() - milliseconds / 1000.0
}

/// What its threads have taken: to the microsecond, where /proc/<pid>/stat counts hundredths of a second.
fn process_cpu(pid: u32) -> Option<f64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    threads.map(|thread| cpu_of(&thread.ok()?.path())).sum()
}

fn cpu_of(thread: &Path) -> Option<f64> {
    let schedule = fs::read_to_string(thread.join("schedstat")).ok()?;
    let nanoseconds: f64 = schedule.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

fn status(name: &str) -> io::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse().ok());
    kibibytes
        .map(|number: f64| number * 1024.0)
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}
