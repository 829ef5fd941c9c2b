//! What it costs that one thread tells another of something, each of them waiting in `epoll_wait` as a runtime or an event
//! loop does: `bench-handover` prints the microseconds of one way, the median of several rounds.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

const TURNS: usize = 20_000;
const ROUNDS: usize = 7;

fn main() {
    let (there, back) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let answering = thread::spawn({
        let (there, back) = (there.clone(), back.clone());
        move || {
            runtime().block_on(async {
                for _ in 0..ROUNDS * TURNS {
                    there.notified().await;
                    back.notify_one();
                }
            });
        }
    });
    let mut rounds = runtime().block_on(async {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for _ in 0..TURNS {
                there.notify_one();
                back.notified().await;
            }
            rounds.push(start.elapsed());
        }
        rounds
    });
    rounds.sort_unstable();
    answering.join().expect("the other thread ends by itself");
    let median = rounds[rounds.len() / 2];
    println!("{:.1}", median.as_secs_f64() * 1e6 / (2 * TURNS) as f64);
}

/// As that of the addon: one thread, waiting for events of the kernel.
fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime can be built")
}
