//! Countersign's state: entities, migrations, snapshots, guarded commits, outbox and idempotency on SQLite and PostgreSQL.
