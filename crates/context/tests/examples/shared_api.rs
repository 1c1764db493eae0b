//! `examples/shared_api_exporter` and `examples/shared_api_importer`.

use redis_mirror_test_support::{Client, Command, Folder, Options, Server, Value, cmd, servers};

use crate::example;
use crate::harness::{Subject, on_each_server};

pub const SUBJECT: Subject = Subject { packages: &["shared_api_exporter", "shared_api_importer"], drive };

fn drive(_server: &Server, client: &mut Client) {
    assert_eq!(client.int("COUNTER.ADD visits 2"), 2);
    assert_eq!(client.int("COUNTER.GET visits"), 2);
    assert_eq!(client.bytes("COUNTER.GET nothing"), None);
    assert_eq!(client.int("HIT /index.html"), 1);
    assert_eq!(client.int("COUNTER.GET /index.html"), 1);
    for hits in 2..5 {
        assert_eq!(client.int("HIT /index.html"), hits);
    }
    assert_eq!(client.text("HIT.MOST"), "/index.html");
    let refusal = client.refusal("MODULE UNLOAD shared_api_exporter");
    assert!(refusal.starts_with("ERR Error unloading module"), "{refusal}");
}

#[test]
fn a_module_calls_anothers_functions_and_keeps_it_loaded() {
    on_each_server(&["shared_api_exporter", "shared_api_importer"], drive);
}

fn path(package: &str) -> String {
    example::module(package).display().to_string()
}

/// Tells a story to each server there is, without modules at first, but with commands to load some.
fn on_each_empty_server(story: impl Fn(&mut Client)) {
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, Options::new());
        story(&mut server.client());
        assert!(server.is_running(), "{installed} has ended:\n{}", server.log_tail());
        server.client().run("PING");
    }
}

#[test]
fn the_exporter_may_come_later_and_goes_after_the_importer() {
    let (exporter, importer) = (path("example_shared_api_exporter"), path("example_shared_api_importer"));
    on_each_empty_server(|client| {
        client.run(cmd!("MODULE", "LOAD", &importer));
        assert!(client.refusal("HIT x").contains("no module exports it now"));
        client.run(cmd!("MODULE", "LOAD", &exporter));
        for round in 1..4 {
            assert_eq!(client.int("HIT x"), 1);
            assert!(client.refusal("MODULE UNLOAD shared_api_exporter").contains("Error unloading"));
            client.run("MODULE UNLOAD shared_api_importer");
            client.run("MODULE UNLOAD shared_api_exporter");
            // The importer's statics may have outlived it: what it had imported must not.
            client.run(cmd!("MODULE", "LOAD", &importer));
            assert!(client.refusal("HIT x").contains("no module exports it now"), "round {round}");
            client.run(cmd!("MODULE", "LOAD", &exporter));
        }
    });
}

/// With the module for tests loaded.
fn on_each_probe(story: impl Fn(&mut Client)) {
    let probe = path("shared_probe");
    on_each_empty_server(|client| {
        client.run(cmd!("MODULE", "LOAD", &probe));
        story(client);
    });
}

#[test]
fn each_kind_of_value_crosses_as_it_is() {
    on_each_probe(|client| {
        let answers: Vec<Value> = [1, 7, -1, 75, 1].map(Value::Int).to_vec();
        assert_eq!(client.run("AP.KINDS"), Value::Array(answers));
        let long: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
        for bytes in [b"".as_slice(), b"a\0%s%n\r\n", b"\xff\xfe", &long] {
            let twice = client.bytes(Command::new("AP.TWICE").arg(bytes));
            assert_eq!(twice, Some([bytes, bytes].concat()));
        }
        assert_eq!(client.int("AP.NESTED 100"), 100);
    });
}

#[test]
fn a_panic_or_an_error_in_a_shared_function_is_an_error_of_its_caller() {
    for installed in servers() {
        let server = Server::start(installed, Options::new().module(&example::module("shared_probe"), ""));
        let mut client = server.client();
        assert!(client.refusal("AP.PANICS").contains("the function panicked: see the log"));
        assert!(server.log().contains("in a shared function"), "{}", server.log_tail());
        assert!(client.refusal(cmd!("AP.REFUSE", "not today")).contains("not today"));
        let odd = client.refusal(Command::new("AP.REFUSE").arg(b"%s%n\0\r\n\xff".as_slice()));
        assert!(odd.contains("%s%n"), "{odd}");
        assert_eq!(client.int("AP.NESTED 3"), 3);
    }
}

#[test]
fn a_table_of_another_version_or_with_other_functions_is_refused() {
    let (exporter, probe) = (path("example_shared_api_exporter"), path("shared_probe"));
    on_each_empty_server(|client| {
        client.run(cmd!("MODULE", "LOAD", &probe));
        assert!(client.refusal("AP.OTHER VERSION").contains("no module exports it now"));
        client.run(cmd!("MODULE", "LOAD", &exporter));
        assert!(client.refusal("AP.OTHER VERSION").contains("it is exported in another version"));
        assert!(client.refusal("AP.OTHER FUNCTIONS").contains("it is exported with other functions"));
        assert_eq!(client.int("COUNTER.ADD x 1"), 1);
    });
}

#[test]
fn no_shared_function_runs_while_a_key_is_open() {
    on_each_probe(|client| {
        client.run("SET k v");
        assert_eq!(client.int("AP.OPEN k"), 1);
    });
}

/// A command of the server's may hold the value: what the calling module may not do there the called one may not either.
#[test]
fn a_shared_function_knows_that_its_caller_is_told_of_an_event() {
    let folder = Folder::new("listener");
    let probe = path("shared_probe");
    let copy = example::renamed(probe.as_ref(), "shared_probe", "other_module", folder.path());
    on_each_empty_server(|client| {
        client.run(cmd!("MODULE", "LOAD", &probe));
        client.run(cmd!("MODULE", "LOAD", copy.display().to_string(), "LISTENER"));
        client.run("SET k 17");
        let heard = client.texts("AP.HEARD");
        assert!(heard.len() == 1 && heard[0].contains("event"), "{heard:?}");
        assert_eq!(client.text("AP.READ k"), "17");
    });
}

#[test]
fn an_import_is_worth_nothing_in_another_life_of_its_module() {
    let probe = path("shared_probe");
    on_each_probe(|client| {
        client.run("AP.STALE KEEP");
        assert_eq!(client.int("AP.STALE USE"), 2);
        // It uses itself, so the server keeps it, and that is well: nothing of it is unmapped.
        assert!(client.refusal("MODULE UNLOAD shared_probe").contains("Error unloading"));
        assert!(client.call(cmd!("MODULE", "LOAD", &probe)).is_err(), "it is loaded");
        assert_eq!(client.int("AP.STALE USE"), 2);
    });
}
