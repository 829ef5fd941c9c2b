//! What is asked for and what is answered; client/main.mjs tells of both.

use serde::{Deserialize, Serialize};

/// One measurement to be made.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    #[serde(flatten)]
    pub scenario: Scenario,
    pub secure_transport: SecureTransport,
    pub host: String,
    pub port: u16,
    /// The process of the server.
    pub server: u32,
    pub size: Size,
    /// When this process was started, in milliseconds since 1970.
    pub started: f64,
}

#[derive(Deserialize)]
#[serde(
    tag = "scenario",
    content = "variant",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Scenario {
    Download {},
    Upload { chunk: usize },
    PingPong { length: usize, connections: usize },
    Connect { at_once: usize },
    StartTls { at_once: usize },
    IdleMemory {},
    SlowReader { slow: Slow },
    FirstByte {},
    Growth {},
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slow {
    Client,
    Server,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum SecureTransport {
    Off,
    On,
    #[serde(rename = "starttls")]
    StartTls,
}

/// An entry of sizes.mjs: seconds, bytes and connections.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Size {
    pub warm_up: f64,
    pub seconds: f64,
    pub batch: usize,
    pub connections: usize,
    pub idle: Idle,
    pub slow: Offer,
    pub growth: Growth,
}

#[derive(Deserialize)]
pub struct Idle {
    pub first: usize,
    pub plain: usize,
    pub tls: usize,
}

#[derive(Deserialize)]
pub struct Offer {
    pub seconds: f64,
    pub offered: usize,
}

#[derive(Deserialize)]
pub struct Growth {
    pub settle: f64,
    pub seconds: f64,
    pub plain: Vec<usize>,
    pub tls: Vec<usize>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum Measurement {
    Rate(Rate),
    Amount { amount: f64 },
    Growth { points: Vec<Point> },
}

/// So much was done in so many seconds, and took so much processor time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    pub amount: f64,
    pub seconds: f64,
    pub js_cpu: Option<f64>,
    pub cpu: Option<f64>,
    pub server_cpu: Option<f64>,
}

/// With so many connections: bytes resident, seconds per round trip, processor time per second while nothing happens.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    pub connections: usize,
    pub memory: f64,
    pub round_trip: f64,
    pub idle_cpu: Option<f64>,
}
