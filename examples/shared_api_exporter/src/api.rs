//! What both modules agree on. Each of them expands it: the exporter as its own module, an importer from a crate or
//! a file that they share.

redis_context::shared_api! {
    /// Counters by name.
    pub trait CounterApi: "counters" version 1 {
        /// Adds to a counter; its new value.
        fn add(name: &[u8], by: i64) -> i64;
        /// A counter's value, if it was ever added to.
        fn get(name: &[u8]) -> Option<i64>;
        /// The name of the largest counter.
        fn largest() -> Option<Vec<u8>>;
        /// Forgets all counters.
        fn clear();
    }

    /// The counters of the module that has them.
    pub struct Counters;
}
