//! `INFO mirror`, what it says of record stores.

use redis_context::{Context, InfoSection};

use super::places::PLACES;
use super::waiting::WAITING;

/// Writes the fields.
pub fn write(ctx: &Context<'_>, section: &mut InfoSection<'_>) {
    let due = PLACES.try_borrow(ctx).map_or(0, |places| places.as_ref().map_or(0, |places| places.len()));
    let waiting =
        WAITING.try_borrow(ctx).map_or(0, |waiting| waiting.as_ref().map_or(0, |waiting| waiting.len()));
    section.uint("record_stores_with_upkeep", due as u64);
    section.uint("record_clients_waiting", waiting as u64);
}
