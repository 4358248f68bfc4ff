//! B1: cycles of submit and approve per second, against pgbench that writes the same rows on the same server.
//!
//! Ours: the release binary as one process with its relay and a real broker, called over two HTTP/2 connections. A cycle is
//! two calls with an idempotency key each; the service reads a snapshot and writes the outcome for each of them.
//!
//! Theirs: `pgbench -M prepared` with the rows of `cycle.sql`, in two statements a cycle, and one more client that
//! empties the outbox as the relay does. It reads nothing, decides nothing, and speaks to no broker. Its payloads are those
//! that the service wrote in a cycle of its own.
//!
//! Both start from copies of one database. After each round it is checked in the database that every counted cycle is
//! there, and what is left in the outbox is reported: a rate with a growing backlog would be borrowed.

mod load;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use self::load::{Seen, Worker};
use crate::Common;
use crate::machine::Ticks;
use crate::postgres::{Database, Pgbench, Server};
use crate::report::{judge, median, percentile_ms, save};
use crate::service::{Approval, free_port, migrate};

const TARGET: f64 = 0.6;
const OURS: &str = "countersign_bench_b1_service";
const THEIRS: &str = "countersign_bench_b1_pgbench";
/// One HTTP/2 connection is a lock that all its calls share.
const CONNECTIONS: usize = 2;

/// The settings of B1.
#[derive(Args)]
pub struct Settings {
    #[command(flatten)]
    common: Common,
    /// Cycles in flight.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=255))]
    in_flight: u32,
    /// Accounts that the load is spread over.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    accounts: u32,
    /// Requests that were decided long ago and are still in the tables.
    #[arg(long, default_value_t = 20_000)]
    old_requests: u32,
}

/// A round of one contender.
struct Round {
    rate: f64,
    /// Of a cycle, in milliseconds.
    mean_ms: f64,
    /// Events not yet published at its end.
    backlog: u64,
    /// How much of the machine was busy, with the load generator, and with the service.
    percent: [u64; 3],
}

/// Runs it.
pub async fn run(settings: &Settings) -> Result<()> {
    let Settings { common, in_flight, accounts, old_requests } = settings;
    fs::create_dir_all(&common.output)
        .with_context(|| format!("{} could not be made", common.output.display()))?;
    let server = Server::new(&common.postgres_url, common.postgres_programs.clone())?;

    println!("filling: {accounts} accounts, {old_requests} old requests");
    let ours = server.create(OURS, None)?;
    migrate(&common.service, &ours.url)?;
    let variables = [
        ("accounts", u64::from(*accounts)),
        ("workers", u64::from(*in_flight)),
        ("old", u64::from(*old_requests)),
    ];
    ours.run_with(&variables, include_str!("fill.sql"))?;
    let theirs = server.create(THEIRS, Some(OURS))?;
    theirs.run("VACUUM ANALYZE")?;

    let log = |name: &str| -> PathBuf { common.output.join(name) };
    let mut workers = Vec::new();
    let payloads = {
        // Without a broker, so that the events stay in the outbox to be looked at.
        let nowhere = format!("amqp://127.0.0.1:{}/%2f", free_port()?);
        let service =
            Approval::start(&common.service, &ours.url, &nowhere, OURS, &log("b1-sample.log")).await?;
        let channel = service.connect().await?;
        workers.extend((0..*in_flight).map(|number| Worker::new(channel.clone(), number, *accounts)));
        workers[0].cycle().await?;
        payloads(&ours)?
    };

    let log = log("b1-service.log");
    let service = Approval::start(&common.service, &ours.url, &common.amqp_url, OURS, &log).await?;
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(service.connect().await?);
    }
    let mut bench = Bench { settings, ours, theirs, service, payloads, pgbench_runs: 0, seen: Vec::new() };
    let mut workers = over(workers, &channels);

    println!("warming up");
    (workers, _) = bench.ours(workers, common.warm_up).await?;
    bench.theirs(common.warm_up)?;
    bench.seen.clear();

    let [round, service, pgbench, ratio] = ["round", "service", "pgbench", "ratio"];
    println!("{round:>5} {service:>22} {pgbench:>22} {ratio:>7}  processors while the service ran");
    let mut rounds = Vec::new();
    for number in 1..=common.rounds {
        let ours;
        (workers, ours) = bench.ours(workers, common.seconds).await?;
        let theirs = bench.theirs(common.seconds)?;
        print(number, &ours, &theirs);
        rounds.push((ours, theirs));
    }

    let result = bench.result(&rounds);
    drop(bench);
    server.drop(OURS)?;
    server.drop(THEIRS)?;
    save(&common.output, "b1", &result)?;
    judge("b1", result["ratio"].as_f64().unwrap_or_default(), TARGET, common.check)
}

fn over(workers: Vec<Worker>, channels: &[Channel]) -> Vec<Worker> {
    let channels = channels.iter().cycle().cloned();
    workers.into_iter().zip(channels).map(|(worker, channel)| worker.over(channel)).collect()
}

/// What the service wrote for one cycle, as pgbench's variables.
fn payloads(database: &Database<'_>) -> Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    for (name, event, actor) in [
        ("submit", "countersign.request.submitted.v1", 'c'),
        ("approve", "countersign.request.approved.v1", 'd'),
    ] {
        let written = [
            ("payload", format!("SELECT payload FROM outbox WHERE event_type = '{event}'")),
            ("fingerprint", format!("SELECT fingerprint FROM idempotency WHERE {}", answered_to(actor))),
            ("response", format!("SELECT response FROM idempotency WHERE {}", answered_to(actor))),
        ];
        for (what, sql) in written {
            let value = database.run(&sql)?;
            ensure!(!value.is_empty() && !value.contains('\n'), "`{sql}` should have found one value");
            variables.push((format!("{name}_{what}"), value));
        }
    }
    Ok(variables)
}

/// The answers of calls, not those of `fill.sql`.
fn answered_to(actor: char) -> String {
    format!(
        "actor LIKE '{actor}%' AND created_at_us = (SELECT max(created_at_us) FROM idempotency WHERE actor LIKE '{actor}%')"
    )
}

struct Bench<'a> {
    settings: &'a Settings,
    ours: Database<'a>,
    theirs: Database<'a>,
    service: Approval,
    payloads: Vec<(String, String)>,
    pgbench_runs: u64,
    seen: Vec<Seen>,
}

impl Bench<'_> {
    async fn ours(&mut self, workers: Vec<Worker>, seconds: u64) -> Result<(Vec<Worker>, Round)> {
        let before = cycles(&self.ours)?;
        let (began, ticks) = (Instant::now(), Ticks::now(self.service.id()));
        let deadline = began + Duration::from_secs(seconds);
        let mut tasks = JoinSet::new();
        for worker in workers {
            tasks.spawn(worker.run(deadline));
        }
        let (mut workers, mut seen) = (Vec::new(), Vec::new());
        while let Some(done) = tasks.join_next().await {
            let (worker, saw) = done?.context("a call failed")?;
            workers.push(worker);
            seen.push(saw);
        }
        let percent = Ticks::now(self.service.id()).since(ticks).percent();
        let backlog = backlog(&self.ours)?;

        let counted: u64 = seen.iter().map(|seen| seen.counted).sum();
        let all: u64 = seen.iter().map(|seen| seen.cycles).sum();
        let stored = cycles(&self.ours)? - before;
        ensure!(stored == all, "{all} cycles were answered, {stored} are in the database");
        while crate::b1::backlog(&self.ours)? > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let took: Duration = seen.iter().flat_map(|seen| seen.submits.iter().chain(&seen.approvals)).sum();
        self.seen.extend(seen);
        let mean_ms = took.as_secs_f64() * 1000.0 / real(all);
        Ok((workers, Round { rate: real(counted) / real(seconds), mean_ms, backlog, percent }))
    }

    fn theirs(&mut self, seconds: u64) -> Result<Round> {
        self.pgbench_runs += 1;
        let mut variables = self.payloads.clone();
        variables.extend([
            ("n".to_owned(), "0".to_owned()),
            ("round".to_owned(), self.pgbench_runs.to_string()),
            ("accounts".to_owned(), self.settings.accounts.to_string()),
        ]);
        let before = cycles(&self.theirs)?;
        let ticks = Ticks::now(self.service.id());
        let relay = self.theirs.pgbench(include_str!("relay.sql"), 1, seconds, &[])?;
        let load =
            self.theirs.pgbench(include_str!("cycle.sql"), self.settings.in_flight, seconds, &variables)?;
        let done = Pgbench::finish(load)?;
        Pgbench::finish(relay)?;
        let percent = Ticks::now(self.service.id()).since(ticks).percent();
        let stored = cycles(&self.theirs)? - before;
        ensure!(
            stored == done.transactions,
            "pgbench counted {} cycles, {stored} are in the database",
            done.transactions
        );
        let backlog = backlog(&self.theirs)?;
        Ok(Round { rate: done.rate, mean_ms: done.latency_ms, backlog, percent })
    }

    /// The figures of all rounds, printed and as JSON.
    fn result(&mut self, rounds: &[(Round, Round)]) -> Value {
        let rates = |of: fn(&(Round, Round)) -> f64| rounds.iter().map(of).collect::<Vec<f64>>();
        let (ours, theirs) = (rates(|round| round.0.rate), rates(|round| round.1.rate));
        let ratio = median(&ours) / median(&theirs);
        let mut submits: Vec<Duration> =
            self.seen.iter().flat_map(|seen| seen.submits.iter().copied()).collect();
        let mut approvals: Vec<Duration> =
            self.seen.iter().flat_map(|seen| seen.approvals.iter().copied()).collect();
        let [submit_p50, submit_p99] = [50, 99].map(|percent| percentile_ms(&mut submits, percent));
        let [approve_p50, approve_p99] = [50, 99].map(|percent| percentile_ms(&mut approvals, percent));
        println!(
            "median cycles/s: service {:.0}, pgbench {:.0}; errors 0; every cycle found in the database",
            median(&ours),
            median(&theirs)
        );
        println!(
            "service, ms: submit p50 {submit_p50:.1} p99 {submit_p99:.1}, approve p50 {approve_p50:.1} p99 {approve_p99:.1}"
        );
        let Settings { common, in_flight, accounts, old_requests } = self.settings;
        json!({
            "benchmark": "b1",
            "ratio": ratio,
            "target": TARGET,
            "cycles_per_second": { "service": median(&ours), "pgbench": median(&theirs) },
            "rounds": rounds.iter().map(|(ours, theirs)| json!({ "service": ours.json(), "pgbench": theirs.json() })).collect::<Vec<_>>(),
            "latency_ms": {
                "submit": { "p50": submit_p50, "p99": submit_p99 },
                "approve": { "p50": approve_p50, "p99": approve_p99 },
            },
            "errors": 0,
            "settings": {
                "rounds": common.rounds, "seconds": common.seconds, "warm_up": common.warm_up, "in_flight": in_flight,
                "accounts": accounts, "old_requests": old_requests, "connections": CONNECTIONS,
            },
        })
    }
}

impl Round {
    fn json(&self) -> Value {
        let [busy, load_generator, service] = self.percent;
        json!({
            "cycles_per_second": self.rate, "mean_ms": self.mean_ms, "backlog": self.backlog,
            "processor_percent": { "all": busy, "load_generator": load_generator, "service": service },
        })
    }
}

fn print(number: u32, ours: &Round, theirs: &Round) {
    let side = |round: &Round| format!("{:.0}/s {:.1} ms +{}", round.rate, round.mean_ms, round.backlog);
    let [busy, load, service] = ours.percent;
    println!(
        "{number:>5} {:>22} {:>22} {:>7.2}  busy {busy} %: load {load}, service {service}, the rest {}",
        side(ours),
        side(theirs),
        ours.rate / theirs.rate,
        busy.saturating_sub(load + service)
    );
}

/// Cycles that the workers' resources have been through, as their versions tell.
fn cycles(database: &Database<'_>) -> Result<u64> {
    database.number("SELECT sum(version - 1)::bigint / 2 FROM resources WHERE resource_id >= 'e0000000-0000-0000-0000-000000000000' AND resource_id < 'f0000000-0000-0000-0000-000000000000'")
}

fn backlog(database: &Database<'_>) -> Result<u64> {
    database.number("SELECT count(*) FROM outbox")
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn real(count: u64) -> f64 {
    count as f64
}
