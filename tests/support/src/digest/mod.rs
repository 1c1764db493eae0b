//! The oracle: whether a local server holds exactly what its source does, under the names it should.
//!
//! Every key of the source in scope is compared with the key it maps to: type, DEBUG DIGEST-VALUE (sorted sets
//! by their members and scores: their digests differ between versions for the same scores), the time it expires at (within 1 ms), each hash field's own, and all a stream knows about its groups, consumers and
//! pending entries. Keys of the local scope that no source key maps to are differences too.
//!
//! The servers must be quiet; that keys expire meanwhile is allowed for. Both need `enable-debug-command yes`
//! and PEXPIRETIME (7.0).

mod compare;
mod facts;
mod mapping;

pub use compare::{KeyDifference, Report, compare};
pub use mapping::Mapping;

use crate::wait::wait_for;
use crate::{Client, Result, Server};

/// The whole server's DEBUG DIGEST, all databases, without expiry times.
///
/// # Errors
/// Those of [`Client::call`].
pub fn of(client: &mut Client) -> Result<String> {
    Ok(client.call("DEBUG DIGEST")?.as_text().unwrap_or_default())
}

/// Proves that `local` holds what a mirror of `source` with this mapping should, and nothing else in its scope.
///
/// # Panics
/// With the first keys that differ.
#[track_caller]
pub fn assert_mirrored(source: &Server, local: &Server, mapping: &Mapping) {
    let report = compare(&mut source.client(), &mut local.client(), mapping);
    let report = report.unwrap_or_else(|error| panic!("comparing: {error}"));
    assert!(report.is_equal(), "{} and {} differ: {report}", source.installed(), local.installed());
}

/// Waits until [`assert_mirrored`] would pass: for what each server removes in its own time, such as fields of hashes that
/// have expired, which a digest counts until they are gone.
///
/// # Panics
/// With the first keys that differ in the end.
#[track_caller]
pub fn wait_mirrored(source: &Server, local: &Server, mapping: &Mapping) {
    wait_for("the servers hold the same", || {
        let report = compare(&mut source.client(), &mut local.client(), mapping);
        let report = report.map_err(|error| error.to_string())?;
        if report.is_equal() { Ok(()) } else { Err(report.to_string()) }
    });
}

/// Proves that two servers hold the same.
///
/// # Panics
/// With the first keys that differ.
#[track_caller]
pub fn assert_same(source: &Server, local: &Server) {
    assert_mirrored(source, local, &Mapping::identity());
}
