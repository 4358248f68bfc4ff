//! Preferences between the contract and the rules.

use countersign_proto::inbox::{
    Channel, DeliveryMode, EventGroup, Preference, Preferences as Message, UpdatePreferencesRequest,
};

use super::inbox::timestamp;
use super::request::violation;
use super::status::{Refusal, Violation};
use crate::preferences::{CHOICES, Mode, Preferences};
use crate::storage::StoredPreferences;

const MAX_CHANGES: usize = 50;

/// A checked change.
pub(super) struct Change {
    /// The version that it was made from, if that was said.
    pub(super) version: Option<i64>,
    choices: Vec<(EventGroup, Channel, Mode)>,
}

impl Change {
    /// Reads a request. Every choice that can't be made is named.
    pub(super) fn read(request: &UpdatePreferencesRequest) -> Result<Self, Refusal> {
        let mut violations = Vec::new();
        let given = request.preferences.len();
        if !(1..=MAX_CHANGES).contains(&given) {
            let description = format!("must be 1 to {MAX_CHANGES} preferences, are {given}");
            violations.push(violation("preferences", &description));
        }
        let mut choices: Vec<(EventGroup, Channel, Mode)> = Vec::new();
        for (index, preference) in request.preferences.iter().enumerate().take(MAX_CHANGES) {
            let field = format!("preferences[{index}]");
            let Some((group, channel, mode)) = choice(&field, *preference, &mut violations) else { continue };
            if choices.iter().any(|(g, c, _)| (*g, *c) == (group, channel)) {
                violations.push(violation(&field, "names a group and channel again"));
            } else if let Err(refused) = Preferences::default().choose(group, channel, mode) {
                violations.push(violation(&format!("{field}.mode"), &refused.to_string()));
            }
            choices.push((group, channel, mode));
        }
        let version = match request.etag.as_str() {
            "" => None,
            etag => {
                let version = etag.parse().ok();
                if version.is_none() {
                    let description = "is none of this service's: pass on what a read answered";
                    violations.push(violation("etag", description));
                }
                version
            }
        };
        if violations.is_empty() { Ok(Self { version, choices }) } else { Err(Refusal::Invalid(violations)) }
    }

    /// What `preferences` become.
    pub(super) fn apply(&self, mut preferences: Preferences) -> Preferences {
        for (group, channel, mode) in &self.choices {
            // Whether it can be chosen does not depend on what was chosen before, and was checked.
            let _chosen = preferences.choose(*group, *channel, *mode);
        }
        preferences
    }
}

fn choice(
    field: &str,
    preference: Preference,
    violations: &mut Vec<Violation>,
) -> Option<(EventGroup, Channel, Mode)> {
    let group = EventGroup::try_from(preference.group).unwrap_or_default();
    let channel = Channel::try_from(preference.channel).unwrap_or_default();
    let mode = match DeliveryMode::try_from(preference.mode).unwrap_or_default() {
        DeliveryMode::Unspecified => None,
        DeliveryMode::Immediate => Some(Mode::Immediate),
        DeliveryMode::Off => Some(Mode::Off),
        DeliveryMode::Digest => Some(Mode::Digest),
    };
    for (part, missing, description) in [
        ("group", group == EventGroup::Unspecified, "must be an EVENT_GROUP_…"),
        ("channel", channel == Channel::Unspecified, "must be CHANNEL_EMAIL or CHANNEL_RIBBON"),
        (
            "mode",
            mode.is_none(),
            "must be DELIVERY_MODE_IMMEDIATE, DELIVERY_MODE_OFF or DELIVERY_MODE_DIGEST",
        ),
    ] {
        if missing {
            violations.push(violation(&format!("{field}.{part}"), description));
        }
    }
    let known = group != EventGroup::Unspecified && channel != Channel::Unspecified;
    if known && !CHOICES.contains(&(group, channel)) {
        violations.push(violation(&format!("{field}.channel"), "this group is told by mail alone"));
        return None;
    }
    mode.filter(|_| known).map(|mode| (group, channel, mode))
}

/// The preferences as the contract has them.
pub(super) fn message(stored: StoredPreferences) -> Message {
    let preferences = CHOICES.map(|(group, channel)| Preference {
        group: group.into(),
        channel: channel.into(),
        mode: stored.preferences.mode(group, channel).mode().into(),
    });
    Message {
        preferences: preferences.to_vec(),
        etag: stored.version.to_string(),
        update_time: (stored.version > 0).then(|| timestamp(stored.updated_at)),
    }
}
