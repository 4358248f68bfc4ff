//! Is what can be seen the same?

use std::collections::BTreeSet;

use countersign_broker::Event;
use futures_util::{future::join_all, join};

use super::{Compared, Telling};
use crate::cast::Who;
use crate::reference::{Entry, Told};
use crate::service::digest;

impl Telling<'_> {
    /// Compares what was told, and all that can have changed by it.
    pub(super) async fn compare(&mut self, events: &[Event]) -> Compared {
        let told: BTreeSet<Told> = std::mem::take(&mut self.reference.told).into_iter().collect();
        let heard: BTreeSet<Told> = events.iter().filter_map(|event| self.account.heard(event)).collect();
        same("events", &told, &heard)?;
        if events.is_empty() {
            return Ok(());
        }
        let (mut resources, mut requests) = (BTreeSet::new(), BTreeSet::new());
        self.history.resize(self.reference.resources.len(), Vec::new());
        for told in told {
            let Told::OfResource(entry) = told else { continue };
            resources.insert(entry.resource);
            requests.extend(entry.request);
            let why = entry
                .request
                .filter(|_| entry.event == "EXPIRED")
                .map(|it| self.reference.requests[it].expiry_reason);
            *self
                .tally
                .entry([entry.event.as_str(), why.unwrap_or_default()].join(" ").trim().to_owned())
                .or_default() += 1;
            self.history[entry.resource].push(Entry { recipients: BTreeSet::new(), ..entry });
        }
        // At once, because most of it is waiting.
        let (resources, requests) = join!(self.compare_resources(resources), self.compare_requests(requests));
        resources.and(requests)?;
        self.compare_ribbons().await
    }

    /// Compares all that can be seen, whether or not anything was told of it.
    pub(super) async fn compare_all(&mut self) -> Compared {
        let by = self.reader()?;
        let requests = self.account.request_views(by).await;
        let expected: Vec<_> =
            (0..self.reference.requests.len()).map(|it| self.reference.request_view(it, digest)).collect();
        same("requests", &expected, &requests)?;
        self.compare_resources((0..self.reference.resources.len()).collect()).await?;
        self.compare_lists().await?;
        self.ribbons.clear();
        self.compare_ribbons().await
    }

    /// Compares what each member finds listed, in pages that are full up to the last one (ACC-16), and what waits for them.
    async fn compare_lists(&self) -> Compared {
        for who in Who::MEMBERS {
            for waiting in [false, true] {
                let expected = self.reference.listed(who, waiting);
                let seen = self.account.listed(who, waiting).await;
                same(&format!("the requests listed for {who:?} (waiting: {waiting})"), &expected, &seen)?;
            }
        }
        Ok(())
    }

    /// Who sees everything.
    fn reader(&self) -> Result<Who, String> {
        self.reference.admins().into_iter().next().ok_or_else(|| "no Admin is left (ACC-11)".to_owned())
    }

    async fn compare_resources(&self, changed: BTreeSet<usize>) -> Compared {
        let by = self.reader()?;
        for index in changed {
            let (seen, history) =
                join!(self.account.resource_view(by, index), self.account.entries(by, index));
            same(&format!("resource {index}"), &self.reference.resource_view(index), &seen)?;
            same(&format!("the history of resource {index}"), &self.history[index], &history)?;
        }
        Ok(())
    }

    async fn compare_requests(&self, changed: BTreeSet<usize>) -> Compared {
        let by = self.reader()?;
        for number in changed {
            let seen = self.account.request_view(by, number).await;
            same(&format!("request {number}"), &self.reference.request_view(number, digest), &seen)?;
        }
        Ok(())
    }

    /// Compares the ribbons of those for whom they should have changed, and of one more in turn: what changes and should not is
    /// found by that, if not at once.
    async fn compare_ribbons(&mut self) -> Compared {
        let in_turn = Who::MEMBERS[self.steps % Who::MEMBERS.len()];
        let expected = Who::MEMBERS.map(|who| (who, self.reference.ribbon_views(who)));
        let changed: Vec<_> = expected
            .into_iter()
            .filter(|(who, ribbons)| *who == in_turn || self.ribbons.get(who) != Some(ribbons))
            .collect();
        let seen = join_all(changed.iter().map(|(who, _)| self.account.ribbon_views(*who))).await;
        for ((who, ribbons), seen) in changed.into_iter().zip(seen) {
            same(&format!("the ribbons of {who:?}"), &ribbons, &seen)?;
            self.ribbons.insert(who, ribbons);
        }
        Ok(())
    }
}

fn same<T: std::fmt::Debug + PartialEq>(what: &str, rules: &T, service: &T) -> Compared {
    if rules == service {
        return Ok(());
    }
    Err(format!("{what} differ\nthe rules say   {rules:#?}\nthe service has {service:#?}"))
}
