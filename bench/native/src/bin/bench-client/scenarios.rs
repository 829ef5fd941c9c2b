//! The scenarios, each as its namesake in bench/scenarios has it.

use std::error::Error;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::connection::{Client, Connection, download, read_slowly, upload};
use crate::job::{Job, Measurement, Point, Rate, Scenario, SecureTransport, Slow};
use crate::meter::{Stretch, measure_rate, memory, peak_memory, seconds_since, thread_cpu};

const KIB: usize = 1024;
const BLOCK: usize = 256 * KIB;
/// Small writes are gathered up to so many bytes.
const GATHERED: usize = 64 * KIB;
/// As in upload.mjs.
const MOST_WRITES: usize = 16 * KIB;
const OPENED_AT_ONCE: usize = 32;
const SLOW_CHUNK: usize = 64 * KIB;
const SLOW_PACE: u64 = 5;

pub async fn run(job: &Job) -> Result<Measurement, Box<dyn Error>> {
    let client = Client::new(job)?;
    Ok(match job.scenario {
        Scenario::Download {} => Measurement::Rate(measure_download(job, &client).await?),
        Scenario::Upload { chunk } => Measurement::Rate(measure_upload(job, &client, chunk).await?),
        Scenario::PingPong { length, connections } => {
            Measurement::Rate(measure_ping_pong(job, &client, length, connections).await?)
        }
        Scenario::Connect { at_once } | Scenario::StartTls { at_once } => {
            Measurement::Rate(measure_connect(job, &client, at_once).await?)
        }
        Scenario::IdleMemory {} => Measurement::Amount {
            amount: idle_memory(job, &client).await?,
        },
        Scenario::SlowReader { slow: Slow::Client } => {
            read_from_fast(job, &client).await?;
            Measurement::Amount { amount: peak_memory()? }
        }
        Scenario::SlowReader { slow: Slow::Server } => {
            write_to_slow(job, &client).await?;
            Measurement::Amount { amount: peak_memory()? }
        }
        Scenario::FirstByte {} => {
            client.open_echo(&[b'f'; 64]).await?;
            Measurement::Amount {
                amount: seconds_since(job.started),
            }
        }
        Scenario::Growth {} => Measurement::Growth {
            points: growth(job, &client).await?,
        },
    })
}

async fn measure_download(job: &Job, client: &Client) -> io::Result<Rate> {
    let mut connection = client.connect().await?;
    let mut block = vec![0; BLOCK];
    let batch = job.size.batch;
    measure_rate(job.size.warm_up, job.size.seconds, job.server, async |stretch| {
        loop {
            send(&mut connection, &download(batch)).await?;
            let mut left = batch;
            while left > 0 {
                left -= read_some(&mut connection, &mut block).await?;
            }
            if !stretch.did(batch) {
                return Ok(stretch);
            }
        }
    })
    .await
}

async fn measure_upload(job: &Job, client: &Client, chunk: usize) -> io::Result<Rate> {
    let mut connection = BufWriter::with_capacity(GATHERED, client.connect().await?);
    let batch = job.size.batch.min(MOST_WRITES * chunk);
    let bytes = vec![b'u'; chunk];
    measure_rate(job.size.warm_up, job.size.seconds, job.server, async |stretch| {
        loop {
            connection.write_all(&upload(batch)).await?;
            for _ in 0..batch / chunk {
                connection.write_all(&bytes).await?;
            }
            connection.flush().await?;
            connection.read_u8().await?;
            if !stretch.did(batch) {
                return Ok(stretch);
            }
        }
    })
    .await
}

async fn measure_ping_pong(job: &Job, client: &Client, length: usize, connections: usize) -> io::Result<Rate> {
    let message: Rc<[u8]> = vec![b'p'; length].into();
    let count = connections.min(job.size.connections);
    let mut connections = open_echoes(client, &message, count).await?;
    measure_rate(job.size.warm_up, job.size.seconds, job.server, async |stretch| {
        ping_pong(&mut connections, &message, stretch).await
    })
    .await
}

/// A message there and back, again and again, on each of the connections.
async fn ping_pong(connections: &mut Vec<Connection>, message: &Rc<[u8]>, stretch: Stretch) -> io::Result<Stretch> {
    let stretch = Rc::new(stretch);
    let mut tasks = JoinSet::new();
    for mut connection in connections.drain(..) {
        let (stretch, message) = (stretch.clone(), message.clone());
        tasks.spawn_local(async move {
            let mut answer = vec![0; message.len()];
            loop {
                send(&mut connection, &message).await?;
                connection.read_exact(&mut answer).await?;
                if !stretch.did(1) {
                    return io::Result::Ok(connection);
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        connections.push(task??);
    }
    Rc::into_inner(stretch).ok_or_else(|| io::Error::other("a task has outlived its end"))
}

async fn measure_connect(job: &Job, client: &Client, at_once: usize) -> io::Result<Rate> {
    let at_once = at_once.min(job.size.connections);
    measure_rate(job.size.warm_up, job.size.seconds, job.server, async |stretch| {
        let stretch = Rc::new(stretch);
        let mut tasks = JoinSet::new();
        for _ in 0..at_once {
            let (stretch, client) = (stretch.clone(), client.clone());
            tasks.spawn_local(async move {
                loop {
                    let mut connection = client.open_echo(&[b'c'; 64]).await?;
                    connection.shutdown().await?;
                    if !stretch.did(1) {
                        return io::Result::Ok(());
                    }
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Rc::into_inner(stretch).ok_or_else(|| io::Error::other("a task has outlived its end"))
    })
    .await
}

/// The growth of the process, divided.
async fn idle_memory(job: &Job, client: &Client) -> io::Result<f64> {
    let idle = &job.size.idle;
    wait_on_each(open_echoes(client, &[b'i'; 64], idle.first).await?);
    let before = memory()?;
    let count = if job.secure_transport == SecureTransport::On {
        idle.tls
    } else {
        idle.plain
    };
    wait_on_each(open_echoes(client, &[b'i'; 64], count).await?);
    // The tasks wait once they have run.
    tokio::task::yield_now().await;
    Ok((memory()? - before) / count as f64)
}

/// Each connection waits for more, in a task of its own as such programs have.
fn wait_on_each(connections: Vec<Connection>) {
    for mut connection in connections {
        spawn_local(async move { connection.read_exact(&mut [0; 64]).await });
    }
}

async fn read_from_fast(job: &Job, client: &Client) -> io::Result<()> {
    let mut connection = client.connect().await?;
    send(&mut connection, &download(job.size.slow.offered)).await?;
    let mut chunk = vec![0; SLOW_CHUNK];
    let stretch = Stretch::new(job.size.slow.seconds);
    loop {
        read_some(&mut connection, &mut chunk).await?;
        sleep(Duration::from_millis(SLOW_PACE)).await;
        if !stretch.did(1) {
            return Ok(());
        }
    }
}

async fn write_to_slow(job: &Job, client: &Client) -> io::Result<()> {
    let mut connection = client.connect().await?;
    send(&mut connection, &read_slowly(SLOW_CHUNK, SLOW_PACE)).await?;
    let sending = async {
        for _ in 0..job.size.slow.offered / SLOW_CHUNK {
            send(&mut connection, &vec![b'w'; SLOW_CHUNK]).await?;
        }
        Ok(())
    };
    // Who respects the server's pace is not done by then.
    timeout(Duration::from_secs_f64(job.size.slow.seconds), sending)
        .await
        .unwrap_or(Ok(()))
}

async fn growth(job: &Job, client: &Client) -> io::Result<Vec<Point>> {
    let size = &job.size.growth;
    let steps = if job.secure_transport == SecureTransport::On {
        &size.tls
    } else {
        &size.plain
    };
    let message: Rc<[u8]> = vec![b'g'; 64].into();
    let mut connections = Vec::new();
    let mut points = Vec::new();
    for &count in steps {
        connections.extend(open_echoes(client, &message, count - connections.len()).await?);
        let memory = memory()?;

        sleep(Duration::from_secs_f64(size.settle)).await;
        let before = thread_cpu();
        sleep(Duration::from_secs_f64(size.seconds)).await;
        let idle_cpu = before.and_then(|before| Some((thread_cpu()? - before) / size.seconds));

        let rate = measure_growth_step(job, &mut connections, &message).await?;
        points.push(Point {
            connections: count,
            memory,
            round_trip: rate.seconds / rate.amount,
            idle_cpu,
        });
    }
    Ok(points)
}

async fn measure_growth_step(job: &Job, connections: &mut Vec<Connection>, message: &Rc<[u8]>) -> io::Result<Rate> {
    let size = &job.size.growth;
    measure_rate(size.seconds / 4.0, size.seconds, job.server, async |stretch| {
        ping_pong(connections, message, stretch).await
    })
    .await
}

/// So many connections, each of which had a first round trip.
async fn open_echoes(client: &Client, message: &[u8], count: usize) -> io::Result<Vec<Connection>> {
    let mut tasks = JoinSet::new();
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        if tasks.len() == OPENED_AT_ONCE {
            connections.extend(tasks.join_next().await.transpose()?.transpose()?);
        }
        let (client, message) = (client.clone(), message.to_vec());
        tasks.spawn_local(async move { client.open_echo(&message).await });
    }
    while let Some(task) = tasks.join_next().await {
        connections.push(task??);
    }
    Ok(connections)
}

async fn send(connection: &mut Connection, bytes: &[u8]) -> io::Result<()> {
    connection.write_all(bytes).await?;
    connection.flush().await
}

async fn read_some(connection: &mut Connection, block: &mut [u8]) -> io::Result<usize> {
    match connection.read(block).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => Ok(read),
    }
}
