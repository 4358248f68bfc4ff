//! The contract: gRPC services and event messages, generated at build time from `proto/`.
//!
//! The modules follow the packages. [`codec`] reads requests; [`DESCRIPTORS`] is the compiled descriptor set, for reflection;
//! [`json`] writes and reads messages in the canonical protobuf JSON mapping, which is what events carry over the broker; [`reason`]
//! is how refusals name themselves.

pub mod codec;
pub mod json;
pub mod reason;

/// The compiled descriptor set of every file of the contract and its imports, comments included.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($module:ident, $name:literal, $doc:literal) => {
        #[doc = $doc]
        #[allow(clippy::all, clippy::pedantic, reason = "generated from the commented contract")]
        pub mod $module {
            tonic::include_proto!($name);
        }
    };
}

/// `countersign.*`: the package tree, as the generated code refers to it.
pub mod countersign {
    /// `countersign.access`.
    pub mod access {
        package!(v1, "countersign.access.v1", "Accounts and members.");
    }
    /// `countersign.approval`.
    pub mod approval {
        package!(v1, "countersign.approval.v1", "Resources, requests, policy, history.");
    }
    /// `countersign.event`.
    pub mod event {
        package!(v1, "countersign.event.v1", "What goes over the broker.");
    }
    /// `countersign.inbox`.
    pub mod inbox {
        package!(v1, "countersign.inbox.v1", "Ribbons.");
    }
    /// `countersign.type`.
    pub mod r#type {
        package!(v1, "countersign.r#type.v1", "Shared small types and error reasons.");
    }
}

pub use countersign::{
    access::v1 as access, approval::v1 as approval, event::v1 as event, inbox::v1 as inbox,
    r#type::v1 as types,
};
