//! Nothing but tests: see `suite/main.rs`.
