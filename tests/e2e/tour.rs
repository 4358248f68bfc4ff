//! The README's tour, run as it is printed, so that it can't rot.

use std::{path::Path, process::Command};

use countersign_testkit::{grpcurl, wait_for};

use crate::system::{PATIENCE, Standalone};

/// A block of shell of the tour.
struct Block {
    script: String,
    /// Whether its last command is said to be refused.
    refused: bool,
}

fn blocks(readme: &str) -> Vec<Block> {
    let tour = readme
        .split("<!-- tour: ")
        .nth(1)
        .expect("the tour")
        .split("<!-- end of the tour -->")
        .next()
        .unwrap();
    let blocks: Vec<_> = tour
        .split("```sh")
        .skip(1)
        .map(|block| {
            let (kind, rest) = block.split_once('\n').unwrap();
            Block { script: rest.split("```").next().unwrap().to_owned(), refused: kind.trim() == "refused" }
        })
        .collect();
    assert!(blocks.len() >= 6, "the tour has shrunk to {} blocks", blocks.len());
    blocks
}

/// Runs the tour against a fresh demo; the ports and the folder are the only things that differ from the print.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_tour_works_with_grpcurl() {
    let standalone = Standalone::start(&["--demo"]).await;
    let ids = standalone.data.path().join("demo.env");
    wait_for("the demo", PATIENCE, async || ids.is_file().then_some(())).await;
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();

    let path = format!("{}:{}", grpcurl().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut before = String::from("set -e\n");
    let mut printed = String::new();
    for block in blocks(&readme) {
        let script = block
            .script
            .replace("127.0.0.1:50051", &format!("127.0.0.1:{}", standalone.port))
            .replace("countersign-data", standalone.data.path().to_str().unwrap());
        // Each block runs after those that set its variables; what they printed is not of interest again.
        let run = || {
            let output = Command::new("bash")
                .args(["-c", &format!("{before}\n{script}")])
                .env("PATH", &path)
                .output()
                .unwrap();
            let text = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            (output.status.success(), text)
        };
        let (succeeded, text) = if script.contains("ListRibbons") {
            // Ribbons follow within moments.
            wait_for("the ribbons", PATIENCE, async || {
                let (succeeded, text) = run();
                (!succeeded || text.matches("ribbonId").count() >= 2).then_some((succeeded, text))
            })
            .await
        } else {
            run()
        };
        assert_eq!(succeeded, !block.refused, "{script}\n{text}");
        if script.contains("demo.env") {
            before.push_str(&script);
        }
        printed.push_str(&text);
    }
    for expected in [
        "RIBBON_KIND_DECIDE",
        "RIBBON_KIND_AWAITING",
        "REQUEST_STATE_APPROVED",
        "\"state\": \"SCHEDULED\"",
        "\"event\": \"APPROVED\"",
        "REQUEST_DECIDED",
        "\"action\": \"START\"",
        "\"scope\": \"Country in (US)\"",
        "\"scopeRoleId\"",
    ] {
        assert!(printed.contains(expected), "the tour does not show {expected}:\n{printed}");
    }
}

/// The demo's own print is the README's tour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_prints_calls_that_the_readme_has() {
    let mut standalone = Standalone::start(&["--demo"]).await;
    standalone.process.wait_for_log("serving on", PATIENCE).await;
    let log = standalone.process.log();
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let calls: Vec<_> = log.lines().map(str::trim).filter(|line| line.starts_with("call $")).collect();
    assert!(calls.len() >= 4, "{log}");
    for call in calls {
        assert!(readme.contains(call), "the demo prints `{call}`, the README does not");
    }
    // A second start finds the account made, and makes another campaign that waits.
    assert!(standalone.process.terminate().await.success());
    let first = std::fs::read_to_string(standalone.data.path().join("demo.env")).unwrap();
    standalone.process.start_again();
    wait_for("the second print", PATIENCE, async || {
        (standalone.process.log().matches("serving on").count() == 2).then_some(())
    })
    .await;
    let second = std::fs::read_to_string(standalone.data.path().join("demo.env")).unwrap();
    let differs = |(old, new): (&str, &str)| (old != new).then(|| new.split('=').next().unwrap().to_owned());
    let changed: Vec<_> = first.lines().zip(second.lines()).filter_map(differs).collect();
    assert_eq!(changed, ["CAMPAIGN", "REQUEST"], "{first}{second}");
}
