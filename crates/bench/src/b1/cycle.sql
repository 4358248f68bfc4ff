-- One cycle as pgbench runs it: the rows that a submit and an approve write, in one statement each, guarded as the
-- service guards them. What the service decides in Rust is a literal here, and nothing is read beforehand.
-- Wants: accounts, round, n = 0, and the submit_… and approve_… values that the service itself has written.

\set n :n + 1
\set account random(1, :accounts)
\set number :round * 1099511627776 + :client_id * 4294967296 + :n

WITH account AS MATERIALIZED (
    SELECT account_id FROM accounts
    WHERE account_id = (rpad('a', 16, '0') || lpad(to_hex(:account::bigint), 16, '0'))::uuid AND rules_version = 1
    FOR SHARE
), resource AS (
    UPDATE resources AS r SET
        version = r.version + 1, approval_status = 'APPROVAL_PENDING', lock_action = 'PAUSE',
        lock_request_id = lpad(to_hex(:number::bigint), 32, '0')::uuid, lock_label = 'PAUSE_PENDING',
        updated_at_us = :n::bigint, history_hash = decode(repeat('01', 33), 'hex')
    FROM account
    WHERE r.account_id = account.account_id AND r.lock_request_id IS NULL
      AND r.resource_id = ('e' || lpad(to_hex(:client_id::bigint), 15, '0') || lpad(to_hex(:account::bigint), 16, '0'))::uuid
    RETURNING r.account_id, r.resource_id, r.version, r.title, r.state, r.owner_id, r.live_digest,
        r.history_hash
), request AS (
    INSERT INTO requests (account_id, request_id, resource_id, kind, resource_title, area, action, from_state,
        pending_label, target_state, submitter_id, submitter_name, note, digest, required_approvals, created_at_us,
        state, version)
    SELECT account_id, lpad(to_hex(:number::bigint), 32, '0')::uuid, resource_id, 'ab_test', title,
        'PRODUCT_EXPERIENCES', 'PAUSE', state, 'PAUSE_PENDING', 'PAUSED', owner_id, 'Carl Creator',
        'Please have a look', live_digest, 1, :n::bigint, 'PENDING', 1
    FROM resource
), event AS (
    INSERT INTO outbox (account_id, event_id, event_type, subject, sequence, payload, occurred_at_us)
    SELECT account_id, lpad(to_hex(:number::bigint), 32, '0')::uuid, 'countersign.request.submitted.v1',
        resource_id::text, version, :submit_payload, :n::bigint
    FROM resource
), answer AS (
    INSERT INTO idempotency (account_id, actor, key, fingerprint, response, created_at_us)
    SELECT account_id, owner_id::text, lpad(to_hex(:number::bigint), 32, '0')::uuid, :submit_fingerprint::bytea,
        :submit_response::bytea, :n::bigint
    FROM resource
)
INSERT INTO history (account_id, resource_id, sequence, request_id, event, action, actor_id, actor_name,
    happened_at_us, from_state, to_state, note, digest, hash)
SELECT account_id, resource_id, version, lpad(to_hex(:number::bigint), 32, '0')::uuid, 'SUBMITTED', 'PAUSE', owner_id,
    'Carl Creator', :n::bigint, state, state, 'Please have a look', live_digest, history_hash
FROM resource;

WITH account AS MATERIALIZED (
    SELECT account_id FROM accounts
    WHERE account_id = (rpad('a', 16, '0') || lpad(to_hex(:account::bigint), 16, '0'))::uuid AND rules_version = 1
    FOR SHARE
), resource AS (
    UPDATE resources AS r SET
        version = r.version + 1, approval_status = 'APPROVAL_APPROVED', lock_action = NULL, lock_request_id = NULL,
        lock_label = NULL, updated_at_us = :n::bigint, history_hash = decode(repeat('01', 33), 'hex'),
        state = CASE r.state WHEN 'RUNNING' THEN 'PAUSED' ELSE 'RUNNING' END
    FROM account
    WHERE r.account_id = account.account_id AND r.lock_request_id = lpad(to_hex(:number::bigint), 32, '0')::uuid
      AND r.resource_id = ('e' || lpad(to_hex(:client_id::bigint), 15, '0') || lpad(to_hex(:account::bigint), 16, '0'))::uuid
    RETURNING r.account_id, r.resource_id, r.version, r.state, r.live_digest, r.history_hash,
        (rpad('d', 16, '0') || lpad(to_hex(:account::bigint), 16, '0'))::uuid AS approver_id
), request AS (
    UPDATE requests AS q SET
        state = 'APPROVED', version = q.version + 1, ended_by_id = resource.approver_id,
        ended_by_name = 'Abel Approver', ended_at_us = :n::bigint, ended_note = 'Looks good'
    FROM resource
    WHERE q.account_id = resource.account_id AND q.request_id = lpad(to_hex(:number::bigint), 32, '0')::uuid
      AND q.version = 1 AND q.state = 'PENDING'
    RETURNING q.version
), decision AS (
    INSERT INTO decisions (account_id, request_id, member_id, member_name, verdict, note, decided_at_us,
        request_version)
    SELECT account_id, lpad(to_hex(:number::bigint), 32, '0')::uuid, approver_id, 'Abel Approver', 'APPROVED',
        'Looks good', :n::bigint, 2
    FROM resource
), event AS (
    INSERT INTO outbox (account_id, event_id, event_type, subject, sequence, payload, occurred_at_us)
    SELECT account_id, lpad(to_hex(:number::bigint + 2147483648), 32, '0')::uuid, 'countersign.request.approved.v1',
        resource_id::text, version, :approve_payload, :n::bigint
    FROM resource
), answer AS (
    INSERT INTO idempotency (account_id, actor, key, fingerprint, response, created_at_us)
    SELECT account_id, approver_id::text, lpad(to_hex(:number::bigint), 32, '0')::uuid, :approve_fingerprint::bytea,
        :approve_response::bytea, :n::bigint
    FROM resource
)
-- The guard of the last link, as in the service: a null sequence fails the statement.
INSERT INTO history (account_id, resource_id, sequence, request_id, event, action, actor_id, actor_name,
    happened_at_us, from_state, to_state, note, digest, hash)
SELECT resource.account_id, resource_id, CASE WHEN request.version IS NOT NULL THEN resource.version END,
    lpad(to_hex(:number::bigint), 32, '0')::uuid, 'APPROVED', 'PAUSE', approver_id, 'Abel Approver', :n::bigint,
    'RUNNING', state, 'Looks good', live_digest, history_hash
FROM resource LEFT JOIN request ON true;
