//! An account's members and custom roles as one document, for infrastructure as code. Members are known by their address and roles
//! by their name, both by [`text::key`]; there are no ids in it, so it can be applied to another account.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{
    Context, Member, MemberId, Refusal, RoleId, RulesChange, RulesWrite, Violation,
    access::{DataScope, Rights, Role, Roles, listed},
    limits,
    member::{MemberState, SystemRole},
    membership::{check_assignable, check_one_scope, settle_right},
    permission::require_admin,
    refusal::Permission,
    roles::{Asked, check_accesses, is_system_role},
    text,
};

/// The document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The custom roles.
    pub roles: Vec<DocumentRole>,
    /// The active members.
    pub members: Vec<DocumentMember>,
}

/// A custom role of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRole {
    /// Its name.
    pub name: String,
    /// What it gives.
    pub accesses: Vec<Asked>,
    /// What it limits its holders to.
    pub scope: Option<DataScope>,
    /// Whether PII is masked for its holders.
    pub masks_pii: bool,
}

/// A member of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentMember {
    /// The address.
    pub email: String,
    /// The name.
    pub display_name: String,
    /// The language.
    pub locale: String,
    /// A system role's name at the most once, and the names of custom roles.
    pub roles: Vec<String>,
    /// The approval right of an EDITOR.
    pub approval_right: bool,
}

/// What an import does to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Made, or given access again.
    Added,
    /// Changed.
    Changed,
    /// Deleted or revoked.
    Removed,
}

/// What an import does to one member or role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What is done.
    pub kind: DifferenceKind,
    /// `role` or `member`.
    pub what: &'static str,
    /// The role's name or the member's address.
    pub name: String,
    /// A line for each thing that changes.
    pub lines: Vec<String>,
}

/// The account's document: roles by name, active members by address.
pub fn export(context: &Context<'_>, members: &[Member]) -> Result<Document, Refusal> {
    require_admin(context, Permission::ManageMembers)?;
    let mut document = Document {
        roles: context.roles.iter().map(role_of).collect(),
        members: members
            .iter()
            .filter(|member| member.state == MemberState::Active)
            .map(|member| member_of(context.roles, member))
            .collect(),
    };
    document.roles.sort_by_key(|role| text::key(&role.name));
    document.members.sort_by_key(|member| text::key(&member.email));
    Ok(document)
}

fn role_of(role: &Role) -> DocumentRole {
    DocumentRole {
        name: role.name.clone(),
        accesses: role
            .accesses
            .iter()
            .map(|(component, rights)| Asked { component: component.as_str().to_owned(), rights: *rights })
            .collect(),
        scope: role.scope.clone(),
        masks_pii: role.masks_pii,
    }
}

fn member_of(roles: &Roles, member: &Member) -> DocumentMember {
    DocumentMember {
        email: member.email.clone(),
        display_name: member.display_name.clone(),
        locale: member.locale.clone(),
        roles: names_of(|id| roles.get(id).map(|role| role.name.clone()), member),
        approval_right: member.approval_right,
    }
}

/// The names of a member's roles, the system role first.
fn names_of(name_of: impl Fn(RoleId) -> Option<String>, member: &Member) -> Vec<String> {
    let mut custom: Vec<String> = member.roles.iter().filter_map(|id| name_of(*id)).collect();
    custom.sort_by_key(|name| text::key(name));
    member.system_role.iter().map(|role| role.as_str().to_owned()).chain(custom).collect()
}

/// Makes members and custom roles what `document` says, as a whole or not at all. `members` are all of the account's, revoked ones
/// included; `new_id` makes ids for what is new.
pub fn import(
    context: &Context<'_>,
    members: &[Member],
    document: &Document,
    mut new_id: impl FnMut() -> Uuid,
) -> Result<(RulesChange, Vec<Difference>), Refusal> {
    require_admin(context, Permission::ManageMembers)?;
    check_unique(document)?;
    let mut change = RulesChange::default();
    let mut differences = Vec::new();
    let roles = import_roles(context, document, &mut new_id, &mut change, &mut differences)?;
    let after =
        import_members(context, members, document, &roles, &mut new_id, &mut change, &mut differences)?;
    if !after.iter().any(Member::is_admin) {
        return Err(Refusal::LastAdmin);
    }
    let before: HashMap<MemberId, MemberState> =
        members.iter().map(|member| (member.id, member.state)).collect();
    let came_or_went = change.touched.iter().filter(|member| before.get(&member.id) != Some(&member.state));
    let addresses: Vec<String> = came_or_went.map(|member| member.email.clone()).collect();
    if !addresses.is_empty() {
        change.writes.push(RulesWrite::WithdrawInvitations(addresses));
    }
    // What is not in the document goes last: nobody holds it any more.
    for role in context.roles.iter().filter(|role| roles.get(role.id).is_none()) {
        change.writes.push(RulesWrite::DeleteRole(role.id));
        differences.push(Difference::of(DifferenceKind::Removed, "role", &role.name, Vec::new()));
    }
    Ok((change, differences))
}

impl Difference {
    fn of(kind: DifferenceKind, what: &'static str, name: &str, lines: Vec<String>) -> Self {
        Self { kind, what, name: name.to_owned(), lines }
    }
}

/// What is wrong with a document of so many roles and members.
pub fn check_size(roles: usize, members: usize) -> Vec<Violation> {
    let counts =
        [("document.roles", roles, limits::ROLES), ("document.members", members, limits::DOCUMENT_MEMBERS)];
    counts
        .into_iter()
        .filter(|(_, count, most)| count > most)
        .map(|(field, count, most)| Violation::new(field, format!("must be at most {most}, are {count}")))
        .collect()
}

fn check_unique(document: &Document) -> Result<(), Refusal> {
    let mut violations = check_size(document.roles.len(), document.members.len());
    let mut names = HashSet::new();
    for (index, role) in document.roles.iter().enumerate() {
        let key = text::key(&role.name);
        if is_system_role(&key) {
            violations
                .push(Violation::new(format!("document.roles[{index}].name"), "is a system role's name"));
        } else if !names.insert(key) {
            violations.push(Violation::new(format!("document.roles[{index}].name"), "is named twice"));
        }
    }
    let mut addresses = HashSet::new();
    for (index, member) in document.members.iter().enumerate() {
        if !addresses.insert(text::key(&member.email)) {
            violations.push(Violation::new(format!("document.members[{index}].email"), "is named twice"));
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Refusal::Invalid(violations)) }
}

fn import_roles(
    context: &Context<'_>,
    document: &Document,
    new_id: &mut impl FnMut() -> Uuid,
    change: &mut RulesChange,
    differences: &mut Vec<Difference>,
) -> Result<Roles, Refusal> {
    let mut roles = Roles::default();
    for (index, wanted) in document.roles.iter().enumerate() {
        let accesses =
            check_accesses(context, &format!("document.roles[{index}].accesses"), &wanted.accesses)?;
        let before = context.roles.named(&wanted.name);
        let role = Role {
            account_id: context.account.id,
            id: before.map_or_else(|| RoleId(new_id()), |role| role.id),
            name: wanted.name.clone(),
            accesses,
            scope: wanted.scope.clone(),
            masks_pii: wanted.masks_pii,
            version: before.map_or(1, |role| role.version + 1),
            created_at: before.map_or(context.now, |role| role.created_at),
            updated_at: context.now,
        };
        match before {
            None => {
                differences.push(Difference::of(
                    DifferenceKind::Added,
                    "role",
                    &role.name,
                    lines_of_role(None, &role),
                ));
                change.writes.push(RulesWrite::InsertRole(role.clone()));
                roles.insert(role);
            }
            Some(before) => {
                let lines = lines_of_role(Some(before), &role);
                if lines.is_empty() {
                    roles.insert(before.clone());
                } else {
                    differences.push(Difference::of(DifferenceKind::Changed, "role", &role.name, lines));
                    change.writes.push(RulesWrite::UpdateRole(role.clone()));
                    roles.insert(role);
                }
            }
        }
    }
    Ok(roles)
}

fn import_members(
    context: &Context<'_>,
    members: &[Member],
    document: &Document,
    roles: &Roles,
    new_id: &mut impl FnMut() -> Uuid,
    change: &mut RulesChange,
    differences: &mut Vec<Difference>,
) -> Result<Vec<Member>, Refusal> {
    let known: HashMap<String, &Member> =
        members.iter().map(|member| (text::key(&member.email), member)).collect();
    let changed_roles: HashSet<RoleId> = change
        .writes
        .iter()
        .filter_map(|write| match write {
            RulesWrite::UpdateRole(role) => Some(role.id),
            _ => None,
        })
        .collect();
    let mut after = Vec::new();
    for (wanted, named) in document.members.iter().zip(check_members(roles, document)?) {
        let before = known.get(&text::key(&wanted.email)).copied();
        let member = wanted_member(context, roles, wanted, named, before, new_id)?;
        let lines = lines_of_member(context.roles, roles, before, &member);
        match before {
            None => {
                differences.push(Difference::of(DifferenceKind::Added, "member", &member.email, lines));
                change.writes.push(RulesWrite::InsertMember(member.clone()));
                change.touched.push(member.clone());
            }
            Some(before) if !lines.is_empty() => {
                let back = before.state != MemberState::Active;
                let kind = if back { DifferenceKind::Added } else { DifferenceKind::Changed };
                differences.push(Difference::of(kind, "member", &member.email, lines));
                change.writes.push(RulesWrite::UpdateMember(member.clone()));
                change.touched.push(member.clone());
            }
            Some(before) => {
                if before.roles.iter().any(|id| changed_roles.contains(id)) {
                    change.touched.push(before.clone());
                }
            }
        }
        after.push(member);
    }
    let wanted: HashSet<String> = document.members.iter().map(|member| text::key(&member.email)).collect();
    for member in members.iter().filter(|member| !wanted.contains(&text::key(&member.email))) {
        let mut gone = Member { version: member.version + 1, ..member.clone() };
        gone.roles.retain(|id| roles.get(*id).is_some());
        if member.state == MemberState::Active {
            gone.state = MemberState::Revoked;
            differences.push(Difference::of(DifferenceKind::Removed, "member", &member.email, Vec::new()));
        } else if gone.roles == member.roles {
            continue;
        }
        // Who is revoked keeps what is left of their roles, should they come back.
        if gone.system_role.is_none() && gone.roles.is_empty() {
            gone.system_role = Some(SystemRole::Member);
        }
        change.writes.push(RulesWrite::UpdateMember(gone.clone()));
        change.touched.push(gone);
    }
    Ok(after)
}

/// The roles that a member of a document is given.
#[derive(Default)]
struct Named {
    system_role: Option<SystemRole>,
    roles: Vec<RoleId>,
}

/// The roles of each member of `document`, or everything that is wrong with any of them.
fn check_members(roles: &Roles, document: &Document) -> Result<Vec<Named>, Refusal> {
    let known: HashMap<String, RoleId> = roles.iter().map(|role| (text::key(&role.name), role.id)).collect();
    let mut violations = Vec::new();
    let all = document
        .members
        .iter()
        .enumerate()
        .map(|(index, wanted)| {
            check_member(&known, &format!("document.members[{index}]"), wanted, &mut violations)
        })
        .collect();
    if violations.is_empty() { Ok(all) } else { Err(Refusal::Invalid(violations)) }
}

fn check_member(
    known: &HashMap<String, RoleId>,
    field: &str,
    wanted: &DocumentMember,
    violations: &mut Vec<Violation>,
) -> Named {
    let mut named = Named::default();
    for (place, name) in wanted.roles.iter().enumerate() {
        let problem = match (SystemRole::parse(name), known.get(&text::key(name))) {
            (Some(given), _) => match named.system_role {
                None => {
                    named.system_role = Some(given);
                    continue;
                }
                Some(has) if has == given => "is named twice",
                Some(_) => "is a second system role: a member has one at the most",
            },
            (None, Some(id)) if !named.roles.contains(id) => {
                named.roles.push(*id);
                continue;
            }
            (None, Some(_)) => "is named twice",
            (None, None) => "is neither a system role nor a role of the document",
        };
        violations.push(Violation::new(format!("{field}.roles[{place}]"), problem));
    }
    if wanted.roles.is_empty() {
        violations.push(Violation::new(format!("{field}.roles"), "must name a role: leave out who has none"));
    }
    if named.roles.len() > limits::MEMBER_ROLES {
        let text = format!("must name at most {} custom roles", limits::MEMBER_ROLES);
        violations.push(Violation::new(format!("{field}.roles"), text));
    }
    let may_have_right =
        matches!(named.system_role, Some(SystemRole::Editor | SystemRole::Admin | SystemRole::Approver));
    if wanted.approval_right && !may_have_right {
        violations.push(Violation::new(format!("{field}.approval_right"), "can be given to an EDITOR only"));
    }
    named.roles.sort();
    named
}

/// The member as the document wants them.
fn wanted_member(
    context: &Context<'_>,
    roles: &Roles,
    wanted: &DocumentMember,
    named: Named,
    before: Option<&Member>,
    new_id: &mut impl FnMut() -> Uuid,
) -> Result<Member, Refusal> {
    let system_role = named.system_role;
    check_one_scope(named.roles.iter().filter_map(|id| roles.get(*id)), &wanted.email)?;
    let active_before = before.filter(|member| member.state == MemberState::Active);
    if active_before.is_none_or(|member| member.system_role != system_role) {
        check_assignable(context, system_role)?;
    }
    let asked = match system_role {
        Some(SystemRole::Editor) => Some(wanted.approval_right),
        _ => Some(true).filter(|_| wanted.approval_right),
    };
    Ok(Member {
        account_id: context.account.id,
        id: before.map_or_else(|| MemberId(new_id()), |member| member.id),
        email: wanted.email.clone(),
        display_name: wanted.display_name.clone(),
        locale: wanted.locale.clone(),
        time_zone: before.and_then(|member| member.time_zone.clone()),
        system_role,
        roles: named.roles,
        approval_right: settle_right(system_role, asked, false)?,
        state: MemberState::Active,
        version: before.map_or(1, |member| member.version + 1),
        created_at: before.map_or(context.now, |member| member.created_at),
    })
}

fn lines_of_role(before: Option<&Role>, after: &Role) -> Vec<String> {
    let accesses = |role: &Role| {
        let all: Vec<String> = role
            .accesses
            .iter()
            .map(|(component, rights)| format!("{component} {}", words(*rights)))
            .collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    let scope = |role: &Role| role.scope.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    let text = |role: &Role| [role.name.clone(), accesses(role), scope(role), role.masks_pii.to_string()];
    // A new role's name is told already.
    lines(["name", "accesses", "scope", "masks_pii"], before.map(text).as_ref(), &text(after), "name")
}

/// A line for each text that differs: each is written so that no two things read the same. Or a line for each that there
/// is where there was none before, but for `told`.
fn lines<const N: usize>(
    what: [&str; N],
    before: Option<&[String; N]>,
    after: &[String; N],
    told: &str,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, what) in what.into_iter().enumerate() {
        match before.map(|before| &before[index]) {
            None if what != told => lines.push(format!("{what}: {}", after[index])),
            Some(before) if *before != after[index] => {
                lines.push(format!("{what}: {before} → {}", after[index]));
            }
            None | Some(_) => {}
        }
    }
    lines
}

fn words(rights: Rights) -> &'static str {
    match (rights.write, rights.approve) {
        (true, true) => "WRITE and APPROVE",
        (true, false) => "WRITE",
        (false, true) => "APPROVE",
        (false, false) => "READ",
    }
}

fn lines_of_member(
    roles_before: &Roles,
    roles_after: &Roles,
    before: Option<&Member>,
    after: &Member,
) -> Vec<String> {
    // A role that is only written otherwise from now on is no change of its holders.
    let name_of = |id| roles_after.get(id).or_else(|| roles_before.get(id)).map(|role| role.name.clone());
    let text = |member: &Member| {
        [
            member.state.as_str().to_owned(),
            member.email.clone(),
            member.display_name.clone(),
            member.locale.clone(),
            listed(names_of(name_of, member)),
            member.approval_right.to_string(),
        ]
    };
    let what = ["state", "email", "display_name", "locale", "roles", "approval_right"];
    lines(what, before.map(text).as_ref(), &text(after), "email")
}
