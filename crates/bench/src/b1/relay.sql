-- What the service's relay does in the database, so that both outboxes stay as short: claim a batch, and delete it once
-- the broker has confirmed it, which takes some milliseconds.

BEGIN;
SELECT coalesce(array_agg(position), '{}') AS positions, count(payload) AS events
FROM (SELECT position, payload FROM outbox ORDER BY position LIMIT 500 FOR UPDATE SKIP LOCKED) AS batch \gset
\sleep 5 ms
DELETE FROM outbox WHERE position = ANY (:positions::bigint[]);
COMMIT;
