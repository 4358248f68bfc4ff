//! `cargo xtask test`: everything that tests need, then every test.

use anyhow::Result;

use crate::exec::{cargo, run, target_dir};
use crate::report::Report;
use crate::services::{Durability, Services};
use crate::tools;

/// The end-to-end tests run the binaries of these packages, which cargo does not know of.
const END_TO_END: &str = "countersign-e2e";
const DEPLOYABLES: [&str; 3] = ["countersign-approval", "countersign-notifier", "countersign-standalone"];

/// Tests that need grpcurl have this in their name, so that they can be left out by name where there is none.
const NEEDS_GRPCURL: &str = "grpcurl";

/// Builds, starts, tests, stops, and says what was done.
pub fn run_all(args: &[String]) -> Result<()> {
    let mut report = Report::default();
    let result = attempt(args, &mut report);
    report.step("cargo test", &result);
    report.finish()
}

fn attempt(args: &[String], report: &mut Report) -> Result<()> {
    let split = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let (for_cargo, for_tests) = args.split_at(split);
    let mut for_tests = for_tests.to_vec();
    let packages = packages(for_cargo);

    let grpcurl = tools::grpcurl();
    if let Err(why) = &grpcurl {
        report.not_run(&format!("tests named *{NEEDS_GRPCURL}*"), why);
        if for_tests.is_empty() {
            for_tests.push("--".to_owned());
        }
        for_tests.extend(["--skip".to_owned(), NEEDS_GRPCURL.to_owned()]);
    }

    // The tests are built along, so that both see one set of dependency features and nothing is compiled twice.
    let mut build = cargo();
    build.args(["build", "--bins", "--tests"]);
    if packages.is_empty() {
        build.arg("--workspace");
    }
    for package in &packages {
        build.args(["--package", package]);
    }
    if packages.iter().any(|package| package == END_TO_END) {
        build.args(DEPLOYABLES.iter().flat_map(|name| ["--package", name]));
    }
    run(&mut build)?;

    let services = Services::start(Durability::Throwaway)?;
    report.note("PostgreSQL", &services.postgres.origin);
    report.note("RabbitMQ", &services.rabbitmq.origin);

    let mut test = cargo();
    test.args(["test", "--no-fail-fast"]);
    if packages.is_empty() {
        test.arg("--workspace");
    }
    test.args(for_cargo).args(for_tests);
    test.envs(services.environment()).env("COUNTERSIGN_BIN_DIR", target_dir()?.join("debug"));
    if let Ok(grpcurl) = grpcurl {
        report.note("grpcurl", grpcurl.origin);
        test.env("COUNTERSIGN_GRPCURL", grpcurl.path);
    }
    run(&mut test)
}

/// The packages that cargo's arguments name with `-p`, in any of its spellings.
fn packages(args: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "-p" || arg == "--package" {
            found.extend(args.next().cloned());
        } else if let Some(name) = arg.strip_prefix("--package=").or_else(|| arg.strip_prefix("-p")) {
            found.push(name.trim_start_matches('=').to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::packages;

    #[test]
    fn packages_are_found_in_any_spelling() {
        let args = ["-p", "a", "--package", "b", "--package=c", "-pd", "some_test"].map(str::to_owned);
        assert_eq!(packages(&args), ["a", "b", "c", "d"]);
    }
}
