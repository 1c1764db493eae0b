//! The decisions of a mirror, without IO: filters, key maps, plans, checkpoints.
