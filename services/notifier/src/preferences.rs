//! What a member wants to be told, and how (NOT-14). Pure: which choices there are, and what each means.

use countersign_proto::inbox::{Channel, DeliveryMode, EventGroup};

/// When a member is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At once.
    Immediate,
    /// Not at all.
    Off,
    /// Gathered with others.
    Digest,
}

/// What a member wants. What is not here can't be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own, as in the database")]
pub struct Preferences {
    /// Mail about results.
    pub results_mail: bool,
    /// Ribbons about results.
    pub results_ribbon: bool,
    /// Mail about cancellations.
    pub cancellations_mail: bool,
    /// Ribbons about cancellations.
    pub cancellations_ribbon: bool,
    /// Mail about expiries.
    pub expiries_mail: bool,
    /// Ribbons about expiries.
    pub expiries_ribbon: bool,
    /// Mail about approvals that were not the last.
    pub progress_mail: bool,
    /// Mail about comments.
    pub comments_mail: bool,
    /// Whether reminders are gathered.
    pub reminders_digest: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            results_mail: true,
            results_ribbon: true,
            cancellations_mail: true,
            cancellations_ribbon: true,
            expiries_mail: true,
            expiries_ribbon: true,
            progress_mail: true,
            comments_mail: true,
            reminders_digest: true,
        }
    }
}

/// Every group with each channel that it is told by.
pub const CHOICES: [(EventGroup, Channel); 13] = [
    (EventGroup::RequestsToAct, Channel::Email),
    (EventGroup::RequestsToAct, Channel::Ribbon),
    (EventGroup::RoleSeparation, Channel::Email),
    (EventGroup::RoleSeparation, Channel::Ribbon),
    (EventGroup::Results, Channel::Email),
    (EventGroup::Results, Channel::Ribbon),
    (EventGroup::Cancellations, Channel::Email),
    (EventGroup::Cancellations, Channel::Ribbon),
    (EventGroup::Expiries, Channel::Email),
    (EventGroup::Expiries, Channel::Ribbon),
    (EventGroup::Progress, Channel::Email),
    (EventGroup::Comments, Channel::Email),
    (EventGroup::Reminders, Channel::Email),
];

/// Why a choice is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The group is not told by this channel.
    #[error("this group is told by mail alone")]
    NoSuchChannel,
    /// It asks the member to act.
    #[error("requests to act can't be turned off")]
    RequestToAct,
    /// It is a notice about who may decide.
    #[error("role-separation notices can't be turned off")]
    RoleSeparation,
    /// A reminder asks the member to act.
    #[error(
        "reminders can't be turned off, only gathered: must be DELIVERY_MODE_IMMEDIATE or DELIVERY_MODE_DIGEST"
    )]
    Reminder,
    /// Only reminders are gathered.
    #[error("only reminders can be gathered: must be DELIVERY_MODE_IMMEDIATE or DELIVERY_MODE_OFF")]
    NoDigest,
}

impl Mode {
    /// As the contract has it.
    pub fn mode(self) -> DeliveryMode {
        match self {
            Self::Immediate => DeliveryMode::Immediate,
            Self::Off => DeliveryMode::Off,
            Self::Digest => DeliveryMode::Digest,
        }
    }
}

impl Preferences {
    /// When the member is told of `group` by mail.
    pub fn mail(&self, group: EventGroup) -> Mode {
        match (group, self.switch(group, Channel::Email)) {
            (EventGroup::Reminders, _) if self.reminders_digest => Mode::Digest,
            (_, Some(false)) => Mode::Off,
            (_, Some(true) | None) => Mode::Immediate,
        }
    }

    /// Whether the member gets ribbons of their own about `group`.
    pub fn ribbon(&self, group: EventGroup) -> bool {
        self.switch(group, Channel::Ribbon).unwrap_or(true)
    }

    /// What is chosen.
    pub fn mode(&self, group: EventGroup, channel: Channel) -> Mode {
        match channel {
            Channel::Ribbon if !self.ribbon(group) => Mode::Off,
            Channel::Ribbon => Mode::Immediate,
            Channel::Email | Channel::Unspecified => self.mail(group),
        }
    }

    /// Chooses `mode`, or says why that can't be chosen.
    pub fn choose(&mut self, group: EventGroup, channel: Channel, mode: Mode) -> Result<(), Refused> {
        if !CHOICES.contains(&(group, channel)) {
            return Err(Refused::NoSuchChannel);
        }
        match (group, mode) {
            (EventGroup::Reminders, Mode::Off) => return Err(Refused::Reminder),
            (EventGroup::Reminders, mode) => self.reminders_digest = mode == Mode::Digest,
            (_, Mode::Digest) => return Err(Refused::NoDigest),
            (EventGroup::RequestsToAct, Mode::Off) => return Err(Refused::RequestToAct),
            (EventGroup::RoleSeparation, Mode::Off) => return Err(Refused::RoleSeparation),
            (_, mode) => {
                if let Some(switch) = self.switch_mut(group, channel) {
                    *switch = mode == Mode::Immediate;
                }
            }
        }
        Ok(())
    }

    fn switch(&self, group: EventGroup, channel: Channel) -> Option<bool> {
        let mut copy = *self;
        copy.switch_mut(group, channel).copied()
    }

    /// What can be switched off; none where that can't be.
    fn switch_mut(&mut self, group: EventGroup, channel: Channel) -> Option<&mut bool> {
        match (group, channel) {
            (EventGroup::Results, Channel::Email) => Some(&mut self.results_mail),
            (EventGroup::Results, Channel::Ribbon) => Some(&mut self.results_ribbon),
            (EventGroup::Cancellations, Channel::Email) => Some(&mut self.cancellations_mail),
            (EventGroup::Cancellations, Channel::Ribbon) => Some(&mut self.cancellations_ribbon),
            (EventGroup::Expiries, Channel::Email) => Some(&mut self.expiries_mail),
            (EventGroup::Expiries, Channel::Ribbon) => Some(&mut self.expiries_ribbon),
            (EventGroup::Progress, Channel::Email) => Some(&mut self.progress_mail),
            (EventGroup::Comments, Channel::Email) => Some(&mut self.comments_mail),
            (
                EventGroup::Unspecified
                | EventGroup::RequestsToAct
                | EventGroup::RoleSeparation
                | EventGroup::Reminders
                | EventGroup::Progress
                | EventGroup::Comments,
                _,
            )
            | (_, Channel::Unspecified) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves NOT-14: what asks to act and what says who may decide stays on, whatever is tried.
    #[test]
    fn what_must_be_told_cannot_be_turned_off() {
        let mut preferences = Preferences::default();
        for (group, refused) in [
            (EventGroup::RequestsToAct, Refused::RequestToAct),
            (EventGroup::RoleSeparation, Refused::RoleSeparation),
        ] {
            for channel in [Channel::Email, Channel::Ribbon] {
                assert_eq!(preferences.choose(group, channel, Mode::Off), Err(refused));
                assert_eq!(preferences.choose(group, channel, Mode::Immediate), Ok(()));
                assert_eq!(preferences.mode(group, channel), Mode::Immediate);
            }
        }
        let reminders = |preferences: &mut Preferences, mode| {
            preferences.choose(EventGroup::Reminders, Channel::Email, mode)
        };
        assert_eq!(reminders(&mut preferences, Mode::Off), Err(Refused::Reminder));
        assert_eq!(preferences, Preferences::default());
    }

    /// Proves NOT-14: each choice is its own, and reads as it was made.
    #[test]
    fn each_choice_changes_itself_alone() {
        for (group, channel) in CHOICES {
            let other = if group == EventGroup::Reminders { Mode::Immediate } else { Mode::Off };
            let mut preferences = Preferences::default();
            if preferences.choose(group, channel, other).is_err() {
                continue;
            }
            let changed: Vec<_> = CHOICES
                .into_iter()
                .filter(|(g, c)| preferences.mode(*g, *c) != Preferences::default().mode(*g, *c))
                .collect();
            assert_eq!(changed, [(group, channel)]);
            assert_eq!(preferences.mode(group, channel), other);
        }
        let mut preferences = Preferences::default();
        let comments = preferences.choose(EventGroup::Comments, Channel::Ribbon, Mode::Off);
        assert_eq!(comments, Err(Refused::NoSuchChannel));
        let results = preferences.choose(EventGroup::Results, Channel::Email, Mode::Digest);
        assert_eq!(results, Err(Refused::NoDigest));
    }
}
