//! Pushes, one file for each subject; the tests are named by the statement they prove.
//!
//! | | |
//! |---|---|
//! | p01 | registering, replacing, protecting, taking away handlers |
//! | p02 | predicates that find an error in whatever wraps it |
//! | p03 | names that go to the subscription table |
//! | p04 | pushes between replies, and handlers that fail |
//! | p05 | pushes in pieces, nameless and corrupt ones |
//! | p06 | the void processor |
//! | p07 | what is lost is told |
//! | p08 | what pushes say, and moves |
//! | p09 | what errors carry, and what handlers get |

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used)]

mod context;
mod demultiplexing;
mod dispatch;
mod errors;
mod forms;
mod handover;
mod inbox;
mod peer;
mod registry;
mod servers;
mod support;
mod void;
