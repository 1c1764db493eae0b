//! `examples/zset_range`. What it does not show is in keys.rs.

use redis_mirror_test_support::{Client, Command, Server};

use crate::harness::{Subject, on_each_server};

pub const SUBJECT: Subject = Subject { packages: &["zset_range"], drive };

fn drive(_server: &Server, client: &mut Client) {
    assert_eq!(client.text("BOARD.ADD game 10 ann"), "added");
    assert_eq!(client.text("BOARD.ADD game 30 bob"), "added");
    assert_eq!(client.text("BOARD.ADD game 5 ann IFGREATER"), "skipped");
    assert_eq!(client.text("BOARD.INCR game 15 ann"), "25");
    assert_eq!(client.text("BOARD.ADD game 20 cid"), "added");
    assert_eq!(client.texts("BOARD.TOP game 2"), ["bob", "30", "ann", "25"]);
    assert_eq!(client.texts("BOARD.BETWEEN game 20 30"), ["cid", "ann"]);
    assert_eq!(client.texts("BOARD.AROUND game ann"), ["cid", "ann", "bob"]);

    assert_eq!(client.int("QUEUE.PUSH todo wash"), 1);
    assert_eq!(client.int("QUEUE.PUSH todo cook FIRST"), 2);
    assert_eq!(client.text("QUEUE.AT todo -1"), "wash");
    assert_eq!(client.int("QUEUE.PUT todo 1 shop"), 1);
    assert_eq!(client.int("QUEUE.REPLACE todo 0 bake"), 1);
    assert_eq!(client.texts("QUEUE.ALL todo"), ["bake", "shop", "wash"]);
    assert_eq!(client.int("QUEUE.DROP todo 1"), 1);
    assert_eq!(client.text("QUEUE.POP todo LAST"), "wash");
    assert_eq!(client.text("QUEUE.POP todo"), "bake");
    assert_eq!(client.bytes("QUEUE.POP todo"), None);
}

#[test]
fn a_board_is_what_zadd_and_zrange_make_of_it() {
    on_each_server(&["zset_range"], |_, client| {
        client.run("ZADD theirs 1 a 2 b 2 c 3 d");
        for (score, player) in [("1", "a"), ("2", "b"), ("2", "c"), ("3", "d")] {
            assert_eq!(client.text(Command::new("BOARD.ADD ours").arg(score).arg(player)), "added");
        }
        assert_eq!(client.text("BOARD.ADD ours 2 b"), "unchanged");
        assert_eq!(
            client.texts("ZRANGE ours 0 -1 WITHSCORES"),
            client.texts("ZRANGE theirs 0 -1 WITHSCORES")
        );
        assert_eq!(client.texts("BOARD.TOP ours 9"), client.texts("ZRANGE theirs 0 -1 REV WITHSCORES"));
        assert_eq!(client.texts("BOARD.BETWEEN ours 1 3"), client.texts("ZRANGEBYSCORE theirs 1 (3"));
        assert_eq!(client.texts("BOARD.AROUND ours c"), ["a", "c", "d"]);
        assert_eq!(client.texts("BOARD.AROUND ours none"), Vec::<String>::new());
        assert_eq!(client.text("BOARD.SCORE ours d"), "3");
        assert_eq!(client.bytes("BOARD.SCORE ours none"), None);
        assert_eq!(client.bytes("BOARD.SCORE missing a"), None);
        assert_eq!(client.int("BOARD.LEAVE ours d"), 1);
        assert_eq!(client.int("BOARD.LEAVE ours d"), 0);
        assert_eq!(client.text("BOARD.ADD missing 1 a IFPRESENT"), "skipped");
        assert_eq!(client.int("EXISTS missing"), 0, "no sorted set without members is left behind");
        client.run("ZADD names 0 a 0 ab 0 b 0 c");
        assert_eq!(client.texts("BOARD.NAMES names ab"), ["ab", "b", "c"]);
        assert_eq!(client.texts("BOARD.NAMES names ab REVERSE"), ["c", "b", "ab"]);
    });
}

#[test]
fn errors_name_what_is_wrong() {
    on_each_server(&["zset_range"], |_, client| {
        client.run("SET string v");
        for command in
            ["BOARD.ADD string 1 a", "BOARD.TOP string 1", "BOARD.NAMES string a", "QUEUE.ALL string"]
        {
            assert!(client.refusal(command).starts_with("WRONGTYPE"), "{command}");
        }
        assert!(client.refusal("BOARD.ADD game nan a").contains("not a number"));
        assert!(client.refusal("BOARD.BETWEEN game nan 1").contains("not a number"));
        assert!(client.refusal("BOARD.ADD game 1 a NEVER").contains("syntax error"));
        assert!(client.refusal("BOARD.ADD game").contains("wrong number of arguments"));
        assert_eq!(client.int("EXISTS game"), 0);
        let docs = client.run("COMMAND DOCS board.add").to_string();
        assert!(docs.contains("Gives a player a score."), "{docs}");
    });
}

#[test]
fn what_the_commands_write_reaches_the_append_only_file() {
    use redis_mirror_test_support::servers;
    for installed in servers() {
        let options = crate::harness::options(&["zset_range"]).durable();
        let mut server = Server::start(installed, options);
        let mut client = server.client();
        client.run("BOARD.ADD game 1 a");
        client.run("BOARD.INCR game 2 a");
        client.run("QUEUE.PUSH todo x");
        client.run("QUEUE.PUSH todo y FIRST");
        client.run("QUEUE.DROP todo 1");
        server.kill_and_resume();
        let mut client = server.client();
        assert_eq!(client.texts("ZRANGE game 0 -1 WITHSCORES"), ["a", "3"], "{installed}");
        assert_eq!(client.texts("LRANGE todo 0 -1"), ["y"], "{installed}");
        assert_eq!(client.texts("COMMAND GETKEYS QUEUE.PUT todo 1 x"), ["todo"]);
    }
}
