//! The main job, end to end: submit, decide, notify; the same scenarios and the same mails on the services with their
//! servers and on the all-in-one binary.

use crate::{scenarios, snapshots::assert_mails, system::System};

macro_rules! on_both_systems {
    ($($(#[$proves:meta])* $scenario:ident),+ $(,)?) => { $(
        mod $scenario {
            use super::*;

            $(#[$proves])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn services() {
                let system = System::services().await;
                let mails = scenarios::$scenario(&system).await;
                assert_mails(stringify!($scenario), &mails);
            }

            $(#[$proves])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn standalone() {
                let system = System::standalone().await;
                let mails = scenarios::$scenario(&system).await;
                assert_mails(stringify!($scenario), &mails);
            }
        }
    )+ };
}

on_both_systems! {
    /// Proves REQ-1, REQ-16, LIF-14, LIF-17, LIF-20, LIF-23, HIS-1, NOT-1, NOT-3, NOT-10, NOT-13.
    campaign_approved,
    /// Proves REQ-8, REQ-12, NOT-3, NOT-12.
    campaign_rejected,
    /// Proves REQ-6, REQ-7, REQ-17, NOT-5.
    campaign_cancelled,
    /// Proves REQ-14, NOT-6.
    campaign_expired,
    /// Proves LIF-5, LIF-11, LIF-12, LIF-21, LIF-22.
    edits_are_staged_or_void_the_approval,
    /// Proves REQ-10, NOT-6, NOT-12.
    assignees_are_lost,
    /// Proves ACC-8, ACC-14, REQ-18.
    people_join_by_invitation,
    /// Proves LIF-1, LIF-4, REQ-13, NOT-2, NOT-4.
    ab_test_finished,
}
