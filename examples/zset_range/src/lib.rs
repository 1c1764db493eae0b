//! Sorted sets: scores, ranges. Lists: both ends, elements by index.
//!
//! ```text
//! > BOARD.ADD game 10 ann              added
//! > BOARD.ADD game 30 bob              added
//! > BOARD.ADD game 5 ann IFGREATER     skipped
//! > BOARD.INCR game 15 ann             "25"
//! > BOARD.ADD game 20 cid              added
//! > BOARD.TOP game 2
//! 1) "bob"
//! 2) "30"
//! 3) "ann"
//! 4) "25"
//! > BOARD.BETWEEN game 20 30
//! 1) "cid"
//! 2) "ann"
//! > BOARD.AROUND game ann
//! 1) "cid"
//! 2) "ann"
//! 3) "bob"
//!
//! > QUEUE.PUSH todo wash               (integer) 1
//! > QUEUE.PUSH todo cook FIRST         (integer) 2
//! > QUEUE.AT todo -1                   "wash"
//! > QUEUE.PUT todo 1 shop              (integer) 1
//! > QUEUE.REPLACE todo 0 bake          (integer) 1
//! > QUEUE.ALL todo
//! 1) "bake"
//! 2) "shop"
//! 3) "wash"
//! > QUEUE.DROP todo 1                  (integer) 1
//! > QUEUE.POP todo LAST                "wash"
//! > QUEUE.POP todo                     "bake"
//! > QUEUE.POP todo                     (nil)
//! ```
#![forbid(unsafe_code)]

mod board;
mod queue;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "zset_range",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    board::register(load)?;
    queue::register(load)
}
