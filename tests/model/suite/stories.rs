//! Stories: those that once went wrong, then random ones; and what is done about one that goes wrong.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use countersign_runtime::ids::new_id;
use countersign_testkit::TestDatabase;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tokio::runtime::Builder;

use crate::chance::story;
use crate::command::Command;
use crate::service::Service;
use crate::story::{Difference, Tally, tell};

/// The longest story, in commands. Long ones reach more, and each has an account to itself, which takes a while to make; but what a
/// story leaves is to fit on one page of each list.
const LONGEST: usize = 200;

/// With as many commands as this each of [`EXPECTED`] comes up.
const ENOUGH: usize = 6_000;

/// Every entry of history that people and time can make.
const EXPECTED: [&str; 22] = [
    "REGISTERED",
    "EDITED",
    "STAGED",
    "APPROVAL_VOIDED",
    "SUBMITTED",
    "COMMENTED",
    "REMINDED",
    "REASSIGNED",
    "EMERGENCY_BYPASSED",
    "REVIEWED",
    "APPLIED",
    "BYPASSED",
    "APPROVAL_RECORDED",
    "APPROVED",
    "REJECTED",
    "CANCELLED",
    "EXPIRED DEADLINE",
    "EXPIRED NO_ELIGIBLE_APPROVERS",
    "ASSIGNMENT_EXPIRED",
    "REVERTED",
    "STARTED",
    "COMPLETED",
];

/// Tells stories until `steps` commands were carried out; fails with the shortest that goes wrong.
pub fn compare(database: &str, steps: usize, databases: impl AsyncFn() -> (TestDatabase, TestDatabase)) {
    let steps = variable("COUNTERSIGN_TEST_MODEL_STEPS").map_or(steps, |steps| steps.try_into().unwrap());
    let seed = variable("COUNTERSIGN_TEST_MODEL_SEED").unwrap_or_else(|| new_id().as_u64_pair().1);
    println!("{database}: {steps} commands, COUNTERSIGN_TEST_MODEL_SEED={seed}");

    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (approval, inbox) = runtime.block_on(databases());
    let service = runtime.block_on(Service::start(&approval, &inbox));
    for (file, story) in regressions() {
        if let Err(difference) = runtime.block_on(tell(&service, &story)) {
            panic!("{}: {}", file.display(), difference.what);
        }
    }
    runtime.block_on(random(&service, steps, seed));
    service.stop();
    runtime.block_on(async { drop((approval, inbox)) });
}

/// Tells random stories until `steps` commands were carried out.
async fn random(service: &Service, steps: usize, seed: u64) {
    let config = Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() };
    let (stories, mut runner) = (story(LONGEST), TestRunner::new(config));
    let (mut done, mut tally) = (0, Tally::new());
    while done < steps {
        let story = stories.new_tree(&mut runner).unwrap().current();
        match tell(service, &story).await {
            Ok((told, came_up)) => {
                done += told;
                for (what, times) in came_up {
                    *tally.entry(what).or_default() += times;
                }
            }
            Err(difference) => {
                let (story, difference) = shorten(service, story, difference).await;
                let file = keep(&story);
                panic!("{}\nThe story, made short, is in {}:\n{story:#?}", difference.what, file.display());
            }
        }
    }
    println!("{done} commands were carried out, and came to {tally:#?}");
    // What never comes up is not compared.
    let missed: Vec<_> = EXPECTED.into_iter().filter(|what| !tally.contains_key(*what)).collect();
    assert!(done < ENOUGH || missed.is_empty(), "never came up: {missed:?}");
}

/// Leaves out of a story that goes wrong what it goes wrong without: the half of it, then quarters, at last each command by itself.
async fn shorten(
    service: &Service,
    mut story: Vec<Command>,
    mut difference: Difference,
) -> (Vec<Command>, Difference) {
    story.truncate(difference.after);
    let mut part = story.len().div_ceil(2);
    while part > 0 {
        let (before, mut from) = (story.len(), 0);
        while from < story.len() {
            let mut shorter = story.clone();
            shorter.drain(from..story.len().min(from + part));
            match tell(service, &shorter).await {
                Err(other) => {
                    shorter.truncate(other.after);
                    (story, difference) = (shorter, other);
                }
                Ok(_) => from += part,
            }
        }
        // What could not be left out may be once something else was.
        if part > 1 || story.len() == before {
            part /= 2;
        }
    }
    (story, difference)
}

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions")
}

/// The stories that went wrong once, a command a line.
fn regressions() -> Vec<(PathBuf, Vec<Command>)> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        let story = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (file, story)
    };
    files.into_iter().map(read).collect()
}

/// Writes a story down, under a name of its own.
fn keep(story: &[Command]) -> PathBuf {
    let lines: Vec<String> = story.iter().map(|command| serde_json::to_string(command).unwrap()).collect();
    let file = folder().join(format!("found-{}.jsonl", new_id().simple()));
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    file
}
