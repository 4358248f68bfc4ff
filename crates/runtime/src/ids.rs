//! The one source of new ids and secrets.

use uuid::Uuid;

/// A new id: a `UUIDv7` (RFC 9562), so that ids made later sort later and indexes grow at their end.
///
/// Ids made by one process are strictly increasing, also within one millisecond.
#[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// A new secret that nobody can guess: 244 random bits, in lower-case hex.
#[expect(clippy::disallowed_methods, reason = "this is the one place that makes secrets")]
pub fn new_secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_and_increase() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| new_id()).collect();
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert!(ids.is_sorted_by(|a, b| a < b));
    }
}
