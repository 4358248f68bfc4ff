//! Who may read and who may export history.

use crate::{
    Audience, Context, Kind, Lifecycles, Refusal, Resource, Rights,
    access::Access,
    refusal::{Missing, Permission},
};

/// What somebody wants of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// To see it, where they may read.
    Read,
    /// To download it, which READ does not give (ACC-4): where they may write or approve.
    Export,
}

impl Use {
    const fn is_allowed(self, rights: Rights) -> bool {
        match self {
            Self::Read => rights.read,
            Self::Export => rights.write || rights.approve,
        }
    }

    /// Whether the history of a resource of this kind, which reaches `audience`, is among it (ACC-12).
    pub fn includes(
        self,
        lifecycles: &Lifecycles,
        access: &Access<'_>,
        kind: &Kind,
        audience: &Audience,
    ) -> bool {
        lifecycles
            .newest(kind)
            .is_some_and(|lifecycle| self.is_allowed(access.rights_on(&lifecycle.component, audience)))
    }

    /// Whether the actor may have the history of one resource. As everywhere, who may not see it is not told whether it is there
    /// (ACC-16).
    pub fn check(
        self,
        context: &Context<'_>,
        resource: Option<&Resource>,
        missing: Missing,
    ) -> Result<(), Refusal> {
        let resource = crate::permission::view(context, resource, missing)?;
        if self.is_allowed(context.rights_on(resource)) { Ok(()) } else { Err(refused(Permission::Write)) }
    }

    /// Whether the actor may have any history at all: what of it is for each entry to say.
    pub fn check_any(self, context: &Context<'_>) -> Result<(), Refusal> {
        let rights: Vec<Rights> = context.components().map(|component| context.rights(component)).collect();
        if rights.iter().any(|rights| self.is_allowed(*rights)) {
            return Ok(());
        }
        let reads = rights.iter().any(|rights| rights.read);
        Err(refused(if reads { Permission::Write } else { Permission::Read }))
    }
}

fn refused(permission: Permission) -> Refusal {
    crate::permission::denied(permission, "resource")
}
