//! Which address takes what. The OpenAPI document has all of it; this is the table for readers.
//!
//! Every list takes `cursor` and `limit` ([`crate::page::PageQuery`]) and answers
//! [`crate::Page`]. Every error is a [`crate::Problem`]. Every mutating call takes `Idempotency-Key`.
//!
//! | request | body | answer | role |
//! |---|---|---|---|
//! | `GET /api/connections` | – | `Page<Connection>` | viewer |
//! | `POST /api/connections` | `NewConnection` | 201 `ConnectionMade` | maintainer |
//! | `GET /api/connections/{id}` | – | `Connection` | viewer |
//! | `PATCH /api/connections/{id}` | `ConnectionChange` | `Connection` | maintainer |
//! | `DELETE /api/connections/{id}` | – | `Connection` | maintainer |
//! | `POST /api/connections/{id}/pause`, `…/resume` | – | `Connection` | maintainer |
//! | `POST /api/connections/{id}/test` | – | `ConnectionTested` | maintainer |
//! | `POST /api/connections/{id}/rotate` | `Rotate` | `Rotated` | maintainer |
//! | `GET /api/repositories?removed` | – | `Page<Repository>` | viewer |
//! | `POST /api/repositories` | `NewRepository` | 201 `Repository` | editor |
//! | `GET /api/repositories/{id}` | – | `Repository` | viewer |
//! | `PATCH /api/repositories/{id}` | `RepositoryChange` | `Repository` | editor |
//! | `DELETE /api/repositories/{id}` | – | `Repository` | editor |
//! | `POST /api/repositories/{id}/restore` | – | `Repository` | editor |
//! | `POST /api/repositories/{id}/sync` | – | 202 `Acknowledged` | reviewer |
//! | `GET /api/repositories/{id}/status` | – | `RepositoryStatus` | viewer |
//! | `GET /api/repositories/{id}/pull-requests` | – | `Page<PullRequest>` | viewer |
//! | `GET /api/repositories/{id}/pull-requests/{number}` | – | `PullRequestWithProofs` | viewer |
//! | `GET /api/repositories/{id}/check-runs` | – | `Page<CheckRun>` | viewer |
//! | `GET /api/repositories/{id}/specs` | – | `Page<Document>` | viewer |
//! | `GET /api/specs?repository={id}` | – | `Page<Document>` | viewer |
//! | `GET /api/specs/{document}` | – | `DocumentWithInvariants` | viewer |
//! | `PUT /api/specs/{id}?repository` | text | 202 `UploadAccepted` | editor |
//! | `GET /api/specs/{id}?repository` | – | text or `UploadedSpec` | viewer |
//! | `DELETE /api/specs/{id}?repository` | – | 202 `UploadAccepted` | editor |
//! | `GET /api/specs/{document}/invariants` | – | `Page<Invariant>` | viewer |
//! | `GET /api/specs/{document}/status` | – | `DocumentStatus` | viewer |
//! | `POST /api/specs/{document}/reprove` | `Reprove` | 200 or 202 `ReproveAnswer` | reviewer |
//! | `GET /api/inbox?state` | – | `Page<InboxRow>` | viewer |
//! | `GET /api/inbox/{id}` | – | `InboxRow` | viewer |
//! | `POST /api/inbox/{id}/retry` | – | `InboxRow` | editor |
//! | `GET /api/coverage` | – | `Coverage` | viewer |
//! | `GET /api/coverage/repository/{id or name}` | – | `RepositoryCoverage` | viewer |
//! | `GET /api/drift?repository&state&cause&acknowledged&older_than_s` | – | `Page<Drift>` | viewer |
//! | `POST /api/drift/{document}/reprove` | `Reprove` | 200 or 202 `ReproveAnswer` | reviewer |
//! | `POST /api/drift/{document}/acknowledge` | `Acknowledge` | 204 | reviewer |
//! | `DELETE /api/drift/{document}/acknowledge` | – | 204 | reviewer |
//! | `GET /api/alerts?state&kind&severity&document` | – | `Page<Alert>` | viewer |
//! | `GET /api/alerts/{id}` | – | `AlertWithTellings` | viewer |
//! | `POST /api/alerts/{id}/acknowledge` | `Acknowledge` | 204 | reviewer |
//! | `GET /api/alerts/channels` | – | `Page<Channel>` | viewer |
//! | `POST /api/alerts/channels` | `NewChannel` | 201 `Channel` | maintainer |
//! | `GET /api/alerts/channels/{id}` | – | `Channel` | viewer |
//! | `PATCH /api/alerts/channels/{id}` | `ChangeChannel` | `Channel` | maintainer |
//! | `DELETE /api/alerts/channels/{id}` | – | 204 | maintainer |
//! | `POST /api/alerts/channels/{id}/test` | – | 202 `ChannelTested` | maintainer |
//! | `GET /api/effects?state&kind` | – | `Page<Effect>` | viewer |
//! | `GET /api/effects/{id}` | – | `Effect` | viewer |
//! | `POST /api/effects/{id}/resolve` | `ResolveEffect` | `Effect` | editor |
//! | `GET /api/audit` | – | `Page<AuditEntry>` | owner |
//! | `GET /api/audit/verify` | – | `AuditVerification` | owner |
//! | `POST /webhooks/{source}/{connection}` | the source's | 202 `Acknowledged` | signature |
//! | `POST /codec/{token}/decode`, `…/encode` | `CodecPayloads` | `CodecPayloads` | codec token |
//! | `POST /codec/decode` | `CodecPayloads` | `CodecPayloads` | owner |
//! | `GET /healthz`, `/readyz`, `/metrics`, `/openapi.json`, `/docs`, `/problems/{slug}` | – | – | none |

/// The header that makes a repeated mutating call safe.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
