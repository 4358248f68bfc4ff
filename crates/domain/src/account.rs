//! Accounts, who acts in them, and what every decision starts from.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, MemberId, Refusal, Resource, Timestamp,
    access::{Access, Audience, Component, Rights, Roles},
    lifecycle::{Kind, Lifecycle, Lifecycles, unknown_kind},
    member::{Member, MemberState},
    policy::{Area, Policies, unknown_area},
};

/// What an account may use beyond the basics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// The workflow of CAMPAIGNS (A4).
    CampaignApproval,
    /// The workflow of `PRODUCT_EXPERIENCES` (D3).
    AbTesting,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::CampaignApproval, Self::AbTesting];

    /// The name that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CampaignApproval => "campaign_approval",
            Self::AbTesting => "ab_testing",
        }
    }

    /// The feature of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.as_str() == name)
    }
}

/// Whether an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// Everything works.
    Active,
    /// Reads only.
    Suspended,
    /// Reads only, until it is erased.
    Deleted {
        /// When it is erased.
        erase_at: Timestamp,
    },
}

impl AccountState {
    /// The name that the API and the database use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::Deleted { .. } => "DELETED",
        }
    }
}

/// The tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// A name for people.
    pub name: String,
    /// What it may use.
    pub features: BTreeSet<Feature>,
    /// Whether it can be used.
    pub state: AccountState,
    /// The time zone of members who have none of their own, by its name in IANA's database; UTC where there is none.
    pub time_zone: Option<String>,
    /// Counts up with every change of what a decision relies on besides the resource and its request: members, roles,
    /// rights and policy. A commit is guarded by it (REQ-9).
    pub rules_version: i64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Who did something, as history and events record it: the name as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorRef {
    /// The member; none for the platform's operator and for Countersign itself.
    pub member_id: Option<MemberId>,
    /// The display name; `platform` or `countersign` where there is no member.
    pub name: String,
    /// The service that acted for the member, if one did.
    pub service: Option<String>,
}

impl ActorRef {
    /// Countersign itself: a timer.
    pub fn countersign() -> Self {
        Self { member_id: None, name: "countersign".into(), service: None }
    }
}

/// Who makes a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A member of the account, active or not; `service` is the service that acts for them, if one does.
    Member {
        /// The member.
        member: Member,
        /// The service that acts for the member.
        service: Option<String>,
    },
    /// Somebody who is no member of this account.
    Stranger,
    /// The platform's operator, who runs accounts and is in none.
    Platform,
    /// Countersign itself: a timer.
    Countersign,
}

impl Actor {
    /// The member, if it is an active one.
    pub fn active_member(&self) -> Option<&Member> {
        match self {
            Self::Member { member, .. } if member.state == MemberState::Active => Some(member),
            _ => None,
        }
    }

    /// As history and events record it.
    pub fn to_ref(&self) -> ActorRef {
        match self {
            Self::Member { member, service } => ActorRef {
                member_id: Some(member.id),
                name: member.display_name.clone(),
                service: service.clone(),
            },
            Self::Platform => ActorRef { member_id: None, name: "platform".into(), service: None },
            Self::Stranger | Self::Countersign => ActorRef::countersign(),
        }
    }
}

/// The members that a decision can concern: everybody who could approve anything, and those it names (the actor, the
/// submitter, the owner, chosen approvers).
#[derive(Clone, Debug, Default)]
pub struct Directory {
    approvers: Arc<Vec<Member>>,
    named: Vec<Member>,
}

impl Directory {
    /// `approvers`: every active member who could approve in some area; shared, because it changes seldom. `named`: further
    /// members that the decision names.
    pub fn new(approvers: Arc<Vec<Member>>, named: Vec<Member>) -> Self {
        Self { approvers, named }
    }

    /// With other candidates, and with `changed` in the place of who they were.
    #[must_use]
    pub fn replacing(&self, candidates: Arc<Vec<Member>>, changed: &[Member]) -> Self {
        let is_changed = |member: &&Member| changed.iter().any(|other| other.id == member.id);
        let named = self.named.iter().filter(|member| !is_changed(member)).chain(changed).cloned().collect();
        Self { approvers: candidates, named }
    }

    /// With further members that the decision names.
    #[must_use]
    pub fn knowing(&self, members: Vec<Member>) -> Self {
        let named = self.named.iter().cloned().chain(members).collect();
        Self { approvers: Arc::clone(&self.approvers), named }
    }

    /// The member with this id, if the decision can concern them.
    pub fn get(&self, id: MemberId) -> Option<&Member> {
        self.named.iter().chain(self.approvers.iter()).find(|member| member.id == id)
    }

    /// What to call the member with this id: their id, where the decision doesn't know them.
    pub fn name_of(&self, id: MemberId) -> String {
        self.get(id).map_or_else(|| id.to_string(), |member| member.display_name.clone())
    }

    /// The named members who are not among the approvers.
    pub fn others(&self) -> impl Iterator<Item = &Member> {
        self.named.iter().filter(|named| !self.approvers.iter().any(|member| member.id == named.id))
    }

    /// The active member with this id.
    pub fn active(&self, id: MemberId) -> Option<&Member> {
        self.get(id).filter(|member| member.state == MemberState::Active)
    }

    /// Everybody who might approve something, by id; [`Context::approvers_of`] says who does.
    pub fn candidates(&self) -> &[Member] {
        &self.approvers
    }

    /// Every active Admin.
    pub fn admins(&self) -> impl Iterator<Item = &Member> {
        self.approvers.iter().filter(|member| member.is_admin())
    }
}

/// What every decision starts from.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The account.
    pub account: &'a Account,
    /// Its policy, area by area.
    pub policies: &'a Policies,
    /// Its lifecycles: the built-in ones and its own.
    pub lifecycles: &'a Lifecycles,
    /// Its custom roles.
    pub roles: &'a Roles,
    /// The members concerned.
    pub directory: &'a Directory,
    /// Who makes the call.
    pub actor: &'a Actor,
    /// The time of the decision.
    pub now: Timestamp,
}

impl<'a> Context<'a> {
    /// Whether the workflow of `area` is on.
    pub fn workflow_is_on(&self, area: &Area) -> bool {
        self.policies.of(area).enabled
    }

    /// What `member` may do.
    pub fn access(&self, member: &Member) -> Access<'a> {
        Access::of(member, self.roles, self.policies.some_workflow_is_on())
    }

    /// What the actor may do; nothing for strangers and revoked members.
    pub fn actors_access(&self) -> Option<Access<'a>> {
        self.actor.active_member().map(|member| self.access(member))
    }

    /// Whether PII is masked for the actor (ACC-13); whoever is no member sees none.
    pub fn is_masked(&self) -> bool {
        self.actors_access().is_none_or(|access| access.is_masked())
    }

    /// What the actor may do with `component`, where it is not about one resource.
    pub fn rights(&self, component: &Component) -> Rights {
        self.actors_access().map_or(Rights::NONE, |access| access.rights(component))
    }

    /// The lifecycle that `resource` has: of the version that it began with.
    pub fn lifecycle(&self, resource: &Resource) -> Option<&'a Lifecycle> {
        self.lifecycles.of(resource)
    }

    /// The component of that id: of the tree that every account has, or of an area of this account's own.
    pub fn component(&self, id: &str) -> Option<Component> {
        Component::parse(id).or_else(|| self.components().find(|component| component.as_str() == id).cloned())
    }

    /// That the account has this kind; told to every member, who may see its lifecycles.
    pub fn check_kind(&self, kind: &Kind) -> Result<(), Refusal> {
        let known = self.lifecycles.newest(kind).is_some();
        if known { Ok(()) } else { Err(Refusal::Invalid(vec![unknown_kind(self.lifecycles)])) }
    }

    /// That the account has this area.
    pub fn check_area(&self, area: &Area) -> Result<(), Refusal> {
        let known = self.policies.has(area);
        if known { Ok(()) } else { Err(Refusal::Invalid(vec![unknown_area(self.policies)])) }
    }

    /// The component of each kind.
    pub fn components(&self) -> impl Iterator<Item = &'a Component> + use<'a> {
        self.lifecycles.all().map(|lifecycle| &lifecycle.component)
    }

    /// What the actor may do with `resource`: nothing outside their data scope (ACC-12).
    pub fn rights_on(&self, resource: &Resource) -> Rights {
        match (self.actors_access(), self.lifecycle(resource)) {
            (Some(access), Some(lifecycle)) => access.rights_on(&lifecycle.component, &resource.audience),
            _ => Rights::NONE,
        }
    }

    /// The active approvers of the area that `component` belongs to (ACC-10), by id: of what reaches `audience`, or of anything
    /// at all.
    pub fn approvers_of(
        &self,
        component: &Component,
        audience: Option<&'a Audience>,
    ) -> impl Iterator<Item = &'a Member> + use<'a> {
        let component = component.clone();
        let (roles, some_workflow_is_on) = (self.roles, self.policies.some_workflow_is_on());
        self.directory.candidates().iter().filter(move |member| {
            let access = Access::of(member, roles, some_workflow_is_on);
            let rights = match audience {
                Some(audience) => access.rights_on(&component, audience),
                None => access.rights(&component),
            };
            rights.approve
        })
    }

    /// What is suspended or deleted is only read.
    pub fn check_account_is_active(&self) -> Result<(), Refusal> {
        match self.account.state {
            AccountState::Active => Ok(()),
            state => Err(Refusal::AccountSuspended(state)),
        }
    }
}
