//! Between the contract and the domain. Nothing here decides anything.

pub mod access;
pub mod answer;
pub mod document;
pub mod history;
pub mod invitation;
pub mod lifecycle;
pub mod permission;
pub mod policy;
pub mod request;
pub mod resource;
pub mod review;
pub mod roles;
pub mod time;
pub mod value;

use countersign_domain::{ActorRef, Digest};
use countersign_proto::types;

/// Who did something, as the contract writes it.
pub fn actor(actor: &ActorRef) -> types::Actor {
    types::Actor {
        member_id: actor.member_id.map(|id| id.to_string()).unwrap_or_default(),
        display_name: actor.name.clone(),
        service: actor.service.clone().unwrap_or_default(),
    }
}

/// A digest as the contract writes it; empty for whom personal data is `masked`: one of whole content confirms a guess of what
/// is hidden (ACC-19).
pub fn digest(digest: &Digest, masked: bool) -> String {
    if masked { String::new() } else { digest.to_string() }
}

/// The etag of a version.
pub fn etag(version: i64) -> String {
    version.to_string()
}
