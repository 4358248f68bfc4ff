//! Strangers' bytes on every method: whatever arrives is the caller's fault and told as such.
//!
//! `COUNTERSIGN_FUZZ_SEED` repeats a run or makes another one, `COUNTERSIGN_FUZZ_CALLS` says how many calls of each method it makes.

mod spoil;

use std::{env, sync::Arc, time::Duration};

use fastrand::Rng;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use tokio::{task::JoinSet, time::timeout};
use tonic::{Code, Status};

use self::spoil::spoiled;
use crate::{
    matrix::World,
    raw::{Method, answer, every_method, post},
    system::System,
};

const SEED: u64 = 0x5EC_0011;
const CALLS: u64 = 100;

/// So many methods are called at the same time.
const AT_ONCE: usize = 4;

/// So many calls are made of one that is in order.
const SPOILED_OF_ONE: u64 = 10;

/// What streams and never ends is left after this.
const PATIENCE: Duration = Duration::from_secs(20);
const STREAM_PATIENCE: Duration = Duration::from_millis(250);

/// Proves SEC-11 on the services, with `PostgreSQL`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bytes_are_the_services_fault_on_postgres() {
    let system = System::services().await;
    fuzz(&system).await;
    let System::Services(services) = &system else { unreachable!("they were started above") };
    for process in [&services.approval[0], &services.notifier] {
        assert_no_errors(&process.log());
    }
}

/// Proves SEC-11 on the all-in-one binary, with `SQLite`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bytes_are_the_services_fault_on_sqlite() {
    let system = System::standalone().await;
    fuzz(&system).await;
    let System::Standalone(standalone) = &system else { unreachable!("it was started above") };
    assert_no_errors(&standalone.process.log());
}

/// What a process says of its own failures; what callers do wrong is none.
pub fn assert_no_errors(log: &str) {
    let errors: Vec<&str> =
        log.lines().filter(|line| line.contains(" ERROR ") || line.contains("panicked")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

fn setting(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |given| given.parse().expect("a number"))
}

async fn fuzz(system: &System) {
    let (seed, calls) = (setting("COUNTERSIGN_FUZZ_SEED", SEED), setting("COUNTERSIGN_FUZZ_CALLS", CALLS));
    println!("COUNTERSIGN_FUZZ_SEED={seed} COUNTERSIGN_FUZZ_CALLS={calls}");
    let world = Arc::new(World::new(system).await);
    let pool = DescriptorPool::decode(countersign_proto::DESCRIPTORS).unwrap();
    let (mut methods, mut wrong, mut refused) = (JoinSet::new(), Vec::new(), 0);
    let mut take = |outcome: Outcome| {
        wrong.extend(outcome.wrong);
        refused += outcome.refused;
    };
    for (number, method) in every_method().into_iter().enumerate() {
        // Many at once only keep changing the same account's rules under each other.
        if methods.len() == AT_ONCE {
            take(methods.join_next().await.unwrap().unwrap());
        }
        let input = input_of(&pool, &method);
        let random = Rng::with_seed(seed.wrapping_mul(1_000).wrapping_add(number as u64));
        methods.spawn(fuzz_method(Arc::clone(&world), method, input, random, calls));
    }
    while let Some(ended) = methods.join_next().await {
        take(ended.unwrap());
    }
    assert!(wrong.is_empty(), "seed {seed}: {} calls went wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(refused > calls, "hardly anything was refused: is this fuzzing?");
    // Not refused because the caller was locked out meanwhile.
    world.team.admin.get_account().await.unwrap();
}

fn input_of(pool: &DescriptorPool, method: &Method) -> MessageDescriptor {
    let (service, name) = method.name.split_once('/').unwrap();
    let service = pool.get_service_by_name(service).unwrap();
    let method = service.methods().find(|method| method.name() == name).unwrap();
    method.input()
}

#[derive(Default)]
struct Outcome {
    wrong: Vec<String>,
    refused: u64,
}

async fn fuzz_method(
    world: Arc<World>,
    method: Method,
    input: MessageDescriptor,
    mut random: Rng,
    calls: u64,
) -> Outcome {
    let mut outcome = Outcome::default();
    let who = if method.name.ends_with("Account") { "platform" } else { "admin" };
    let mut valid = Vec::new();
    for call in 0..calls {
        if call % SPOILED_OF_ONE == 0 {
            valid = world.message(&method.name, "", who).await;
        }
        let frames = framed(&spoiled(&valid, &input, &mut random), &mut random);
        // Some don't say who they are, or not so that it can be read.
        let (account, actor) = match random.u8(..10) {
            0 => (String::new(), "nobody".to_owned()),
            1 => world.identity("stranger"),
            _ => world.identity(who),
        };
        let request = post(&method.name, &account, &actor, frames.clone());
        let patience = if method.streams { STREAM_PATIENCE } else { PATIENCE };
        let answer = match timeout(patience, answer(world.channel(&method.name), request)).await {
            Ok(answer) => answer,
            Err(_) if method.streams => continue,
            Err(_) => Status::unknown("no answer"),
        };
        match answer.code() {
            Code::Ok => {}
            Code::Internal | Code::Unknown | Code::DataLoss => {
                outcome.wrong.push(format!("{}: {answer:?} to {frames:02x?}", method.name));
            }
            _ => outcome.refused += 1,
        }
    }
    outcome
}

/// The message in its frame, which is mostly as it should be.
fn framed(message: &[u8], random: &mut Rng) -> Vec<u8> {
    let frame = |flag: u8, length: usize, message: &[u8]| {
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        [&[flag], &length[..], message].concat()
    };
    let whole = frame(0, message.len(), message);
    match random.u8(..40) {
        // Packed, it says, and is not.
        0 => frame(1, message.len(), message),
        1 => frame(random.u8(2..), message.len(), message),
        // Longer or shorter than it says.
        2 => frame(0, message.len() + random.usize(1..100), message),
        3 => frame(0, message.len().saturating_sub(random.usize(1..100)), message),
        4 => frame(0, u32::MAX as usize, message),
        // Two messages, or none.
        5 => [whole.clone(), whole].concat(),
        6 => Vec::new(),
        // Cut off anywhere.
        7 => whole[..random.usize(..whole.len())].to_vec(),
        _ => whole,
    }
}
