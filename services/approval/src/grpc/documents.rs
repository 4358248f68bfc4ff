//! An account's members and roles as one document.

use countersign_domain::{
    RulesChange,
    document::{self, Document, DocumentMember, DocumentRole},
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
    road::{actor_of, context_of, rules::Needs},
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
        let needs = Needs {
            permission: Some(Permission::ManageMembers),
            everybody: true,
            only_asks: request.dry_run,
            ..Needs::default()
        };
        self.road
            .rules(&call, &needs, |given| {
                let context = &given.context;
                check_version(expected_version, context.account.rules_version)?;
                let members = &given.facts.members;
                let (change, differences) = document::import(context, members, &document, ids::new_id)?;
                let change = if request.dry_run { RulesChange::default() } else { change };
                // An import of what is there changes nothing, not even the etag.
                let version = context.account.rules_version + i64::from(!change.is_empty());
                let differences = differences.iter().map(convert::difference).collect();
                Ok((change, api::ImportAccessResponse { differences, etag: etag(version) }))
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
        let too_many = document::check_size(given.roles.len(), given.members.len());
        if !too_many.is_empty() {
            for violation in too_many {
                self.violation(violation.field, violation.description);
            }
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
        DocumentRole {
            name: self.role_title(&at("name"), &role.name),
            accesses: self.accesses(&at("accesses"), &role.accesses),
            scope: role.scope.as_ref().map(|scope| self.scope(&at("scope"), scope)),
            masks_pii: role.masks_pii,
        }
    }

    fn document_member(&mut self, index: usize, member: &api::AccessDocumentMember) -> DocumentMember {
        let at = |name: &str| format!("document.members[{index}].{name}");
        self.email(&at("email"), &member.email);
        DocumentMember {
            email: member.email.clone(),
            display_name: self.display_name(&at("display_name"), &member.display_name),
            locale: self.locale(&at("locale"), &member.locale),
            roles: member.roles.clone(),
            approval_right: member.approval_right,
        }
    }
}
