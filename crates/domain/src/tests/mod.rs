//! Proofs of the rules, by their ids.
//!
//! [`builders`] holds a small account to act in; the other modules are named after what they prove. [`invariants`] runs
//! random commands and checks what must hold after each of them.

mod access;
mod builders;
mod content;
mod decide;
mod edit;
mod history;
mod invariants;
mod lifecycle;
mod membership;
mod perform;
mod policy;
mod recipients;
mod revert;
mod timer;
