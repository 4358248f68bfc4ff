//! What `cargo xtask test` tells the tests.

use std::env;
use std::path::PathBuf;

/// A variable that must be there.
pub(crate) fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}

/// The path of grpcurl, a gRPC client that shares no code with this project.
///
/// A test that uses it has `grpcurl` in its name: `cargo xtask test` leaves those out, and says so, on a machine where
/// it can be neither found nor installed.
pub fn grpcurl() -> PathBuf {
    required("COUNTERSIGN_GRPCURL").into()
}
