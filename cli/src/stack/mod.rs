//! The local stack: PostgreSQL, Valkey, Temporal, the starter and the workers, as processes of
//! this machine that listen on loopback only.
//!
//! One hidden process, [`supervise`], is the parent of all parts: it starts them, starts them
//! again when they crash, and ends them in order. The commands only start it, watch the state that
//! it writes, and send it signals.

pub mod control;
pub mod down;
pub mod environment;
mod keys;
pub mod logs;
pub mod part;
pub mod plan;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod program;
pub mod programs;
pub mod ready;
pub mod reset;
pub mod secrets;
pub mod spawn;
pub mod state;
pub mod status;
pub mod supervise;
pub mod temporal;
pub mod up;
pub mod valkey;

pub use plan::Plan;
