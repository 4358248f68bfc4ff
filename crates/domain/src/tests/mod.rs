//! Proofs of the rules, by their ids.
//!
//! [`builders`] holds a small account to act in; the other modules are named after what they prove. [`invariants`] runs
//! random commands and checks what must hold after each of them.

mod access;
mod authors;
mod builders;
mod content;
mod conversation;
mod cooling_off;
mod decide;
mod difference;
mod edit;
mod gate;
mod history;
mod invariants;
mod lifecycle;
mod membership;
mod perform;
mod policy;
mod recipients;
mod revert;
mod review;
mod text;
mod timer;
