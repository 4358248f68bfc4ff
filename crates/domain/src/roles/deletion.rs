//! The effects of deleting a role. A holder who becomes MEMBER (ACC-7) can see more than before, where all that they held was
//! narrow; and a role that limits or masks takes that with it. Whoever deletes it is told.

use std::collections::BTreeMap;

use crate::{
    Context, Member, MemberId, MemberState, RoleId, Roles, SystemRole,
    access::{Access, Component, Rights, TREE},
};

/// So many members are named of those to whom the same happens.
pub const NAMED: usize = 50;
/// So many groups are told.
pub const GROUPS: usize = 20;

/// The same change for some of the holders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// They had no system role and become MEMBER (ACC-7).
    pub becomes_member: bool,
    /// The rights that they get and did not have, by component.
    pub opened: BTreeMap<Component, Rights>,
    /// The role's data scope limits them no more (ACC-12).
    pub lifts_scope: bool,
    /// Personal data is masked for them no more (ACC-13).
    pub lifts_mask: bool,
}

impl Change {
    fn is_none(&self) -> bool {
        !self.becomes_member && self.opened.is_empty() && !self.lifts_scope && !self.lifts_mask
    }
}

/// Who is changed so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// What happens to them.
    pub change: Change,
    /// How many they are.
    pub members: usize,
    /// The first [`NAMED`] of them, by id.
    pub named: Vec<MemberId>,
}

/// The effects of a deletion, the largest group first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// How many active members become MEMBER.
    pub became_member: usize,
    /// At most [`GROUPS`].
    pub groups: Vec<Effect>,
    /// Members in further groups.
    pub others: usize,
}

/// The effects of deleting `role` on its active holders; `touched` are the same members after it, in the same order.
pub fn effects(context: &Context<'_>, role: RoleId, holders: &[Member], touched: &[Member]) -> Effects {
    let mut left = context.roles.clone();
    left.remove(role);
    let after = Rules { roles: &left, ..Rules::of(context) };
    let components = components(context);
    let mut groups: BTreeMap<Change, (usize, Vec<MemberId>)> = BTreeMap::new();
    // Many hold the same roles: each set of them is compared once.
    let mut known: BTreeMap<Held, Change> = BTreeMap::new();
    for (holder, member) in
        holders.iter().zip(touched).filter(|(holder, _)| holder.state == MemberState::Active)
    {
        let change = known
            .entry(Held::of(holder))
            .or_insert_with(|| change(&components, &Rules::of(context), holder, &after, member));
        if !change.is_none() {
            let (members, named) = groups.entry(change.clone()).or_default();
            *members += 1;
            named.push(holder.id);
        }
    }
    let became_member =
        groups.iter().filter(|(change, _)| change.becomes_member).map(|(_, (members, _))| members).sum();
    let mut groups: Vec<Effect> =
        groups.into_iter().map(|(change, (members, named))| Effect { change, members, named }).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.members));
    let others = groups.iter().skip(GROUPS).map(|group| group.members).sum();
    groups.truncate(GROUPS);
    for group in &mut groups {
        group.named.sort_unstable();
        group.named.truncate(NAMED);
    }
    Effects { became_member, groups, others }
}

/// All that a member's access follows from.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    system: Option<SystemRole>,
    approval_right: bool,
    roles: Vec<RoleId>,
}

impl Held {
    fn of(member: &Member) -> Self {
        let mut roles = member.roles.clone();
        roles.sort_unstable();
        Self { system: member.system_role, approval_right: member.approval_right, roles }
    }
}

/// What access follows from beside the member.
#[derive(Clone, Copy)]
struct Rules<'a> {
    roles: &'a Roles,
    some_workflow_is_on: bool,
}

impl<'a> Rules<'a> {
    fn of(context: &Context<'a>) -> Self {
        Self { roles: context.roles, some_workflow_is_on: context.policies.some_workflow_is_on() }
    }

    fn access(&self, member: &Member) -> Access<'a> {
        Access::of(member, self.roles, self.some_workflow_is_on)
    }
}

fn change(
    components: &[Component],
    before: &Rules<'_>,
    holder: &Member,
    after: &Rules<'_>,
    member: &Member,
) -> Change {
    let (was, is) = (before.access(holder), after.access(member));
    let opened = components.iter().filter_map(|component| {
        let more = is.rights(component).beyond(was.rights(component));
        (!more.is_none()).then(|| (component.clone(), more))
    });
    Change {
        becomes_member: holder.system_role != member.system_role,
        opened: opened.collect(),
        lifts_scope: was.scope().is_some() && is.scope().is_none(),
        lifts_mask: was.is_masked() && !is.is_masked(),
    }
}

/// Every component of the account, those of its own areas included (LIF-24).
fn components(context: &Context<'_>) -> Vec<Component> {
    let own = context.lifecycles.own_areas().map(Component::of_area);
    let mut components: Vec<Component> = TREE.iter().map(|node| node.component.clone()).chain(own).collect();
    components.sort_unstable();
    components.dedup();
    components
}
