//! The example `copy`: each pair of versions, files, and what it refuses or loses.

use redis_mirror_test_support::digest::assert_same;
use redis_mirror_test_support::workload::Dataset;
use redis_mirror_test_support::{Installed, Options, Server, cmd};

use crate::copying::{COPIED, FAILED, NOT_EMPTY, WITH_LOSSES, WRONG_USAGE, run as copy};
use crate::{run, with_servers};

const LIBRARY: &str = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";

fn is_chosen(installed: &Installed) -> bool {
    ["redis70", "redis86", "valkey80", "valkey9"].contains(&installed.name.as_str())
}

/// Copies; the exit code and what was said.
fn copied(arguments: &[&str]) -> (u8, String) {
    let arguments: Vec<String> = arguments.iter().copied().map(String::from).collect();
    let mut log = Vec::new();
    let code = copy(&arguments, &mut log);
    (code, String::from_utf8(log).unwrap())
}

/// Plain data is equal on every target, whatever made it.
#[test]
fn each_pair_of_versions_ends_equal() {
    with_servers(is_chosen, |source| {
        with_servers(is_chosen, |target| {
            let (from, to) = (Server::start(source, Options::new()), Server::start(target, Options::new()));
            let mut client = from.client();
            for words in [
                "SET s 1",
                "SET e x PX 100000000",
                "RPUSH l a b c",
                "SADD set a b 3",
                "SADD ints 1 2 3",
                "ZADD z 1.5 a -inf b",
                "HSET h f v g w",
                "XADD x 1-1 f v",
                "XGROUP CREATE x g 0",
                "PFADD hll a b c",
                "SELECT 9",
                "SET far away",
            ] {
                run(&mut client, words);
            }
            client.run(cmd!("FUNCTION", "LOAD", LIBRARY));
            let (code, said) = copied(&[&from.url(), &to.url()]);
            assert_eq!(code, COPIED, "{source} to {target}: {said}");
            assert_same(&from, &to);
            assert_eq!(to.client().run(cmd!("FCALL", "f", 0)), redis_mirror_test_support::Value::Int(1));
        });
    });
}

/// Every kind of value and encoding, to the same version.
#[test]
fn every_kind_of_value_is_copied() {
    with_servers(is_chosen, |installed| {
        let (from, to) = (Server::start(installed, Options::new()), Server::start(installed, Options::new()));
        Dataset::new(3, 400).load(&mut from.client()).unwrap();
        let (code, said) = copied(&[&from.url(), &to.url()]);
        assert_eq!(code, COPIED, "{installed}: {said}");
        assert_same(&from, &to);
    });
}

#[test]
fn an_aof_directory_is_copied() {
    with_servers(is_chosen, |installed| {
        let (from, to) =
            (Server::start(installed, Options::new().durable()), Server::start(installed, Options::new()));
        let mut client = from.client();
        Dataset::new(3, 100).load(&mut client).unwrap();
        let path = from.dir().join("appendonlydir").display().to_string();
        let (code, said) = copied(&[&path, &to.url()]);
        assert_eq!(code, COPIED, "{installed}: {said}");
        assert_same(&from, &to);
    });
}

#[test]
fn a_target_with_data_is_refused_unless_told_otherwise() {
    with_servers(is_chosen, |installed| {
        let (from, to) = (Server::start(installed, Options::new()), Server::start(installed, Options::new()));
        run(&mut from.client(), "SET k new");
        run(&mut to.client(), "SET k old");
        assert_eq!(copied(&[&from.url(), &to.url()]).0, NOT_EMPTY);
        assert_eq!(to.client().text(cmd!("GET", "k")), "old");
        assert_eq!(copied(&["--replace", &from.url(), &to.url()]).0, COPIED);
        assert_eq!(to.client().text(cmd!("GET", "k")), "new");
    });
}

#[test]
fn what_is_lost_is_told() {
    with_servers(
        |installed| installed.name == "valkey9",
        |source| {
            with_servers(
                |installed| installed.name == "redis70",
                |target| {
                    let (from, to) =
                        (Server::start(source, Options::new()), Server::start(target, Options::new()));
                    run(&mut from.client(), "HSET h f v");
                    run(&mut from.client(), "HPEXPIRE h 100000000 FIELDS 1 f");
                    let (code, said) = copied(&[&from.url(), &to.url()]);
                    assert_eq!(code, WITH_LOSSES, "{said}");
                    assert!(said.contains("expiry of hash fields: h: FieldTtl(1)"), "{said}");
                },
            );
        },
    );
}

/// A target whose RESTORE is forbidden gets commands.
#[test]
fn without_restore_values_are_rebuilt_by_commands() {
    with_servers(is_chosen, |installed| {
        let (from, to) = (Server::start(installed, Options::new()), Server::start(installed, Options::new()));
        for words in ["SET s 1 PX 100000000", "RPUSH l a b", "HSET h f v", "ZADD z 1 a", "SADD t a"] {
            run(&mut from.client(), words);
        }
        run(&mut to.client(), "ACL SETUSER copier on >p@ss ~* +@all -restore");
        let url = format!("redis://copier:p%40ss@{}", to.address());
        let (code, said) = copied(&[&from.url(), &url]);
        assert_eq!(code, COPIED, "{installed}: {said}");
        assert_same(&from, &to);
    });
}

#[test]
fn wrong_arguments_and_absent_servers_have_codes() {
    assert!(crate::copying::help(&["--help".into()]).is_some_and(|text| text.starts_with("usage: copy")));
    assert_eq!(copied(&[]).0, WRONG_USAGE);
    assert_eq!(copied(&["--fast", "redis://a", "redis://b"]).0, WRONG_USAGE);
    assert_eq!(copied(&["redis://a", "http://b"]).0, WRONG_USAGE);
    let (code, said) = copied(&["redis://:secret@127.0.0.1:2", "redis://:secret@127.0.0.1:1"]);
    assert_eq!(code, FAILED, "{said}");
    assert!(!said.contains("secret"), "{said}");
}
