//! Between modules only numbers and bytes pass, which each side can check.
redis_context::shared_api! {
    pub trait Api: "pointers" version 1 {
        fn peek(at: *const u8) -> i64;
    }
    pub struct Pointers;
}

fn main() {}
