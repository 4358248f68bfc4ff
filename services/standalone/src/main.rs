//! All of Countersign in one process on SQLite, with a local mailbox.
fn main() {}
