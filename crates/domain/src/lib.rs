//! The rules of Countersign: pure decisions, no I/O, no async, no clock.
