//! `sbh`: the command line, and the local stack.

pub mod args;
pub mod chaos;
pub mod client;
pub mod commands;
pub mod demo;
pub mod failure;
pub mod home;
pub mod interrupt;
pub mod out;
pub mod progress;
pub mod stack;
pub mod style;
pub mod table;
pub mod token;
pub mod tools;
