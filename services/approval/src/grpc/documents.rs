//! An account's members and roles as one document.

use countersign_domain::{
    document::{self, Document, DocumentMember, DocumentRole},
    limits,
    perform::check_version,
    permission::{self, Target},
    refusal::Permission,
};
use countersign_proto::access as api;
use countersign_runtime::ids;
use countersign_store::About;
use tonic::Request;

use super::{
    Edge,
    convert::{document as convert, etag},
    validate::Fields,
};
use crate::{
    fault::Fault,
    road::{actor_of, context_of, replay, rules::Needs},
};

impl Edge {
    pub(super) async fn export(
        &self,
        request: Request<api::ExportAccessRequest>,
    ) -> Result<api::ExportAccessResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        // Asked for before everybody is read.
        permission::check(&context, Permission::ManageMembers, Target::Account)?;
        let members = self.road.store.all_members(call.account).await?;
        let document = document::export(&context, &members)?;
        Ok(api::ExportAccessResponse {
            document: Some(convert::document(&document)),
            etag: etag(snapshot.account.rules_version),
        })
    }

    pub(super) async fn import(
        &self,
        request: Request<api::ImportAccessRequest>,
    ) -> Result<api::ImportAccessResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let expected_version = fields.etag(&request.etag);
        let document = fields.document(request.document.as_ref());
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "ImportAccess", &request)?;
        let needs =
            Needs { permission: Some(Permission::ManageMembers), everybody: true, ..Needs::default() };
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        if let Some(response) = replay(&call, snapshot.replay.as_ref())? {
            return Ok(response);
        }
        let context = context_of(&snapshot, &actor, self.road.now());
        if !request.dry_run {
            context.check_account_is_active()?;
        }
        // Asked for before everybody is read.
        permission::check(&context, Permission::ManageMembers, Target::Account)?;
        check_version(expected_version, context.account.rules_version)?;
        let facts = self.road.facts(call.account, &needs).await?;
        let decided = document::import(&context, &facts.members, &document, ids::new_id);
        // An import of what is there changes nothing, not even the etag. One that is refused is decided anew: no commit guards what
        // was read here.
        if request.dry_run || matches!(&decided, Ok((_, differences)) if differences.is_empty()) {
            let (_, differences) = decided?;
            return Ok(api::ImportAccessResponse {
                differences: differences.iter().map(convert::difference).collect(),
                etag: etag(context.account.rules_version),
            });
        }
        self.road
            .rules(&call, &needs, |given| {
                let context = &given.context;
                check_version(expected_version, context.account.rules_version)?;
                let members = &given.facts.members;
                let (change, differences) = document::import(context, members, &document, ids::new_id)?;
                let answer = api::ImportAccessResponse {
                    differences: differences.iter().map(convert::difference).collect(),
                    etag: etag(context.account.rules_version + 1),
                };
                Ok((change, answer))
            })
            .await
    }
}

impl Fields {
    fn document(&mut self, given: Option<&api::AccessDocument>) -> Document {
        let Some(given) = given else {
            self.violation("document", "is required");
            return Document::default();
        };
        // Not looked at one by one where there are too many.
        let mut too_many = false;
        for (field, count, most) in [
            ("document.roles", given.roles.len(), limits::ROLES),
            ("document.members", given.members.len(), limits::DOCUMENT_MEMBERS),
        ] {
            if count > most {
                self.violation(field, format!("must be at most {most}, are {count}"));
                too_many = true;
            }
        }
        if too_many {
            return Document::default();
        }
        Document {
            roles: given
                .roles
                .iter()
                .enumerate()
                .map(|(index, role)| self.document_role(index, role))
                .collect(),
            members: given
                .members
                .iter()
                .enumerate()
                .map(|(index, member)| self.document_member(index, member))
                .collect(),
        }
    }

    fn document_role(&mut self, index: usize, role: &api::AccessDocumentRole) -> DocumentRole {
        let at = |name: &str| format!("document.roles[{index}].{name}");
        self.role_title(&at("name"), &role.name);
        DocumentRole {
            name: role.name.clone(),
            accesses: self.accesses(&at("accesses"), &role.accesses),
            scope: role.scope.as_ref().map(|scope| self.scope(&at("scope"), scope)),
            masks_pii: role.masks_pii,
        }
    }

    fn document_member(&mut self, index: usize, member: &api::AccessDocumentMember) -> DocumentMember {
        let at = |name: &str| format!("document.members[{index}].{name}");
        self.email(&at("email"), &member.email);
        self.line(&at("display_name"), &member.display_name, 1..=limits::TITLE);
        DocumentMember {
            email: member.email.clone(),
            display_name: member.display_name.clone(),
            locale: self.locale(&at("locale"), &member.locale),
            roles: member.roles.clone(),
            approval_right: member.approval_right,
        }
    }
}
