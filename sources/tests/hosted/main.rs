//! Hosted sources against stand-ins of their services: what is genuine, what is fetched, what changed.
#![allow(clippy::unwrap_used)]

mod confluence;
mod confluence_deliveries;
mod converters;
mod github;
mod google_channels;
mod google_docs;
mod jira;
mod jira_deliveries;
mod markup;
mod world;
