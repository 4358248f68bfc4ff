-- What both contenders start from: accounts that gate product experiences, one running A/B test per worker and account,
-- and requests that were decided long ago. Wants the psql variables `accounts`, `workers` and `old`.

-- An id that both contenders can compute: what it is of (a hex digit), a number in the account, and the account's number,
-- which is in the lower half, because that half is what the service tells accounts apart by in its advisory locks.
-- cycle.sql and load.rs do the same.
CREATE FUNCTION pg_temp.id(kind text, account bigint, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT (kind || lpad(to_hex(number), 15, '0') || lpad(to_hex(account), 16, '0'))::uuid $$;

CREATE FUNCTION pg_temp.now_us() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT (extract(epoch FROM now()) * 1000000)::bigint $$;

INSERT INTO accounts (account_id, name, features, rules_version, created_at_us)
SELECT pg_temp.id('a', account, 0), 'Acme ' || account, 'ab_testing campaign_approval', 1, pg_temp.now_us()
FROM generate_series(1, :accounts) AS account;

INSERT INTO members (account_id, member_id, email, email_folded, display_name, locale, system_role, approval_right,
    state, version, created_at_us)
SELECT pg_temp.id('a', account, 0), pg_temp.id(kind, account, 0), email, email, name, 'en', role, false, 'ACTIVE', 1,
    pg_temp.now_us()
FROM generate_series(1, :accounts) AS account,
    (VALUES ('b', 'ada@acme.example', 'Ada Admin', 'ADMIN'),
            ('c', 'carl@acme.example', 'Carl Creator', 'CREATOR'),
            ('d', 'abel@acme.example', 'Abel Approver', 'APPROVER')) AS member (kind, email, name, role);

INSERT INTO policies (account_id, area, enabled, required_approvals, allow_self_approval, rejection_note_required,
    cancellation, request_max_age_us, minimum_lead_time_us, version, updated_at_us)
SELECT pg_temp.id('a', account, 0), 'PRODUCT_EXPERIENCES', true, 1, false, false, 'NOBODY', NULL, 0, 1, pg_temp.now_us()
FROM generate_series(1, :accounts) AS account;

CREATE TEMPORARY TABLE content AS
SELECT body, 'sha256:' || encode(sha256(convert_to(body, 'UTF8')), 'hex') AS digest
FROM (VALUES ('{"metric":"clicks","page":"/checkout","traffic":0.5,"variants":{"blue":{"label":"Pay now"},'
    '"green":{"label":"Buy"}}}')) AS content (body);

-- The workers' tests ('e'), and one ('f') for every ten of the old requests.
INSERT INTO resources (account_id, resource_id, kind, external_id, title, owner_id, state, approval_status, live_body,
    live_digest, live_revision, variants, version, created_at_us, updated_at_us)
SELECT pg_temp.id('a', account, 0), pg_temp.id(kind, account, number), 'ab_test', kind || number, 'Button colour',
    pg_temp.id('c', account, 0), 'RUNNING', 'NONE', body, digest, 1, '["green","blue"]',
    CASE kind WHEN 'e' THEN 1 ELSE 21 END, pg_temp.now_us(), pg_temp.now_us()
FROM content, generate_series(1, :accounts) AS account,
    (SELECT 'e', number FROM generate_series(0, :workers - 1) AS number
     UNION ALL SELECT 'f', number FROM generate_series(0, :old / :accounts / 10) AS number) AS resource (kind, number);

CREATE TEMPORARY TABLE old AS
SELECT account, number, number / 10 AS resource, number % 10 AS nth,
    pg_temp.now_us() - 2592000000000 + number::bigint * 1000000 AS at_us
FROM generate_series(1, :accounts) AS account, generate_series(0, :old / :accounts - 1) AS number;

INSERT INTO requests (account_id, request_id, resource_id, kind, resource_title, area, action, from_state,
    pending_label, target_state, submitter_id, submitter_name, note, digest, required_approvals, created_at_us, state,
    version, ended_by_id, ended_by_name, ended_at_us, ended_note)
SELECT pg_temp.id('a', account, 0), pg_temp.id('0', account, number), pg_temp.id('f', account, resource), 'ab_test',
    'Button colour', 'PRODUCT_EXPERIENCES', 'PAUSE', 'RUNNING', 'PAUSE_PENDING', 'PAUSED', pg_temp.id('c', account, 0),
    'Carl Creator', 'Please have a look', digest, 1, at_us, 'APPROVED', 2, pg_temp.id('d', account, 0), 'Abel Approver',
    at_us + 1000000, 'Looks good'
FROM old, content;

INSERT INTO decisions (account_id, request_id, member_id, member_name, verdict, note, decided_at_us, request_version)
SELECT pg_temp.id('a', account, 0), pg_temp.id('0', account, number), pg_temp.id('d', account, 0), 'Abel Approver',
    'APPROVED', 'Looks good', at_us + 1000000, 2
FROM old;

INSERT INTO history (account_id, resource_id, sequence, request_id, event, action, actor_id, actor_name,
    happened_at_us, from_state, to_state, note, digest, hash)
SELECT pg_temp.id('a', account, 0), pg_temp.id('f', account, resource), 2 + nth * 2 + step,
    pg_temp.id('0', account, number), event, 'PAUSE', pg_temp.id(kind, account, 0), name, at_us + step * 1000000,
    'RUNNING', to_state, note, digest, '\x01'::bytea || sha256(convert_to(number::text, 'UTF8'))
FROM old, content,
    (VALUES (0, 'SUBMITTED', 'c', 'Carl Creator', 'RUNNING', 'Please have a look'),
            (1, 'APPROVED', 'd', 'Abel Approver', 'PAUSED', 'Looks good')) AS entry (step, event, kind, name, to_state, note);

-- Keys are kept for a week, requests for years: only some of the old requests still have theirs.
INSERT INTO idempotency (account_id, actor, key, fingerprint, response, created_at_us)
SELECT pg_temp.id('a', account, 0), pg_temp.id('c', account, 0)::text, pg_temp.id('0', account, number),
    sha256(convert_to(number::text, 'UTF8')), convert_to(repeat('x', 700), 'UTF8'), pg_temp.now_us()
FROM old WHERE nth = 0;

VACUUM ANALYZE;
CHECKPOINT;
