//! The history of an account (ACC-17): changes of its members, roles, invitations, policies and lifecycles, and of itself. It is told from
//! the very writes of a change of the rules, so that no command can forget it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::{
    Account, AccountId, AccountState, ActorRef, Context, Invitation, InvitationId, Member, MemberId,
    MemberState, Policy, Role, RulesChange, RulesWrite, Timestamp, access::Rights, history::chain::EntryHash,
    invitation::InvitationState, lifecycle::Registered, membership::Given,
};

/// A kind of things whose changes are history of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// The account itself.
    Account,
    /// A member, by id.
    Member,
    /// A custom role, by id.
    Role,
    /// An invitation, by id.
    Invitation,
    /// An area's policy, by the area.
    Policy,
    /// The lifecycle of a kind of the account's own, by the kind.
    Lifecycle,
}

impl SubjectKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Account, Self::Member, Self::Role, Self::Invitation, Self::Policy, Self::Lifecycle];

    /// The name that the API and the database use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "ACCOUNT",
            Self::Member => "MEMBER",
            Self::Role => "ROLE",
            Self::Invitation => "INVITATION",
            Self::Policy => "POLICY",
            Self::Lifecycle => "LIFECYCLE",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $name:ident => $text:literal),+ $(,)?) => {
        /// What happened to the subject.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AccountEvent { $($(#[doc = $doc])+ $name),+ }

        impl AccountEvent {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name that the API and the database use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

events! {
    /// The account was created.
    AccountCreated => "ACCOUNT_CREATED",
    /// Its name or features changed.
    AccountChanged => "ACCOUNT_CHANGED",
    /// It was made read only.
    AccountSuspended => "ACCOUNT_SUSPENDED",
    /// Its suspension ended, or its deletion was taken back.
    AccountResumed => "ACCOUNT_RESUMED",
    /// It was deleted, and is erased later.
    AccountDeleted => "ACCOUNT_DELETED",
    /// A member was added.
    MemberCreated => "MEMBER_CREATED",
    /// A member's address, name, language, roles or approval right changed.
    MemberChanged => "MEMBER_CHANGED",
    /// A member lost access.
    MemberRevoked => "MEMBER_REVOKED",
    /// A member has access again.
    MemberRestored => "MEMBER_RESTORED",
    /// A custom role was made.
    RoleCreated => "ROLE_CREATED",
    /// A custom role changed.
    RoleChanged => "ROLE_CHANGED",
    /// A custom role was deleted.
    RoleDeleted => "ROLE_DELETED",
    /// Somebody was invited.
    InvitationCreated => "INVITATION_CREATED",
    /// An invitation was sent again.
    InvitationResent => "INVITATION_RESENT",
    /// An invitation was taken back, or made void because its address has joined or lost access.
    InvitationWithdrawn => "INVITATION_WITHDRAWN",
    /// An invitation was accepted.
    InvitationAccepted => "INVITATION_ACCEPTED",
    /// A policy changed.
    PolicyChanged => "POLICY_CHANGED",
    /// A lifecycle, or a further version of one, was registered.
    LifecycleRegistered => "LIFECYCLE_REGISTERED",
    /// A lifecycle was retired.
    LifecycleRetired => "LIFECYCLE_RETIRED",
}

impl AccountEvent {
    /// The event of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.as_str() == name)
    }
}

/// What changed of one subject. Each side is a JSON object, in canonical form, of what differs; empty where there was or is no subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// What happened.
    pub event: AccountEvent,
    /// What the subject is.
    pub kind: SubjectKind,
    /// Its id.
    pub subject: String,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

/// An entry of the account's history, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEntry {
    /// The account.
    pub account_id: AccountId,
    /// Counts 1, 2, 3 … per account, without gaps.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: ActorRef,
    /// What changed. The event's and the kind's names as they are kept: later versions write more.
    pub change: KeptChange,
    /// The entry's hash.
    pub hash: Option<EntryHash>,
}

/// As [`AccountChange`], with names as they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptChange {
    /// What happened.
    pub event: String,
    /// What the subject is.
    pub kind: String,
    /// Its id.
    pub subject: String,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

/// What was known before, beside the context.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Members as they were.
    pub members: &'a [Member],
    /// The member with the address concerned.
    pub other: Option<&'a Member>,
    /// The invitation concerned, as it was.
    pub invitation: Option<&'a Invitation>,
}

/// What a change of the rules means for the account's history, in the order of its writes. Invitations that are withdrawn with an address
/// are told by whoever finds them: [`withdrawn`].
pub fn changes(context: &Context<'_>, known: Known<'_>, change: &RulesChange) -> Vec<AccountChange> {
    let members: HashMap<MemberId, &Member> =
        known.members.iter().chain(known.other).map(|member| (member.id, member)).collect();
    let member = |id: MemberId| members.get(&id).copied().or_else(|| context.directory.get(id));
    change.writes.iter().filter_map(|write| one(context, known, member, write)).collect()
}

fn one<'a>(
    context: &'a Context<'_>,
    known: Known<'_>,
    member: impl Fn(MemberId) -> Option<&'a Member>,
    write: &RulesWrite,
) -> Option<AccountChange> {
    use AccountEvent as E;
    use SubjectKind as K;
    match write {
        RulesWrite::Account(after) => {
            let event = match (context.account.state, after.state) {
                (before, after) if before == after => E::AccountChanged,
                (_, AccountState::Suspended) => E::AccountSuspended,
                (_, AccountState::Active) => E::AccountResumed,
                (_, AccountState::Deleted { .. }) => E::AccountDeleted,
            };
            differing(event, K::Account, after.id.to_string(), of_account(context.account), of_account(after))
        }
        RulesWrite::InsertMember(after) => Some(member_created(after)),
        RulesWrite::UpdateMember(after) => {
            let before = member(after.id);
            let event = match (before.map(|before| before.state), after.state) {
                (Some(MemberState::Active), MemberState::Revoked) => E::MemberRevoked,
                (Some(MemberState::Revoked), MemberState::Active) => E::MemberRestored,
                _ => E::MemberChanged,
            };
            let before = before.map(of_member).unwrap_or_default();
            differing(event, K::Member, after.id.to_string(), before, of_member(after))
        }
        RulesWrite::InsertRole(role) => {
            differing(E::RoleCreated, K::Role, role.id.to_string(), Map::new(), of_role(role))
        }
        RulesWrite::UpdateRole(role) => {
            let before = context.roles.get(role.id).map(of_role).unwrap_or_default();
            differing(E::RoleChanged, K::Role, role.id.to_string(), before, of_role(role))
        }
        RulesWrite::DeleteRole(id) => {
            let before = context.roles.get(*id).map(of_role).unwrap_or_default();
            Some(told(E::RoleDeleted, K::Role, id.to_string(), &before, &Map::new()))
        }
        RulesWrite::Policy(policy) => {
            let before = of_policy(context.policies.of(&policy.area));
            differing(E::PolicyChanged, K::Policy, policy.area.to_string(), before, of_policy(policy))
        }
        RulesWrite::InsertLifecycle(registered) => Some(of_lifecycle(E::LifecycleRegistered, registered)),
        RulesWrite::RetireLifecycle(registered) => Some(of_lifecycle(E::LifecycleRetired, registered)),
        RulesWrite::InsertInvitation(after) => {
            let after_it = of_invitation(after);
            differing(E::InvitationCreated, K::Invitation, after.id.to_string(), Map::new(), after_it)
        }
        RulesWrite::UpdateInvitation(after) => {
            let event = match after.state {
                InvitationState::Pending => E::InvitationResent,
                InvitationState::Accepted(_) => E::InvitationAccepted,
                InvitationState::Withdrawn => E::InvitationWithdrawn,
            };
            let before = known.invitation.filter(|before| before.id == after.id);
            let before = before.map(of_invitation).unwrap_or_default();
            differing(event, K::Invitation, after.id.to_string(), before, of_invitation(after))
        }
        // The one is written with its policy, the other told by whoever finds the invitations.
        RulesWrite::RecordPolicy(..) | RulesWrite::WithdrawInvitations(_) => None,
    }
}

/// A new account with its first Admin.
pub fn created(account: &Account, admin: &Member) -> Vec<AccountChange> {
    let event = AccountEvent::AccountCreated;
    let account =
        told(event, SubjectKind::Account, account.id.to_string(), &Map::new(), &of_account(account));
    vec![account, member_created(admin)]
}

/// An invitation that was withdrawn because its address joined or lost access.
pub fn withdrawn(id: InvitationId) -> AccountChange {
    let state = |state: &str| object(json!({ "state": state }));
    let event = AccountEvent::InvitationWithdrawn;
    told(event, SubjectKind::Invitation, id.to_string(), &state("PENDING"), &state("WITHDRAWN"))
}

fn member_created(member: &Member) -> AccountChange {
    let event = AccountEvent::MemberCreated;
    told(event, SubjectKind::Member, member.id.to_string(), &Map::new(), &of_member(member))
}

type Object = Map<String, Value>;

/// With what differs; none where nothing does.
fn differing(
    event: AccountEvent,
    kind: SubjectKind,
    subject: String,
    mut from: Object,
    mut to: Object,
) -> Option<AccountChange> {
    let same: Vec<String> = from
        .iter()
        .filter(|(name, value)| to.get(*name) == Some(value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in same {
        from.remove(&name);
        to.remove(&name);
    }
    (from != to).then(|| told(event, kind, subject, &from, &to))
}

fn told(
    event: AccountEvent,
    kind: SubjectKind,
    subject: String,
    from: &Object,
    to: &Object,
) -> AccountChange {
    AccountChange { event, kind, subject, from: text(from), to: text(to) }
}

/// In canonical form (RFC 8785); nothing for nothing.
fn text(object: &Object) -> String {
    if object.is_empty() {
        return String::new();
    }
    // Maps with text as keys, lists and whole numbers: nothing that has no canonical form.
    serde_json_canonicalizer::to_string(object).unwrap_or_default()
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

// Each takes its subject apart field by field, so that whoever adds a field decides whether it is history.

fn of_account(account: &Account) -> Object {
    let Account { id: _, name, features, state, time_zone, rules_version: _, created_at: _ } = account;
    let erase_at = match state {
        AccountState::Deleted { erase_at } => Some(erase_at.0),
        AccountState::Active | AccountState::Suspended => None,
    };
    object(json!({
        "name": name,
        "features": features.iter().map(|feature| feature.as_str()).collect::<Vec<_>>(),
        "state": state.as_str(),
        "erase_at_us": erase_at,
        "time_zone": time_zone,
    }))
}

/// An address with only its domain: history outlives the account, and an address must not. Whose it is, the subject says.
fn without_name(email: &str) -> String {
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    format!("{}@{domain}", crate::mask::MASK)
}

fn of_member(member: &Member) -> Object {
    let Member {
        account_id: _,
        id: _,
        email,
        display_name: _,
        locale,
        time_zone,
        system_role,
        roles,
        approval_right,
        state,
        version: _,
        created_at: _,
    } = member;
    let mut roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
    roles.sort_unstable();
    object(json!({
        "email": without_name(email),
        // As of an address: what people are called ends with the account.
        "display_name": crate::mask::MASK,
        "locale": locale,
        "time_zone": time_zone,
        "system_role": system_role.map(crate::SystemRole::as_str),
        "role_ids": roles,
        "approval_right": approval_right,
        "state": state.as_str(),
    }))
}

fn of_role(role: &Role) -> Object {
    let Role {
        account_id: _,
        id: _,
        name,
        accesses,
        scope,
        masks_pii,
        version: _,
        created_at: _,
        updated_at: _,
    } = role;
    let accesses: Object =
        accesses.iter().map(|(component, rights)| (component.to_string(), of_rights(*rights))).collect();
    let scope = scope.as_ref().map(|scope| json!({ "property": scope.property, "values": scope.values }));
    object(json!({ "name": name, "accesses": accesses, "scope": scope, "masks_pii": masks_pii }))
}

fn of_rights(rights: Rights) -> Value {
    let names = [("READ", rights.read), ("WRITE", rights.write), ("APPROVE", rights.approve)];
    names.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
}

/// All that a policy says, whatever it is: what is added to policies is history by itself.
fn of_policy(policy: &Policy) -> Object {
    let mut all = object(serde_json::to_value(policy).unwrap_or_default());
    // The area is the subject, and that it changed, and when, is what the entry says.
    // Who is held follows from the entries.
    for name in ["area", "version", "updated_at", "held"] {
        all.remove(name);
    }
    all.into_iter().map(|(name, value)| (name, span(value))).collect()
}

/// A span of time as its seconds, with an `s`, as in protobuf's JSON; everything else as it is.
fn span(value: Value) -> Value {
    let parts = |value: &Value| Some((value.get("secs")?.as_u64()?, value.get("nanos")?.as_u64()?));
    match parts(&value) {
        Some((seconds, 0)) => Value::String(format!("{seconds}s")),
        Some((seconds, nanos)) => {
            let fraction = format!("{nanos:09}");
            Value::String(format!("{seconds}.{}s", fraction.trim_end_matches('0')))
        }
        None => value,
    }
}

fn of_lifecycle(event: AccountEvent, registered: &Registered) -> AccountChange {
    let lifecycle = &registered.lifecycle;
    let to = json!({ "version": lifecycle.version, "area": lifecycle.area.as_str() });
    told(event, SubjectKind::Lifecycle, lifecycle.kind.as_str().to_owned(), &Map::new(), &object(to))
}

/// Without its token, of which not even the hash is anybody's to read.
fn of_invitation(invitation: &Invitation) -> Object {
    let Invitation {
        account_id: _,
        id: _,
        email,
        locale,
        given,
        token: _,
        state,
        invited_by: _,
        created_at: _,
        expires_at,
        version: _,
    } = invitation;
    let Given { system_role, roles, approval_right } = given;
    let member = match state {
        InvitationState::Accepted(member) => Some(member.to_string()),
        InvitationState::Pending | InvitationState::Withdrawn => None,
    };
    object(json!({
        "email": without_name(email),
        "locale": locale,
        "system_role": system_role.map(crate::SystemRole::as_str),
        "role_ids": roles.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "approval_right": approval_right,
        "state": state.as_str(),
        "member_id": member,
        "expires_at_us": expires_at.0,
    }))
}
