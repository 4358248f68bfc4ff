//! Proofs of the rules, by their ids.
