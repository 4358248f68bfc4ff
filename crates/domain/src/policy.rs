//! Policy: the terms on which an area's changes need a second signature (POL).

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::LazyLock, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Context, MemberId, Refusal, Timestamp, Violation,
    account::Feature,
    limits,
    outcome::{Event, EventKind},
    perform::check_version,
    permission::require_admin,
    recipients,
    refusal::Permission,
    rules::Told,
};

pub use weakening::{Held, Weakening, weakenings};

mod weakening;

/// What one toggle switches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Area(Cow<'static, str>);

impl Area {
    /// Campaigns.
    pub const CAMPAIGNS: Self = Self(Cow::Borrowed("CAMPAIGNS"));
    /// A/B tests and remote config variables together (D3).
    pub const PRODUCT_EXPERIENCES: Self = Self(Cow::Borrowed("PRODUCT_EXPERIENCES"));
    /// The built-in ones, which every account has. What a rule says of `PRODUCT_EXPERIENCES` holds for each area of an account's own
    /// too (LIF-24).
    pub const BUILT_IN: [Self; 2] = [Self::CAMPAIGNS, Self::PRODUCT_EXPERIENCES];

    /// An area read from storage or given by a caller.
    pub fn given(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// The name that the API uses.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The feature that the area's workflow needs (POL-1); an area of an account's own needs none.
    pub fn feature(&self) -> Option<Feature> {
        if *self == Self::CAMPAIGNS {
            Some(Feature::CampaignApproval)
        } else if *self == Self::PRODUCT_EXPERIENCES {
            Some(Feature::AbTesting)
        } else {
            None
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who may cancel a pending request (REQ-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Cancellation {
    /// Nobody.
    Nobody,
    /// Whoever may write the resource's kind, assigned approvers and Admins.
    Writers,
}

impl Cancellation {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Nobody, Self::Writers];

    /// The name that the database and events use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "NOBODY",
            Self::Writers => "WRITERS",
        }
    }
}

/// The policy of one area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting that is on or off")]
pub struct Policy {
    /// The area.
    pub area: Area,
    /// Whether the workflow is on (POL-1).
    pub enabled: bool,
    /// How many approvals a request needs (POL-3).
    pub required_approvals: u8,
    /// Whether submitters may decide their own requests (POL-4).
    pub allow_self_approval: bool,
    /// Whether those who wrote what a request is about may not decide it, as little as its submitter (REQ-23).
    pub exclude_authors: bool,
    /// Whether a rejection needs a note (REQ-12).
    pub rejection_note_required: bool,
    /// Who may cancel (REQ-17).
    pub cancellation: Cancellation,
    /// After this a request without another deadline expires; none: never (REQ-14).
    pub request_max_age: Option<Duration>,
    /// After this those who are asked to decide are reminded; none: never (NOT-8).
    pub reminder_after: Option<Duration>,
    /// How far ahead an ACTIVE launch must start (POL-6).
    pub minimum_lead_time: Duration,
    /// How long whoever makes the policy weaker can't use that (POL-9).
    pub cooling_off: Duration,
    /// Those who made it weaker so lately that they can't yet.
    pub held: Vec<Held>,
    /// Changes with every change; 0 while it is the default.
    pub version: i64,
    /// When it last changed; none while it is the default.
    pub updated_at: Option<Timestamp>,
}

impl Policy {
    /// The defaults of `area` (POL-1, POL-3, POL-4, POL-7, REQ-12, REQ-17).
    pub fn default_of(area: Area) -> Self {
        let campaigns = area == Area::CAMPAIGNS;
        Self {
            area,
            enabled: false,
            required_approvals: 1,
            allow_self_approval: false,
            exclude_authors: false,
            rejection_note_required: campaigns,
            cancellation: if campaigns { Cancellation::Writers } else { Cancellation::Nobody },
            request_max_age: None,
            reminder_after: None,
            minimum_lead_time: Duration::ZERO,
            cooling_off: Duration::ZERO,
            held: Vec::new(),
            version: 0,
            updated_at: None,
        }
    }

    /// Whether `member` is kept from deciding what `submitter` submits and `authors` wrote (REQ-5, REQ-23). Self-approval does not open
    /// to its author what is closed to authors.
    pub fn excludes(&self, member: MemberId, submitter: Option<MemberId>, authors: &[MemberId]) -> bool {
        (!self.allow_self_approval && submitter == Some(member))
            || (self.exclude_authors && authors.contains(&member))
    }
}

/// The policy of an account, area by area. The built-in areas are always among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies(BTreeMap<Area, Policy>);

impl Default for Policies {
    fn default() -> Self {
        Self::new([], [])
    }
}

impl Policies {
    /// The policies as `set`, and the defaults of the built-in areas and of `own` ones where none is.
    pub fn new(own: impl IntoIterator<Item = Area>, set: impl IntoIterator<Item = Policy>) -> Self {
        let areas = Area::BUILT_IN.into_iter().chain(own);
        let defaults = areas.map(|area| (area.clone(), Policy::default_of(area)));
        let mut policies = Self(defaults.collect());
        policies.0.extend(set.into_iter().map(|policy| (policy.area.clone(), policy)));
        policies
    }

    /// Whether the workflow of any area is on.
    pub fn some_workflow_is_on(&self) -> bool {
        self.0.values().any(|policy| policy.enabled)
    }

    /// With this policy in the place of its area's.
    #[must_use]
    pub fn with(&self, policy: Policy) -> Self {
        let mut after = self.clone();
        after.0.insert(policy.area.clone(), policy);
        after
    }

    /// The areas: the built-in ones and the account's own.
    pub fn areas(&self) -> impl Iterator<Item = &Area> {
        self.0.keys()
    }

    /// Whether the account has this area.
    pub fn has(&self, area: &Area) -> bool {
        self.0.contains_key(area)
    }

    /// The policy of `area`. One that the account does not have has no workflow.
    pub fn of(&self, area: &Area) -> &Policy {
        static NONE: LazyLock<Policy> = LazyLock::new(|| Policy::default_of(Area::given("NONE")));
        self.0.get(area).unwrap_or_else(|| &NONE)
    }
}

/// The violation of an area that the account does not have.
pub fn unknown_area(policies: &Policies) -> Violation {
    let names: Vec<&str> = policies.areas().map(Area::as_str).collect();
    Violation::new("area", format!("must be one of {}", names.join(", ")))
}

/// A change of a policy. What is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct PolicyChange {
    /// The version of the policy that the change was made from, if the actor says so.
    pub expected_version: Option<i64>,
    /// Switches the workflow.
    pub enabled: Option<bool>,
    /// How many approvals a request needs.
    pub required_approvals: Option<u8>,
    /// Whether submitters may decide their own requests.
    pub allow_self_approval: Option<bool>,
    /// Whether those who wrote what a request is about may not decide it.
    pub exclude_authors: Option<bool>,
    /// Whether a rejection needs a note.
    pub rejection_note_required: Option<bool>,
    /// Who may cancel.
    pub cancellation: Option<Cancellation>,
    /// After this a request without another deadline expires; zero: never.
    pub request_max_age: Option<Duration>,
    /// After this those who are asked to decide are reminded; zero: never.
    pub reminder_after: Option<Duration>,
    /// How far ahead an ACTIVE launch must start.
    pub minimum_lead_time: Option<Duration>,
    /// How long whoever makes the policy weaker can't use that.
    pub cooling_off: Option<Duration>,
}

/// Changes the policy of `area`: Admins only, and the workflow only with its feature (POL-1). `pending` is how many of the
/// area's requests are pending: those that a switch off has still to revert must be done before it is switched on again, or they
/// would be pending once more (POL-2). With the policy comes what is told: that it was switched (NOT-7), that it got weaker (POL-9).
pub fn change(
    context: &Context<'_>,
    area: &Area,
    pending: u64,
    change: &PolicyChange,
) -> Result<(Policy, Vec<Told>), Refusal> {
    require_admin(context, Permission::ManagePolicy)?;
    context.check_area(area)?;
    let before = context.policies.of(area);
    check_version(change.expected_version, before.version)?;
    check_limits(change)?;
    let after = Policy {
        area: area.clone(),
        enabled: change.enabled.unwrap_or(before.enabled),
        required_approvals: change.required_approvals.unwrap_or(before.required_approvals),
        allow_self_approval: change.allow_self_approval.unwrap_or(before.allow_self_approval),
        exclude_authors: change.exclude_authors.unwrap_or(before.exclude_authors),
        rejection_note_required: change.rejection_note_required.unwrap_or(before.rejection_note_required),
        cancellation: change.cancellation.unwrap_or(before.cancellation),
        request_max_age: unless_zero(change.request_max_age, before.request_max_age),
        reminder_after: unless_zero(change.reminder_after, before.reminder_after),
        minimum_lead_time: change.minimum_lead_time.unwrap_or(before.minimum_lead_time),
        cooling_off: change.cooling_off.unwrap_or(before.cooling_off),
        held: Vec::new(),
        version: before.version + 1,
        updated_at: Some(context.now),
    };
    let missing = area.feature().filter(|feature| !context.account.features.contains(feature));
    if let (false, true, Some(feature)) = (before.enabled, after.enabled, missing) {
        return Err(Refusal::FeatureMissing { area: area.clone(), feature });
    }
    if after.enabled && !before.enabled && pending > 0 {
        return Err(Refusal::RequestsPending { area: area.clone(), pending });
    }
    let kind = match (before.enabled, after.enabled) {
        (false, true) => Some(EventKind::WorkflowEnabled),
        (true, false) => Some(EventKind::WorkflowDisabled),
        _ => None,
    };
    let weakened = weakenings(before, &after);
    let actor = context.actor.active_member().map(|member| member.id).filter(|_| !weakened.is_empty());
    let after = after.holding(actor, before, context.now);
    let event = |kind| Event { kind, recipients: recipients::of_workflow_switch(context, area) };
    let switched = kind.map(|kind| Told::Workflow(after.clone(), event(kind)));
    // Of a workflow that is switched off, and of nothing else, that event tells enough.
    let is_worth_telling = weakened.iter().any(|it| it.setting != "enabled");
    let weaker =
        is_worth_telling.then(|| Told::Weakened(after.clone(), weakened, event(EventKind::PolicyWeakened)));
    Ok((after, switched.into_iter().chain(weaker).collect()))
}

/// What is given, where zero means none, or what was before.
fn unless_zero(given: Option<Duration>, before: Option<Duration>) -> Option<Duration> {
    given.map_or(before, |given| Some(given).filter(|given| !given.is_zero()))
}

fn check_limits(change: &PolicyChange) -> Result<(), Refusal> {
    let mut violations = Vec::new();
    let range = limits::REQUIRED_APPROVALS;
    if change.required_approvals.is_some_and(|approvals| !range.contains(&approvals)) {
        let problem = format!("must be {} to {}", range.start(), range.end());
        violations.push(Violation::new("required_approvals", problem));
    }
    for (field, given, limit) in [
        ("request_max_age", change.request_max_age, limits::REQUEST_MAX_AGE),
        ("reminder_after", change.reminder_after, limits::REMINDER_AFTER),
        ("minimum_lead_time", change.minimum_lead_time, limits::MINIMUM_LEAD_TIME),
        ("cooling_off", change.cooling_off, limits::COOLING_OFF),
    ] {
        if given.is_some_and(|given| given > limit) {
            let days = limit.as_secs() / (24 * 60 * 60);
            violations.push(Violation::new(field, format!("must be at most {days} days")));
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Refusal::Invalid(violations)) }
}
