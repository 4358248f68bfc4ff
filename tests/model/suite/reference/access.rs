//! Who may do what (ACC).

use std::collections::BTreeSet;

use super::{Reference, Resource};
use crate::cast::{Area, RoleName, SystemRole, Who};

/// A member.
#[derive(Clone, Debug)]
pub struct Member {
    pub system_role: Option<SystemRole>,
    /// The approval right that an Admin gave to an EDITOR.
    pub right: bool,
    pub roles: BTreeSet<RoleName>,
    pub active: bool,
}

/// A custom role.
#[derive(Clone, Copy, Debug)]
pub struct Role {
    pub approves: bool,
    /// Limited to Country = US.
    pub scoped: bool,
}

/// What a member may do in an area.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rights {
    pub read: bool,
    pub write: bool,
    pub approve: bool,
}

impl Reference {
    pub fn member(&self, who: Who) -> Option<&Member> {
        self.members.get(&who).filter(|member| member.active)
    }

    pub fn is_admin(&self, who: Who) -> bool {
        self.member(who).is_some_and(|member| member.system_role == Some(SystemRole::Admin))
    }

    pub fn some_workflow_is_on(&self) -> bool {
        Area::ALL.iter().any(|area| self.policies[area].enabled)
    }

    /// The highest access of all roles (ACC-5), wherever the resource lies.
    pub fn rights(&self, who: Who, area: Area) -> Rights {
        let Some(member) = self.member(who) else { return Rights::default() };
        let mut rights = Rights { read: true, ..Rights::default() };
        match member.system_role {
            Some(SystemRole::Admin) => (rights.write, rights.approve) = (true, true),
            // With every workflow off it acts as CREATOR (ACC-9).
            Some(SystemRole::Approver) => (rights.write, rights.approve) = (true, self.some_workflow_is_on()),
            Some(SystemRole::Creator) => rights.write = true,
            Some(SystemRole::Editor) => (rights.write, rights.approve) = (true, member.right),
            Some(SystemRole::Member) => {}
            None => rights.read = false,
        }
        for (name, role) in member.roles.iter().filter_map(|name| Some((*name, self.roles.get(name)?))) {
            let (covers, writes) = match name {
                RoleName::Campaigns => (area == Area::Campaigns, true),
                RoleName::Experiences => (area == Area::Experiences, false),
                RoleName::Journeys => (area == Area::Journeys, false),
                // Access to Engagement covers all; APPROVE is on Campaigns.
                RoleName::Us => (true, true),
            };
            if covers {
                let approves = role.approves && (name != RoleName::Us || area == Area::Campaigns);
                // Those of one area read it, whether or not they approve.
                rights.read = true;
                rights.write |= writes;
                rights.approve |= approves;
            }
        }
        rights
    }

    /// Whether the audience lies inside the member's data scope (ACC-12). An ADMIN has none.
    pub fn inside(&self, who: Who, countries: &[&str]) -> bool {
        let Some(member) = self.member(who) else { return false };
        let scoped = member.roles.iter().any(|name| self.roles.get(name).is_some_and(|role| role.scoped));
        let limited = scoped && member.system_role != Some(SystemRole::Admin);
        !limited || (!countries.is_empty() && countries.iter().all(|country| *country == "US"))
    }

    /// What a member may do with a resource.
    pub fn rights_on(&self, who: Who, resource: &Resource) -> Rights {
        if self.inside(who, resource.audience.countries()) {
            self.rights(who, resource.kind.area())
        } else {
            Rights::default()
        }
    }

    /// Everybody who may approve on a resource, whoever submitted.
    pub fn approvers(&self, resource: &Resource) -> BTreeSet<Who> {
        Who::MEMBERS.into_iter().filter(|who| self.rights_on(*who, resource).approve).collect()
    }

    pub fn admins(&self) -> BTreeSet<Who> {
        Who::MEMBERS.into_iter().filter(|who| self.is_admin(*who)).collect()
    }
}
