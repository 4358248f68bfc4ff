use std::time::Duration;

use countersign_testkit::Process;

const LIMIT: Duration = Duration::from_secs(10);

fn shell(script: &str, env: &[(&str, &str)]) -> Process {
    Process::start("/bin/sh", &["-c", script], env)
}

#[tokio::test]
async fn sigterm_lets_it_end_in_its_own_way() {
    let mut process = shell("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done", &[]);
    process.wait_for_log("ready", LIMIT).await;
    assert_eq!(process.terminate().await.code(), Some(7));
    assert!(process.log().contains("bye"));
}

#[tokio::test]
async fn kill_nine_does_not() {
    let mut process = shell("trap 'echo bye' TERM EXIT; echo ready; while :; do sleep 0.01; done", &[]);
    process.wait_for_log("ready", LIMIT).await;
    process.kill9();
    assert!(!process.is_running());
    assert!(!process.log().contains("bye"));
}

#[tokio::test]
async fn it_starts_again_as_before() {
    let mut process = shell("echo \"word: $COUNTERSIGN_WORD\"", &[("COUNTERSIGN_WORD", "one")]);
    assert!(process.wait(LIMIT).await.success());
    process.start_again();
    assert!(process.wait(LIMIT).await.success());
    assert_eq!(process.log(), "word: one\nword: one\n");
}

#[tokio::test]
async fn the_tests_own_settings_do_not_leak_into_it() {
    let mut process = shell("env", &[("COUNTERSIGN_GIVEN", "yes")]);
    process.wait(LIMIT).await;
    let log = process.log();
    let ours: Vec<_> = log.lines().filter(|line| line.starts_with("COUNTERSIGN_")).collect();
    assert_eq!(ours, ["COUNTERSIGN_GIVEN=yes"]);
}

#[tokio::test]
#[should_panic(expected = "has ended")]
async fn waiting_for_the_log_of_the_dead_fails_at_once() {
    shell("exit 3", &[]).wait_for_log("never", Duration::from_mins(10)).await;
}

#[tokio::test]
#[should_panic(expected = "no-such-binary is not built: run `cargo xtask test`")]
async fn a_missing_binary_says_what_to_do() {
    Process::start("no-such-binary", &[], &[]);
}
