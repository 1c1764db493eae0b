//! Somebody flushes or swaps the mirror's keys here: it starts over.

use redis_mirror_test_support::{Command, cmd, wait::wait_until};

use super::{AtWork, on_all};

#[test]
fn local_flushes_and_swaps() {
    on_all(|server| {
        let mut at = AtWork::start(server);
        let accidents: [Command; 3] = [cmd!("FLUSHDB"), cmd!("SWAPDB", 1, 5), cmd!("FLUSHALL", "ASYNC")];
        for (done, accident) in (1..).zip(accidents) {
            let mut client = at.local().client();
            client.run(cmd!("SELECT", 1));
            client.run(accident);
            wait_until("another full resync", || at.status().number("full_resyncs") == done + 1);
            wait_until("it streams", || at.status().state() == "streaming");
        }
        // What the accidents did outside the scope is not the mirror's to mend.
        let mut client = at.local().client();
        client.run("FLUSHDB");
        client.run(cmd!("SELECT", 5));
        client.run("FLUSHDB");
        client.run(cmd!("SELECT", 0));
        for n in 0..100 {
            client.run(cmd!("SET", format!("own:{n}"), n));
        }
        at.assert_exact(4);
    });
}
