//! What people try, at random.

use proptest::prelude::*;

use super::super::builders::Who;
use crate::LaunchMode;

/// What somebody tries. Indexes are taken modulo what there is to choose from, so that most tries make sense.
#[derive(Clone, Debug)]
pub(super) enum Try {
    Perform {
        action: usize,
        mode: Option<LaunchMode>,
        approvers: Vec<Who>,
        winner: bool,
    },
    /// An action of any kind, mostly one that the state does not have.
    PerformAny(usize),
    Approve {
        winner: bool,
    },
    Reject {
        note: bool,
    },
    Cancel,
    Comment,
    Reassign(Vec<Who>),
    /// An action of the state, in an emergency.
    Bypass(usize),
    CloseReview,
    Edit {
        content: Option<u8>,
        start: Option<u64>,
    },
    Switch(bool),
    Revoke(Who),
    GiveRight(bool),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Try(Who, Try),
    /// Time goes on; the timers have not come round yet.
    Wait(u64),
    /// The timers come round.
    Timers,
}

fn who() -> impl Strategy<Value = Who> {
    prop::sample::select(vec![
        Who::Admin,
        Who::SecondAdmin,
        Who::Creator,
        Who::Creator,
        Who::Member,
        Who::Approver,
        Who::SecondApprover,
        Who::Editor,
        Who::EditorWithRight,
        Who::Revoked,
        Who::Roleless,
        Who::Stranger,
    ])
}

fn a_try() -> impl Strategy<Value = Try> {
    let mode = prop::option::weighted(0.3, prop::sample::select(LaunchMode::ALL.to_vec()));
    let approvers = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(who(), 1..4)];
    prop_oneof![
        6 => (0..12_usize, mode, approvers, prop::bool::weighted(0.1)).prop_map(
            |(action, mode, approvers, winner)| Try::Perform { action, mode, approvers, winner }
        ),
        1 => (0..12_usize).prop_map(Try::PerformAny),
        9 => prop::bool::weighted(0.2).prop_map(|winner| Try::Approve { winner }),
        1 => any::<bool>().prop_map(|note| Try::Reject { note }),
        1 => Just(Try::Cancel),
        1 => Just(Try::Comment),
        2 => prop::collection::vec(who(), 0..4).prop_map(Try::Reassign),
        1 => (0..12_usize).prop_map(Try::Bypass),
        1 => Just(Try::CloseReview),
        4 => (prop::option::of(0..5_u8), prop::option::weighted(0.3, 1..72_u64))
            .prop_map(|(content, start)| Try::Edit { content, start }),
        1 => prop::bool::weighted(0.7).prop_map(Try::Switch),
        1 => prop::sample::select(vec![Who::SecondAdmin, Who::Creator, Who::Approver, Who::Admin]).prop_map(Try::Revoke),
        1 => any::<bool>().prop_map(Try::GiveRight),
    ]
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (who(), a_try()).prop_map(|(who, it)| Step::Try(who, it)),
        1 => (1..30_u64).prop_map(Step::Wait),
        1 => Just(Step::Timers),
    ];
    prop::collection::vec(step, 1..120)
}
