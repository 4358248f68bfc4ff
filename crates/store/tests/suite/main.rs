//! One suite for both databases.

mod commits;
mod round_trip;
mod support;
