//! Refusal of `COUNTERSIGN_*` variables that no setting knows: a typo in a chart must not pass in silence.

use std::collections::BTreeSet;
use std::ffi::OsString;

/// The prefix of every variable that a setting has.
const PREFIX: &str = "COUNTERSIGN_";

/// Variables that belong to the project's tests and tools, and mean nothing to a service: they may be set in a shell
/// from which a service is started.
const TOOLS: [&str; 2] = ["COUNTERSIGN_BIN_DIR", "COUNTERSIGN_GRPCURL"];
/// As [`TOOLS`], by prefix.
const TESTS: &str = "COUNTERSIGN_TEST_";

/// Variables that no setting knows, each named.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no setting is called {}: see --help for those that exist", .0.join(", "))]
pub struct UnknownVariables(pub Vec<String>);

/// Refuses every `COUNTERSIGN_*` variable that is not the variable of an argument of `command` or of its subcommands.
///
/// Let be: `COUNTERSIGN_TEST_*`, `COUNTERSIGN_BIN_DIR` and `COUNTERSIGN_GRPCURL`, which are for the project's tests, and
/// the variables that Kubernetes sets in every container for each service of the namespace whose name begins with
/// `countersign` (`COUNTERSIGN_APPROVAL_SERVICE_HOST`, `COUNTERSIGN_APPROVAL_PORT_50051_TCP`, …).
pub fn check_unknown_env(command: &clap::Command) -> Result<(), UnknownVariables> {
    match unknown(command, std::env::vars_os()) {
        names if names.is_empty() => Ok(()),
        names => Err(UnknownVariables(names)),
    }
}

fn unknown(command: &clap::Command, variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
    let mut known = BTreeSet::new();
    collect_known(command, &mut known);
    let mut names: Vec<String> = variables
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .filter(|(name, _)| name.starts_with(PREFIX) && !known.contains(name.as_str()))
        .filter(|(name, _)| !TOOLS.contains(&name.as_str()) && !name.starts_with(TESTS))
        .filter(|(name, value)| !is_service_link(name, value))
        .map(|(name, _)| name)
        .collect();
    names.sort();
    names
}

fn collect_known(command: &clap::Command, known: &mut BTreeSet<String>) {
    known.extend(
        command
            .get_arguments()
            .filter_map(|arg| arg.get_env())
            .map(|name| name.to_string_lossy().into_owned()),
    );
    for subcommand in command.get_subcommands() {
        collect_known(subcommand, known);
    }
}

/// Whether Kubernetes sets this variable to point at a service.
///
/// `…_PORT` counts only with the value that Kubernetes gives it (`tcp://10.0.0.1:50051`), so that a mistyped setting that
/// happens to end so is still found.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_port_of = |port: &str| {
        let mut words = port.split('_');
        let number = words.next().is_some_and(|number| number.parse::<u16>().is_ok());
        let protocol = words.next().is_some_and(|protocol| matches!(protocol, "TCP" | "UDP" | "SCTP"));
        let part = words.next().is_none_or(|part| matches!(part, "PROTO" | "PORT" | "ADDR"));
        number && protocol && part && words.next().is_none()
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && value.contains("://"))
        || name.split_once("_PORT_").is_some_and(|(_, port)| is_port_of(port))
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn command() -> Command {
        Command::new("service").arg(Arg::new("log").long("log").env("COUNTERSIGN_LOG")).subcommand(
            Command::new("serve").arg(Arg::new("url").long("url").env("COUNTERSIGN_DATABASE_URL")),
        )
    }

    fn unknown_among(variables: &[(&str, &str)]) -> Vec<String> {
        unknown(&command(), variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn every_unknown_variable_is_named_at_once() {
        let names = unknown_among(&[
            ("COUNTERSIGN_LOGG", "info"),
            ("PATH", "/bin"),
            ("COUNTERSIGN_LOG", "info"),
            ("COUNTERSIGN_DATABASE_URL", "x"),
            ("COUNTERSIGN_DATABSE_URL", "x"),
        ]);
        assert_eq!(names, ["COUNTERSIGN_DATABSE_URL", "COUNTERSIGN_LOGG"]);
        let text = UnknownVariables(names).to_string();
        assert!(text.contains("COUNTERSIGN_DATABSE_URL, COUNTERSIGN_LOGG"), "{text}");
    }

    #[test]
    fn test_and_tool_variables_are_let_be() {
        assert!(
            unknown_among(&[
                ("COUNTERSIGN_TEST_POSTGRES_URL", "x"),
                ("COUNTERSIGN_BIN_DIR", "x"),
                ("COUNTERSIGN_GRPCURL", "x"),
            ])
            .is_empty()
        );
    }

    #[test]
    fn kubernetes_service_links_are_let_be() {
        assert!(
            unknown_among(&[
                ("COUNTERSIGN_APPROVAL_SERVICE_HOST", "10.0.0.1"),
                ("COUNTERSIGN_APPROVAL_SERVICE_PORT", "50051"),
                ("COUNTERSIGN_APPROVAL_SERVICE_PORT_GRPC", "50051"),
                ("COUNTERSIGN_APPROVAL_PORT", "tcp://10.0.0.1:50051"),
                ("COUNTERSIGN_APPROVAL_PORT_50051_TCP", "tcp://10.0.0.1:50051"),
                ("COUNTERSIGN_APPROVAL_PORT_50051_TCP_PROTO", "tcp"),
                ("COUNTERSIGN_APPROVAL_PORT_50051_TCP_PORT", "50051"),
                ("COUNTERSIGN_APPROVAL_PORT_50051_TCP_ADDR", "10.0.0.1"),
            ])
            .is_empty()
        );
    }

    #[test]
    fn settings_that_only_look_like_service_links_are_found() {
        let names = unknown_among(&[("COUNTERSIGN_SMPT_PORT", "25"), ("COUNTERSIGN_PORT_RANGE", "1-2")]);
        assert_eq!(names, ["COUNTERSIGN_PORT_RANGE", "COUNTERSIGN_SMPT_PORT"]);
    }
}
