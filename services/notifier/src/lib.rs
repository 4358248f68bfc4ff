//! Countersign's notifier: mail and in-platform ribbons from events.
