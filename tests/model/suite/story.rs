//! Tells a story to the reference and to the service, and compares what they make of it after each step.

mod compare;
mod meant;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use crate::cast::Who;
use crate::command::{Command, Digest, Edit as Change, MAX_LIVELY, Winner};
use crate::reference::{Answer, Asked, Edit, Entry, Reference, Resource, RibbonView, VARIANTS};
use crate::service::{Account, Answered, Service};

use self::meant::{MOSTLY, lively};

/// What differs, in words.
type Compared = Result<(), String>;

/// A story that is being told.
struct Telling<'a> {
    reference: Reference,
    account: Account<'a>,
    /// The whole history, resource by resource.
    history: Vec<Vec<Entry>>,
    /// The ribbons of those for whom they were compared, as they were then.
    ribbons: BTreeMap<Who, Option<BTreeSet<RibbonView>>>,
    /// How many commands were not passed over.
    steps: usize,
    tally: Tally,
}

/// Where the reference and the service differ.
#[derive(Debug)]
pub struct Difference {
    /// After how many commands.
    pub after: usize,
    /// What, in words.
    pub what: String,
}

/// How often what came up: entries of history, with the reason of an expiry, and reasons of refusals.
pub type Tally = BTreeMap<String, usize>;

/// Tells a story in a new account; how many of its commands were carried out, and what came up. Those that mean nothing are passed
/// over: an approval where there is no request.
///
/// # Errors
/// The first difference between the reference and the service.
pub async fn tell(service: &Service, story: &[Command]) -> Result<(usize, Tally), Difference> {
    let reference = Reference::new(service.clock.now_us());
    let account = Account::new(service, &reference).await;
    let mut telling = Telling {
        reference,
        account,
        history: Vec::new(),
        ribbons: BTreeMap::new(),
        steps: 0,
        tally: Tally::new(),
    };
    let mut told = Ok(());
    for (number, command) in (1..).zip(story) {
        // What can't be so panics, which is a difference as well: the story is to be made short all the same.
        let step = AssertUnwindSafe(telling.step(service, command)).catch_unwind().await;
        told = step.unwrap_or_else(|_| Err("a panic, see above".to_owned())).map_err(|what| Difference {
            after: number,
            what: format!("after command {number}, {command:?}\n{what}"),
        });
        if told.is_err() {
            break;
        }
    }
    if told.is_ok() {
        told = telling
            .compare_all()
            .await
            .map_err(|what| Difference { after: story.len(), what: format!("at the end, {what}") });
    }
    telling.account.freeze().await;
    told.map(|()| (telling.steps, telling.tally))
}

impl Telling<'_> {
    async fn step(&mut self, service: &Service, command: &Command) -> Compared {
        if let Command::Wait(wait) = command {
            let Some(by) = self.time_to_pass(*wait) else { return Ok(()) };
            self.reference.now += by;
            service.clock.set(self.reference.now);
        } else {
            let Some((expected, answered)) = self.carry_out(command).await else { return Ok(()) };
            let agreed = match (&expected, &answered) {
                (Answer::Done(done), Ok(answer)) => done == answer,
                (Answer::Refused(why), Err(reason)) => why.contains(reason),
                _ => false,
            };
            if let Err(reason) = answered {
                *self
                    .tally
                    .entry(reason.as_str_name().trim_start_matches("ERROR_REASON_").to_owned())
                    .or_default() += 1;
            }
            if !agreed {
                return Err(format!("the rules say {expected:?}, the service {answered:?}"));
            }
        }
        self.steps += 1;
        self.reference.tick();
        let events = service.settle().await;
        self.compare(&events).await
    }

    /// What the reference and the service answer; none: the command means nothing here.
    async fn carry_out(&mut self, command: &Command) -> Option<(Answer, Answered)> {
        Some(match *command {
            Command::Register { by, kind, schedule, audience } => {
                if self.reference.resources.iter().filter(|it| lively(it)).count() == MAX_LIVELY {
                    return None;
                }
                let schedule = self.schedule(schedule);
                let expected = self.reference.register(by, kind, schedule, audience);
                let text = self.newest_content();
                (expected, self.account.register(by, kind, schedule, audience, &text).await)
            }
            Command::Edit { by, resource, edit } => {
                let (number, resource) = (resource, self.resource(resource, Resource::takes_edits)?);
                if !Self::tries(number, self.rights(by, resource).write) {
                    return None;
                }
                let edit = match edit {
                    Change::Content => Edit::Content,
                    Change::Title => Edit::Title,
                    Change::Schedule(times) => Edit::Schedule(self.schedule(times)),
                };
                let expected = self.reference.edit(by, resource, edit);
                let text = match edit {
                    Edit::Title => self.reference.resources[resource].title.clone(),
                    _ => self.newest_content(),
                };
                (expected, self.account.edit(by, resource, edit, &text).await)
            }
            Command::Perform { by, resource, action, mode, ref approvers, winner } => {
                let anything = usize::from(resource) >= MOSTLY;
                let (number, resource) =
                    (resource, self.resource(resource, |it| it.pending.is_none() && lively(it))?);
                if !Self::tries(number, self.rights(by, resource).write) {
                    return None;
                }
                let action = self.action(resource, action)?;
                // What would be refused is said only by those who mean anything.
                let seldom = |unless: bool| unless || anything;
                let able = self.reference.may_be_chosen(by, resource);
                let asked = Asked {
                    mode: mode.filter(|_| seldom(action == "LAUNCH")),
                    approvers: approvers.iter().copied().filter(|who| seldom(able.contains(who))).collect(),
                    winner: variant(winner.filter(|_| seldom(action == "FINISH"))),
                    emergency: false,
                };
                let expected = self.reference.perform(by, resource, action, &asked);
                (expected, self.account.perform(by, resource, action, &asked).await)
            }
            Command::Approve { by, resource, winner, digest } => {
                let request = self.deciding(by, resource)?;
                let finishes = self.reference.requests[request].action == "FINISH";
                let winner = winner.filter(|_| finishes || usize::from(resource) >= MOSTLY);
                let (winner, seen) = (variant(winner), self.seen(request, digest));
                let expected = self.reference.approve(by, request, winner, digest != Some(Digest::Wrong));
                (expected, self.account.approve(by, request, winner, seen.as_deref()).await)
            }
            Command::Reject { by, resource, note, digest } => {
                let request = self.deciding(by, resource)?;
                let seen = self.seen(request, digest);
                let expected = self.reference.reject(by, request, note, digest != Some(Digest::Wrong));
                (expected, self.account.reject(by, request, note, seen.as_deref()).await)
            }
            Command::Cancel { by, resource } => {
                let request = self.request(resource)?;
                (self.reference.cancel(by, request), self.account.cancel(by, request).await)
            }
            Command::Comment { by, resource } => {
                let request = self.request(resource)?;
                (self.reference.comment(by, request), self.account.comment(by, request).await)
            }
            Command::Reassign { by, resource, ref approvers } => {
                let request = self.request(resource)?;
                if !Self::tries(resource, self.reference.may_reassign(by, request)) {
                    return None;
                }
                let anything = usize::from(resource) >= MOSTLY;
                let able = self
                    .reference
                    .approvers(&self.reference.resources[self.reference.requests[request].resource]);
                let approvers: Vec<Who> =
                    approvers.iter().copied().filter(|who| anything || able.contains(who)).collect();
                let expected = self.reference.reassign(by, request, &approvers);
                (expected, self.account.reassign(by, request, &approvers).await)
            }
            Command::Bypass { by, resource, action, winner } => {
                let by = self.admin(by);
                let resource = self.resource(resource, |it| it.pending.is_none() && lively(it))?;
                let action = self.action(resource, action)?;
                let winner = variant(winner.filter(|_| action == "FINISH"));
                let asked = Asked { winner, emergency: true, ..Asked::default() };
                let expected = self.reference.perform(by, resource, action, &asked);
                (expected, self.account.perform(by, resource, action, &asked).await)
            }
            Command::Review { by, resource } => {
                let open = |it: &Resource| it.review.is_some();
                let review = self.reference.resources[self.resource(resource, open)?].review?;
                (self.reference.close_review(by, review), self.account.close_review(by, review).await)
            }
            Command::Read { by, resource } => {
                let resource = self.resource(resource, lively)?;
                (self.reference.read(by, resource), self.account.read(by, resource).await)
            }
            Command::Policy { by, area, change } => {
                let by = self.admin(by);
                let expected = self.reference.change_policy(by, area, change);
                (expected, self.account.change_policy(by, area, change).await)
            }
            Command::Member { by, of, change } => {
                let by = self.admin(by);
                let expected = self.reference.change_member(by, of, change)?;
                (expected, self.account.change_member(by, of, change).await)
            }
            Command::Lose { by, resource, asked, change } => {
                let by = self.admin(by);
                let of = self.asked(self.request(resource)?, asked)?;
                let expected = self.reference.change_member(by, of, change)?;
                (expected, self.account.change_member(by, of, change).await)
            }
            Command::Role { by, role, change } => {
                let by = self.admin(by);
                let expected = self.reference.change_role(by, role, change)?;
                (expected, self.account.change_role(by, role, change).await)
            }
            Command::Wait(_) => return None,
        })
    }

    fn seen(&self, request: usize, digest: Option<Digest>) -> Option<String> {
        match digest? {
            Digest::Right => Some(self.reference.requests[request].content.clone()),
            Digest::Wrong => Some("something else".to_owned()),
        }
    }

    fn newest_content(&self) -> String {
        self.reference.newest_content()
    }
}

fn variant(winner: Option<Winner>) -> Option<&'static str> {
    winner.map(|winner| match winner {
        Winner::Declared => VARIANTS[1],
        Winner::Unknown => "no such variant",
    })
}
