//! The native client of the benchmark, tokio and tokio-rustls on one thread: what the machine and the server can do if
//! there is no JavaScript. `bench-client JOB` does what client/main.mjs does, with the same job and the same answer.

mod connection;
mod job;
mod meter;
mod scenarios;

use std::error::Error;
use std::io::{self, Write};
use std::process;

use job::Job;
use tokio::task::LocalSet;

fn main() -> Result<(), Box<dyn Error>> {
    let text = std::env::args().nth(1).ok_or("JOB")?;
    let job: Job = serde_json::from_str(&text)?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measurement = LocalSet::new().block_on(&runtime, scenarios::run(&job))?;

    serde_json::to_writer(io::stdout(), &measurement)?;
    io::stdout().flush()?;
    // Connections that are open still are the operating system's to close.
    process::exit(0)
}
