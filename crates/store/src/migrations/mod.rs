//! The schema, one migration per released change of it.
//!
//! Versions N and N+1 of the service run side by side while an update rolls out, so a change expands first and contracts a
//! version later: add a column that has a default, write both, and drop the old one once no running version reads it. A
//! migration that was released is never edited.

mod m0001_initial;
mod m0002_access;
mod m0003_workflow;
mod m0004_history;
mod m0005_lifecycles;
mod m0006_signatures;
mod m0007_account_history;
mod m0008_witnesses;
mod m0009_staged_marks;
mod m0010_sealing_key;
mod m0011_name_keys;
mod m0012_authors;
mod m0013_cooling_off;
mod m0014_time_zones;
mod m0015_invitation_mails;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// The migrations, oldest first.
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_initial::Migration),
            Box::new(m0002_access::Migration),
            Box::new(m0003_workflow::Migration),
            Box::new(m0004_history::Migration),
            Box::new(m0005_lifecycles::Migration),
            Box::new(m0006_signatures::Migration),
            Box::new(m0007_account_history::Migration),
            Box::new(m0008_witnesses::Migration),
            Box::new(m0009_staged_marks::Migration),
            Box::new(m0010_sealing_key::Migration),
            Box::new(m0011_name_keys::Migration),
            Box::new(m0012_authors::Migration),
            Box::new(m0013_cooling_off::Migration),
            Box::new(m0014_time_zones::Migration),
            Box::new(m0015_invitation_mails::Migration),
        ]
    }
}
