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

/// The blocks between two comments of the README.
fn blocks(readme: &str, begin: &str, end: &str) -> Vec<Block> {
    let part = readme.split(begin).nth(1).expect(begin).split(end).next().unwrap();
    part.split("```sh")
        .skip(1)
        .map(|block| {
            let (kind, rest) = block.split_once('\n').unwrap();
            Block { script: rest.split("```").next().unwrap().to_owned(), refused: kind.trim() == "refused" }
        })
        .collect()
}

/// Runs a block of the README after `before`; the ports and the folder are the only things that differ from the print. Answers
/// whether it succeeded, what it printed, and the script.
fn run(standalone: &Standalone, before: &str, block: &Block) -> (bool, String, String) {
    let script = block
        .script
        .replace("127.0.0.1:50051", &format!("127.0.0.1:{}", standalone.port))
        .replace("countersign-data", standalone.data.path().to_str().unwrap());
    let path = format!("{}:{}", grpcurl().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let whole = format!("set -e\n{before}\n{script}");
    let output = Command::new("bash").args(["-c", &whole]).env("PATH", &path).output().unwrap();
    let printed =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), printed, script)
}

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap()
}

/// The whole tour once, and what it printed.
async fn take_the_tour(standalone: &Standalone) -> String {
    let blocks = blocks(&readme(), "<!-- tour: ", "<!-- end of the tour -->");
    assert!(blocks.len() >= 6, "the tour has shrunk to {} blocks", blocks.len());
    let (mut before, mut all) = (String::new(), String::new());
    for block in blocks {
        // Each block runs after the one that sets the variables of all.
        let (succeeded, printed, script) = if block.script.contains("ListRibbons") {
            // Ribbons follow within moments.
            wait_for("the ribbons", PATIENCE, async || {
                let ran = run(standalone, &before, &block);
                (!ran.0 || ran.1.matches("ribbonId").count() >= 2).then_some(ran)
            })
            .await
        } else {
            run(standalone, &before, &block)
        };
        assert_eq!(succeeded, !block.refused, "{script}\n{printed}");
        if script.contains("demo.env") {
            before.push_str(&script);
        }
        all.push_str(&printed);
    }
    all
}

/// An account of one's own, the tour on a fresh demo, and the tour once more after a new start on the kept folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_tour_works_with_grpcurl_and_works_again() {
    let mut standalone = Standalone::start(&["--demo"]).await;
    for time in 1..=2 {
        wait_for("the demo", PATIENCE, async || {
            (standalone.process.log().matches("serving on").count() == time).then_some(())
        })
        .await;
        let own = blocks(&readme(), "<!-- own account: ", "<!-- end of the own account -->");
        let (succeeded, printed, script) = run(&standalone, "", &own[0]);
        assert!(succeeded && printed.contains("\"memberId\""), "{script}\n{printed}");

        let printed = take_the_tour(&standalone).await;
        for expected in [
            "RIBBON_KIND_DECIDE",
            "RIBBON_KIND_AWAITING",
            "REQUEST_STATE_APPROVED",
            "\"state\": \"SCHEDULED\"",
            "\"event\": \"APPROVED\"",
            "REQUEST_DECIDED",
            "\"action\": \"START\"",
            "\"scope\": \"Country in (US)\"",
            "outside the data scope Country ∈ {US}",
            "\"scopeRoleId\"",
        ] {
            assert!(printed.contains(expected), "the tour does not show {expected}:\n{printed}");
        }
        assert!(standalone.process.terminate().await.success());
        standalone.process.start_again();
    }
}

/// The demo's own print is the README's tour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_prints_calls_that_the_readme_has() {
    let mut standalone = Standalone::start(&["--demo"]).await;
    standalone.process.wait_for_log("serving on", PATIENCE).await;
    let log = standalone.process.log();
    let readme = readme();
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
