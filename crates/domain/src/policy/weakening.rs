//! Policies that get weaker (POL-9): which settings did, and who may not use it for a while.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cancellation, Policy};
use crate::{MemberId, Timestamp};

/// A setting that protects less than it did. Values are as protobuf's JSON writes them: `2`, `true`, `3600s`, `WRITERS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weakening {
    /// The setting, as the API names it.
    pub setting: &'static str,
    /// What it was.
    pub before: String,
    /// What it is.
    pub after: String,
}

/// A member who made a policy weaker, and may not use that until the time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The member.
    pub member: MemberId,
    /// Until when: from then on they may.
    pub until: Timestamp,
}

/// The settings by which `after` is weaker than `before`: fewer approvals, self-approval or approval by authors allowed, a shorter lead
/// time, a longer age, cancellation opened, a shorter time of cooling off, the workflow off.
pub fn weakenings(before: &Policy, after: &Policy) -> Vec<Weakening> {
    // Never is longer than any age.
    let age = |policy: &Policy| policy.request_max_age.unwrap_or(Duration::MAX);
    let of = |setting, is_weaker: bool, shown: fn(&Policy) -> String| {
        is_weaker.then(|| Weakening { setting, before: shown(before), after: shown(after) })
    };
    let cancellation_opened =
        before.cancellation == Cancellation::Nobody && after.cancellation == Cancellation::Writers;
    [
        of("enabled", before.enabled && !after.enabled, |it| it.enabled.to_string()),
        of("required_approvals", after.required_approvals < before.required_approvals, |it| {
            it.required_approvals.to_string()
        }),
        of("allow_self_approval", after.allow_self_approval && !before.allow_self_approval, |it| {
            it.allow_self_approval.to_string()
        }),
        of("exclude_authors", before.exclude_authors && !after.exclude_authors, |it| {
            it.exclude_authors.to_string()
        }),
        of("cancellation", cancellation_opened, |it| it.cancellation.as_str().to_owned()),
        of("request_max_age", age(after) > age(before), |it| seconds(it.request_max_age.unwrap_or_default())),
        of("minimum_lead_time", after.minimum_lead_time < before.minimum_lead_time, |it| {
            seconds(it.minimum_lead_time)
        }),
        of("cooling_off", after.cooling_off < before.cooling_off, |it| seconds(it.cooling_off)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Settings of time are whole seconds.
fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs())
}

impl Policy {
    /// Until when `member` may not use what they made weaker; none if they may.
    pub fn held_until(&self, member: MemberId, now: Timestamp) -> Option<Timestamp> {
        let of_them = self.held_at(now).filter(|held| held.member == member);
        of_them.map(|held| held.until).max()
    }

    /// Those who may not yet use what they made weaker.
    pub fn held_at(&self, now: Timestamp) -> impl Iterator<Item = Held> {
        self.held.iter().copied().filter(move |held| held.until > now)
    }

    /// This policy with `member` held for its time of cooling off, or for that of the policy `before`, whichever is longer: that it
    /// gets shorter is a weakening itself. Who was held longer stays so; those whose time has passed are forgotten.
    pub(super) fn holding(mut self, member: Option<MemberId>, before: &Self, now: Timestamp) -> Self {
        let until = now.plus(before.cooling_off.max(self.cooling_off));
        let member = member.filter(|_| until > now);
        let mut held: Vec<Held> = before.held_at(now).filter(|it| Some(it.member) != member).collect();
        held.extend(member.map(|member| {
            let earlier = before.held_until(member, now);
            Held { member, until: earlier.map_or(until, |earlier| earlier.max(until)) }
        }));
        self.held = held;
        self
    }
}
