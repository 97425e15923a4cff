//! The starter: turns webhooks and API calls into inbox rows and these into signals, and answers
//! how everything stands. A thin layer: what is decided is decided in `domain`, what is kept is kept
//! by `store`, what lasts is done by workflows.

pub mod acceptor;
pub mod auth;
pub mod background;
pub mod checks;
pub mod codec;
pub mod depth;
pub mod dispatcher;
pub mod docs;
pub mod engine;
pub mod extract;
pub mod health;
pub mod idempotency;
pub mod inbox_limit;
pub mod listen;
pub mod metrics;
pub mod middleware;
pub mod notify;
pub mod openapi;
pub mod paging;
pub mod problem;
pub mod reconciler;
pub mod router;
pub mod routes;
pub mod serve;
pub mod state;
pub mod wake;
pub mod webhooks;
