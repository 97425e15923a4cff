//! Many notices of one tenant in one statement: the trip to the database and the commit cost as much
//! for a hundred rows as for one.

use sbh_domain::{InboxId, RepositoryId, TenantId};
use uuid::Uuid;

use crate::inbox::{Accepted, NewNotice, Stored};
use crate::{Store, StoreError};

impl Store {
    /// Commits notices of one tenant, as [`Store::accept`] does each of them, and answers in their
    /// order. After this returns they may be acknowledged.
    ///
    /// # Errors
    /// When nothing of it could be committed. What is wrong with a notice alone is its own answer.
    pub async fn accept_batch(
        &self,
        tenant: &TenantId,
        notices: &[&NewNotice],
    ) -> Result<Vec<Result<Accepted, StoreError>>, StoreError> {
        let mut answers: Vec<Option<Accepted>> = vec![None; notices.len()];
        if notices.len() > 1 {
            self.add_new(tenant, notices, &mut answers).await?;
        }
        // Duplicates and what names no repository of the tenant are looked at one by one.
        let mut all = Vec::with_capacity(notices.len());
        for (notice, answer) in notices.iter().zip(answers) {
            all.push(match answer {
                Some(answer) => Ok(answer),
                None => self.accept(notice).await,
            });
        }
        Ok(all)
    }

    async fn add_new(
        &self,
        tenant: &TenantId,
        notices: &[&NewNotice],
        answers: &mut [Option<Accepted>],
    ) -> Result<(), StoreError> {
        let mut rows: Vec<(usize, Uuid, RepositoryId, Stored)> = notices
            .iter()
            .enumerate()
            .filter(|(_, notice)| notice.tenant == *tenant)
            .map(|(at, notice)| (at, Uuid::now_v7(), notice.repository, Stored::of(notice)))
            .collect();
        // In one order everywhere, so that two batches with the same notices never wait for each other
        // in a circle. Of equal notices the first is the one that is added.
        rows.sort_by(|a, b| (a.2, &a.3.dedup_key).cmp(&(b.2, &b.3.dedup_key)));
        rows.dedup_by(|a, b| (a.2, &a.3.dedup_key) == (b.2, &b.3.dedup_key));
        let places: std::collections::HashMap<Uuid, usize> =
            rows.iter().map(|(at, id, ..)| (*id, *at)).collect();
        let ids: Vec<_> = rows.iter().map(|row| row.1).collect();
        let repositories: Vec<_> = rows.iter().map(|row| row.2.0).collect();
        let given = |at: usize| notices[at];
        let sources: Vec<_> = rows.iter().map(|row| given(row.0).source.to_owned()).collect();
        let connections: Vec<_> =
            rows.iter().map(|row| given(row.0).connection.map(|connection| connection.0)).collect();
        let pulls: Vec<_> = rows.iter().map(|row| given(row.0).pull_number).collect();
        let mut keys = Vec::with_capacity(rows.len());
        let mut hints = Vec::with_capacity(rows.len());
        let mut traces = Vec::with_capacity(rows.len());
        let mut documents = Vec::with_capacity(rows.len());
        for (_, _, _, stored) in rows {
            keys.push(stored.dedup_key);
            hints.push(stored.hint);
            traces.push(stored.trace);
            documents.push(stored.document_key);
        }
        // One round trip, as in `inbox::insert`: `scope` is a volatile function in a CTE, and each
        // repository is looked up by a scalar subquery per given row, hence after it.
        let added = sqlx::query_scalar!(
            "WITH scope AS MATERIALIZED (SELECT set_config('sbh.tenant', $1, true) AS tenant),
                 given AS MATERIALIZED (
                     SELECT given.*, scope.tenant
                     FROM scope
                     CROSS JOIN unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[],
                                       $7::text[], $8::text[], $9::text[], $10::bigint[])
                         WITH ORDINALITY
                         AS given (id, repository, source, connection, key, hint, trace, document,
                                   pull, n)
                 ), found AS MATERIALIZED (
                     SELECT given.*,
                            (SELECT repository.id FROM repositories repository
                             WHERE repository.tenant_id = given.tenant
                               AND repository.id = given.repository
                               AND repository.removed_at IS NULL) AS tracked
                     FROM given
                 )
             INSERT INTO inbox
                 (id, tenant_id, repository_id, source, connection_id, dedup_key, hint, traceparent,
                  document_key, pull_number)
             SELECT id, tenant, tracked, source, connection, key, hint::json, trace, document, pull
             FROM found WHERE tracked IS NOT NULL ORDER BY n
             ON CONFLICT (tenant_id, repository_id, dedup_key)
                 WHERE state = 'open' AND sync_id IS NULL AND taken_at IS NULL DO NOTHING
             RETURNING id",
            tenant.as_str(),
            &ids,
            &repositories,
            &sources,
            &connections as &[Option<Uuid>],
            &keys,
            &hints,
            &traces as &[Option<String>],
            &documents as &[Option<String>],
            &pulls as &[Option<i64>],
        )
        .fetch_all(&self.app)
        .await?;
        for id in added {
            if let Some(at) = places.get(&id) {
                answers[*at] = Some(Accepted::New(InboxId(id)));
            }
        }
        Ok(())
    }
}
