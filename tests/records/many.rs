//! A thousand readers.

use redis_mirror_test_support::{Client, raise_file_limit};

use crate::on_each;
use crate::store::{as_feed, put, sync_command};
use crate::waiter::wait_waiting;

const READERS: usize = 1000;

/// One put wakes them all, another none.
#[test]
fn one_put_wakes_a_thousand_readers() {
    raise_file_limit();
    on_each(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET a 1 x").at;
        let mut readers: Vec<Client> = (0..READERS).map(|_| server.client()).collect();
        let command = sync_command("s", &at, "TYPE t BLOCK 0");
        for reader in &mut readers {
            reader.send(&command).expect("it is sent");
        }
        wait_waiting(server, READERS as i64);
        for number in 0..200 {
            put(&mut client, "s", &format!("SET other {number} x"));
        }
        let done = put(&mut client, "s", "SET t 1 x");
        for reader in &mut readers {
            let page = as_feed(&reader.receive().expect("an answer"));
            assert_eq!((page.ids(), &page.at), (vec!["1"], &done.at));
        }
        wait_waiting(server, 0);
    });
}
