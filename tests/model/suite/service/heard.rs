//! What the service wrote down and told of, in the words of the reference.

use std::collections::BTreeSet;

use countersign_broker::Event;
use countersign_proto::event::{self, Recipient as Told, event::Payload};
use countersign_proto::{json, types::Actor};

use super::account::Account;
use super::view::micros;
use crate::cast::{Area, Who};
use crate::reference::{Entry, Recipient, Told as Heard};

impl Account<'_> {
    /// What an event tells; none of changed access, which has no entry of history.
    pub fn heard(&self, event: &Event) -> Option<Heard> {
        let told: event::Event = json::from_value(event.data.clone()).unwrap();
        let recipients = self.recipients(&told.recipients);
        let actor = self.actor(told.actor.as_ref());
        let what = event.event_type.trim_start_matches("countersign.").trim_end_matches(".v1");
        let (resource, entry) = match told.payload.unwrap() {
            Payload::Request(it) => {
                let what = match what.trim_start_matches("request.") {
                    // One event for what is two in history: it says whose votes were lost.
                    "assignment_expired" if !it.voided_approvals.is_empty() => "VOTE_VOIDED".to_owned(),
                    what => what.to_uppercase(),
                };
                let request = self.request_number(&it.approval_request_id);
                assert!(request.is_some(), "an event of a request that nobody was told of: {event:?}");
                (it.resource.unwrap(), (what, it.action, it.from_state, request))
            }
            Payload::Resource(it) => (it.resource.unwrap(), (it.change, it.action, it.from_state, None)),
            Payload::Workflow(it) => {
                let area = Area::ALL.into_iter().find(|area| area.name() == it.area).unwrap();
                assert_eq!(what, if it.enabled { "workflow.enabled" } else { "workflow.disabled" });
                return Some(Heard::OfWorkflow { area, enabled: it.enabled, recipients });
            }
            Payload::Policy(it) => {
                let area = Area::ALL.into_iter().find(|area| area.name() == it.area).unwrap();
                let weakened = it.weakened.into_iter().map(|it| (it.setting, it.before, it.after)).collect();
                let held_until = it.cooling_off_end_time.as_ref().map(micros);
                return Some(Heard::WeakerPolicy { area, weakened, held_until, recipients });
            }
            Payload::Bypass(it) => {
                let resource = it.resource.unwrap();
                let (what, from) = match what {
                    "resource.bypassed" => ("EMERGENCY_BYPASSED", it.from_state),
                    "review.closed" => ("REVIEWED", resource.state.clone()),
                    other => panic!("an event of a bypass that is none: {other}"),
                };
                (resource, (what.to_owned(), it.action, from, None))
            }
            Payload::Access(_) | Payload::Account(_) => return None,
            Payload::Invitation(_) => panic!("an event that no command makes: {event:?}"),
        };
        let (what, action, from, request) = entry;
        Some(Heard::OfResource(Entry {
            resource: self.resource_number(&resource.resource_id).unwrap(),
            sequence: event.sequence,
            event: what,
            action,
            actor,
            time: event.time_us,
            from,
            to: resource.state,
            request,
            recipients,
        }))
    }

    /// The history of a resource; nobody is told of it by itself.
    pub async fn entries(&self, by: Who, index: usize) -> Vec<Entry> {
        let history = self.history(by, index).await;
        let entry = |it: countersign_proto::approval::HistoryEntry| Entry {
            resource: self.resource_number(&it.resource_id).unwrap(),
            sequence: it.sequence,
            event: it.event,
            action: it.action,
            actor: self.actor(it.actor.as_ref()),
            time: micros(&it.time.unwrap()),
            from: it.from_state,
            to: it.to_state,
            request: self.request_number(&it.approval_request_id),
            recipients: BTreeSet::new(),
        };
        history.into_iter().map(entry).collect()
    }

    /// The member who did something; none: Countersign.
    fn actor(&self, actor: Option<&Actor>) -> Option<Who> {
        let actor = actor.unwrap();
        let who = self.who(&actor.member_id);
        assert_eq!(who.is_none(), actor.display_name == "countersign", "nobody of the cast: {actor:?}");
        who
    }

    fn recipients(&self, told: &[Told]) -> BTreeSet<Recipient> {
        let recipient = |it: &Told| Recipient {
            who: self.who(&it.member_id).unwrap(),
            reason: it.reason(),
            ribbon: it.ribbon(),
            mail: it.mail,
        };
        let distinct: BTreeSet<_> = told.iter().map(recipient).collect();
        assert_eq!(distinct.len(), told.len(), "somebody is told twice: {told:?}");
        distinct
    }
}
