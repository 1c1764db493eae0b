//! Whether the inner or the outer one is missing would be lost on the way.
redis_context::shared_api! {
    pub trait Api: "doubts" version 1 {
        fn get(name: &[u8]) -> Option<Option<i64>>;
    }
    pub struct Doubts;
}

fn main() {}
