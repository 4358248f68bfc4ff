//! Stories made up at random: who tries what how often. The weights are what they are so that every entry of history comes up often.

use proptest::prelude::*;

use crate::cast::{Area, Audience, Kind, Mode, RoleName, SystemRole, Who};
use crate::command::{
    Command, Digest, Edit, MemberChange, Moment, Pick, PolicyChange, RoleChange, Times, Wait, Winner,
};

fn one_of<T: Clone + std::fmt::Debug + 'static>(weighted: &[(u32, T)]) -> impl Strategy<Value = T> + use<T> {
    prop::strategy::Union::new_weighted(
        weighted.iter().map(|(weight, value)| (*weight, Just(value.clone()).boxed())).collect(),
    )
}

/// Anybody; those who have rights more often.
fn anybody() -> impl Strategy<Value = Who> {
    use Who::{Abe, Ada, Ann, Ben, Carl, Cleo, Cora, Edda, Eric, Mia, Sam, Zoe};
    one_of(&[
        (4, Carl),
        (3, Ada),
        (3, Abe),
        (3, Edda),
        (3, Eric),
        (3, Cleo),
        (3, Cora),
        (3, Sam),
        (2, Ben),
        (2, Ann),
        (1, Mia),
        (1, Zoe),
    ])
}

/// Mostly somebody who may write.
fn writer() -> impl Strategy<Value = Who> {
    prop_oneof![1 => anybody(), 3 => one_of(&[
        (5, Who::Carl), (4, Who::Eric), (3, Who::Edda), (3, Who::Cleo), (2, Who::Ada), (2, Who::Abe), (1, Who::Cora)
    ])]
}

/// Mostly somebody who may approve in both areas.
fn approver() -> impl Strategy<Value = Who> {
    use Who::{Abe, Ada, Ann, Ben, Carl, Cleo, Cora, Edda, Eric, Sam};
    one_of(&[
        (6, Ada),
        (6, Abe),
        (5, Ann),
        (4, Ben),
        (5, Edda),
        (2, Cora),
        (2, Cleo),
        (2, Sam),
        (1, Eric),
        (1, Carl),
    ])
}

/// Mostly an Admin: most of what others try is refused in the same way.
fn admin() -> impl Strategy<Value = Who> {
    one_of(&[(8, Who::Ada), (4, Who::Ben), (1, Who::Abe), (1, Who::Carl)])
}

fn resource() -> impl Strategy<Value = u8> {
    any::<u8>()
}

fn times() -> impl Strategy<Value = Times> {
    let start = one_of(&[(2, None), (8, Some(3)), (6, Some(8)), (1, Some(-1))]);
    let end = one_of(&[(6, None), (7, Some(4)), (3, Some(9)), (1, Some(-1))]);
    (start, end).prop_map(|(start, end)| Times { start, end })
}

fn winner() -> impl Strategy<Value = Option<Winner>> {
    one_of(&[(5, None), (3, Some(Winner::Declared)), (1, Some(Winner::Unknown))])
}

fn digest() -> impl Strategy<Value = Option<Digest>> {
    one_of(&[(12, None), (4, Some(Digest::Right)), (1, Some(Digest::Wrong))])
}

/// Mostly: who is named twice is refused in one way only.
fn distinct(mut approvers: Vec<Who>) -> Vec<Who> {
    approvers.dedup();
    approvers
}

fn perform() -> impl Strategy<Value = Command> {
    let action = prop_oneof![12 => any::<u8>().prop_map(Pick::Allowed), 1 => any::<u8>().prop_map(Pick::Any)];
    let mode = one_of(&[(8, None), (2, Some(Mode::Active)), (1, Some(Mode::Test)), (1, Some(Mode::Passive))]);
    let approvers =
        prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(approver(), 1..=3).prop_map(distinct)];
    (writer(), resource(), action, mode, approvers, winner()).prop_map(
        |(by, resource, action, mode, approvers, winner)| Command::Perform {
            by,
            resource,
            action,
            mode,
            approvers,
            winner,
        },
    )
}

fn policy() -> impl Strategy<Value = Command> {
    let area = one_of(&[(2, Area::Campaigns), (2, Area::Experiences), (1, Area::Journeys)]);
    let change = prop_oneof![
        6 => one_of(&[(2, true), (1, false)]).prop_map(PolicyChange::Enabled),
        5 => one_of(&[(3, 1), (6, 2), (3, 3), (1, 10)]).prop_map(PolicyChange::RequiredApprovals),
        2 => any::<bool>().prop_map(PolicyChange::SelfApproval),
        2 => any::<bool>().prop_map(PolicyChange::ExcludeAuthors),
        1 => any::<bool>().prop_map(PolicyChange::NoteRequired),
        2 => any::<bool>().prop_map(PolicyChange::WritersCancel),
        2 => one_of(&[(1, 0), (2, 5)]).prop_map(PolicyChange::MaxAge),
        1 => one_of(&[(2, 0), (1, 5)]).prop_map(PolicyChange::LeadTime),
        3 => one_of(&[(1, 0), (3, 1), (1, 6)]).prop_map(PolicyChange::ReminderAfter),
        2 => one_of(&[(1, 0), (2, 1), (1, 3)]).prop_map(PolicyChange::CoolingOff),
    ];
    (admin(), area, change).prop_map(|(by, area, change)| Command::Policy { by, area, change })
}

fn role_name() -> impl Strategy<Value = RoleName> {
    one_of(&RoleName::ALL.map(|role| (1, role)))
}

fn member() -> impl Strategy<Value = Command> {
    use SystemRole::{Admin, Approver, Creator, Editor, Member};
    let role = one_of(&[(2, Admin), (6, Approver), (1, Creator), (4, Editor), (1, Member)]);
    let change = prop_oneof![
        5 => role.prop_map(MemberChange::SystemRole),
        4 => one_of(&[(3, true), (1, false)]).prop_map(MemberChange::ApprovalRight),
        2 => role_name().prop_map(MemberChange::Assign),
        2 => role_name().prop_map(MemberChange::Unassign),
    ];
    let of = prop::sample::select(Who::MEMBERS.to_vec());
    (admin(), of, change).prop_map(|(by, of, change)| Command::Member { by, of, change })
}

fn lose() -> impl Strategy<Value = Command> {
    let change = one_of(&[
        (3, MemberChange::SystemRole(SystemRole::Member)),
        (3, MemberChange::SystemRole(SystemRole::Creator)),
        (3, MemberChange::ApprovalRight(false)),
        (1, MemberChange::Unassign(RoleName::Campaigns)),
        (1, MemberChange::Unassign(RoleName::Experiences)),
        (1, MemberChange::Unassign(RoleName::Journeys)),
        (1, MemberChange::Revoke),
    ]);
    (admin(), resource(), any::<u8>(), change).prop_map(|(by, resource, asked, change)| Command::Lose {
        by,
        resource,
        asked,
        change,
    })
}

fn role() -> impl Strategy<Value = Command> {
    let change = prop_oneof![
        4 => any::<bool>().prop_map(RoleChange::Approves),
        2 => any::<bool>().prop_map(RoleChange::Scoped),
        1 => Just(RoleChange::Delete),
    ];
    (admin(), role_name(), change).prop_map(|(by, role, change)| Command::Role { by, role, change })
}

fn wait() -> impl Strategy<Value = Command> {
    let moment = one_of(&[(4, Moment::Start), (6, Moment::End), (2, Moment::Deadline)]);
    let offset = one_of(&[(1, -1), (2, 0), (1, 1)]);
    let until = (resource(), moment, offset).prop_map(|(resource, moment, offset)| Wait::Until {
        resource,
        moment,
        offset,
    });
    prop_oneof![1 => (1..180_u16).prop_map(Wait::Minutes), 3 => until].prop_map(Command::Wait)
}

/// Any command, the interesting ones more often.
fn command() -> impl Strategy<Value = Command> {
    let kind = one_of(&[(4, Kind::Campaign), (3, Kind::AbTest), (1, Kind::RemoteConfig), (3, Kind::Journey)]);
    let audience = one_of(&[(2, Audience::Us), (1, Audience::Nobody), (1, Audience::UsAndCa)]);
    let edit = prop_oneof![
        3 => Just(Edit::Content),
        1 => Just(Edit::Title),
        2 => times().prop_map(Edit::Schedule),
    ];
    prop_oneof![
        8 => (writer(), kind, times(), audience)
            .prop_map(|(by, kind, schedule, audience)| Command::Register { by, kind, schedule, audience }),
        14 => (writer(), resource(), edit).prop_map(|(by, resource, edit)| Command::Edit { by, resource, edit }),
        34 => perform(),
        13 => (approver(), resource(), winner(), digest())
            .prop_map(|(by, resource, winner, digest)| Command::Approve { by, resource, winner, digest }),
        5 => (approver(), resource(), one_of(&[(3, true), (1, false)]), digest())
            .prop_map(|(by, resource, note, digest)| Command::Reject { by, resource, note, digest }),
        5 => (writer(), resource()).prop_map(|(by, resource)| Command::Cancel { by, resource }),
        4 => (anybody(), resource()).prop_map(|(by, resource)| Command::Comment { by, resource }),
        6 => (anybody(), resource(), prop::collection::vec(approver(), 0..=3).prop_map(distinct))
            .prop_map(|(by, resource, approvers)| Command::Reassign { by, resource, approvers }),
        5 => (admin(), resource(), any::<u8>().prop_map(Pick::Allowed), winner())
            .prop_map(|(by, resource, action, winner)| Command::Bypass { by, resource, action, winner }),
        5 => (approver(), resource()).prop_map(|(by, resource)| Command::Review { by, resource }),
        4 => (anybody(), resource()).prop_map(|(by, resource)| Command::Read { by, resource }),
        6 => policy(),
        6 => member(),
        9 => lose(),
        3 => role(),
        16 => wait(),
    ]
}

/// A story of up to `most` commands, which begins with something to act on.
pub fn story(most: usize) -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(command(), 1..=most)
}
