//! Two roles on PostgreSQL (HIS-5): one owns the tables and migrates, the other serves. The one that serves can write what the service
//! writes and nothing else: it owns no table, so it can switch no trigger off, and what is append-only it can't even try to change.

use std::fmt::Write as _;

/// The statement that gives `role` exactly what serving takes, on every table and sequence of the schema that the caller owns: to be run
/// by the owner, after its migrations, each time. It fails, with what is wrong, for a role that could do more.
///
/// Tables that refuse changes by a trigger are only read and added to. What later migrations add is so too, until this is run again.
pub fn grants(role: &str) -> String {
    let mut statement = String::with_capacity(TEXT.len() + role.len());
    let literal = role.replace('\'', "''");
    // A backslash is a letter like any other in a literal that has no E before it; the block's own quotes end at a dollar.
    let tag = tag_for(&literal);
    // Writing to a String can't fail.
    let _ = write!(statement, "DO {tag}{}{tag}", TEXT.replace("{role}", &literal));
    statement
}

/// A dollar quote that does not occur in the text.
fn tag_for(text: &str) -> String {
    let mut tag = String::from("$grants$");
    while text.contains(&tag) {
        tag.insert(1, 'x');
    }
    tag
}

const TEXT: &str = "
DECLARE
    service CONSTANT name := '{role}';
    item record;
    rights text;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = service) THEN
        RAISE EXCEPTION 'there is no role %: create it first, with LOGIN', service;
    END IF;
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = service AND rolsuper) THEN
        RAISE EXCEPTION 'the role % is a superuser: it can do everything, whatever is granted', service;
    END IF;
    IF pg_has_role(service, current_user, 'MEMBER') THEN
        RAISE EXCEPTION 'the role % is or can become %, which owns the tables: name another', service, current_user;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), service);
    FOR item IN
        SELECT c.oid::regclass AS name, c.relname, c.relkind = 'S' AS is_sequence, EXISTS (
            SELECT 1 FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
            WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND p.proname = 'refuse_to_change_history'
        ) AS is_append_only
        FROM pg_class AS c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'S')
        AND pg_has_role(c.relowner, 'MEMBER')
    LOOP
        IF pg_has_role(service, (SELECT relowner FROM pg_class WHERE oid = item.name), 'MEMBER') THEN
            RAISE EXCEPTION 'the role % owns %: let another own it', service, item.name;
        END IF;
        IF item.is_sequence THEN
            EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %I', item.name, service);
            EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', item.name, service);
        ELSE
            rights := CASE
                WHEN item.relname = 'seaql_migrations' THEN 'SELECT'
                WHEN item.is_append_only THEN 'SELECT, INSERT'
                ELSE 'SELECT, INSERT, UPDATE, DELETE'
            END;
            EXECUTE format('REVOKE ALL ON TABLE %s FROM %I', item.name, service);
            EXECUTE format('GRANT %s ON TABLE %s TO %I', rights, item.name, service);
        END IF;
    END LOOP;
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT ON TABLES TO %I', current_schema(), service);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE ON SEQUENCES TO %I', current_schema(), service);
END
";

/// Asks whether who is connected can do everything with the table `$1`, as its owner or as a superuser can.
pub const OWNS: &str =
    "SELECT pg_has_role(relowner, 'MEMBER') AS owns FROM pg_catalog.pg_class WHERE oid = to_regclass($1)";

/// Said once when a service starts as the owner of its tables.
pub fn warn_of_owner(program: &str) {
    tracing::warn!(
        "the database role that serves owns the tables, so that it could switch off what keeps history append-only: let another role \
         own and migrate them by `{program} migrate --service-role NAME`, and serve as NAME"
    );
}

#[cfg(test)]
mod tests {
    use super::grants;

    #[test]
    fn a_name_stays_a_name_whatever_is_in_it() {
        let text = grants("it's$grants$; DROP TABLE history; --");
        assert!(text.starts_with("DO $xgrants$"), "{text}");
        assert!(text.ends_with("$xgrants$"));
        assert!(text.contains("'it''s$grants$; DROP TABLE history; --'"));
        assert_eq!(text.matches("$xgrants$").count(), 2);
    }
}
