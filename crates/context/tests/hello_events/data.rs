//! A data type, its auxiliary data, and INFO.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Server, servers};

use crate::{journal, on_each_server, options};

#[test]
fn values_are_saved_loaded_copied_and_digested() {
    on_each_server(|_, client| {
        client.run(Command::new("HE.LIST.PUSH l a").arg(b"b\0\xff".as_slice()));
        client.run("COPY l twin");
        assert_eq!(client.run("HE.LIST.ALL l"), client.run("HE.LIST.ALL twin"));
        assert_eq!(client.run("DEBUG DIGEST-VALUE l"), client.run("DEBUG DIGEST-VALUE twin"));
        client.run("HE.LIST.PUSH twin c");
        assert_ne!(client.run("DEBUG DIGEST-VALUE l"), client.run("DEBUG DIGEST-VALUE twin"));
        assert!(client.int("MEMORY USAGE l") > 0);
        let before = client.run("HE.LIST.ALL twin");
        client.run("DEBUG RELOAD");
        assert_eq!(client.run("HE.LIST.ALL twin"), before);
        client.run("SET string v");
        assert!(client.refusal("HE.LIST.ALL string").starts_with("WRONGTYPE"));
        assert!(client.refusal("HE.KEY.HGET l f").starts_with("WRONGTYPE"));
        // More than 64 texts are freed by the background thread.
        client.run(Command::new("HE.LIST.PUSH large").args((0..500).map(|at| at.to_string())));
        client.run("UNLINK large");
        client.run("FLUSHALL ASYNC");
    });
}

#[test]
fn a_truncated_value_is_refused_and_harms_nothing() {
    on_each_server(|_, client| {
        client.run("HE.LIST.PUSH l a b c");
        let dump = client.bytes("DUMP l").expect("a payload");
        client.run(Command::new("RESTORE copy 0").arg(dump.as_slice()));
        assert_eq!(client.run("HE.LIST.ALL copy"), client.run("HE.LIST.ALL l"));
        for cut in 1..dump.len().saturating_sub(11) {
            // The checksum is right, or the server would not ask the type at all.
            let mut short = dump[..cut].to_vec();
            short.extend_from_slice(&dump[dump.len() - 10..dump.len() - 8]);
            let sum = crc64(&short);
            short.extend_from_slice(&sum.to_le_bytes());
            client.refusal(Command::new("RESTORE cut 0").arg(short.as_slice()));
        }
    });
}

/// CRC-64 as the servers compute it (crc64.c, Redis 7.0): polynomial 0xad93d23594c935a9, reflected.
fn crc64(bytes: &[u8]) -> u64 {
    let polynomial = 0xad93_d235_94c9_35a9_u64.reverse_bits();
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ u64::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ polynomial } else { crc >> 1 }
            },
        )
    })
}

#[test]
fn auxiliary_data_survives_reloads_and_restarts() {
    for installed in servers() {
        let mut server = Server::start(installed, options().set("save", "\"3600 1\""));
        let mut client = server.client();
        client.run("HE.AUX state");
        client.run("DEBUG RELOAD");
        assert_eq!(client.text("HE.AUX"), "state");
        assert!(journal(&mut client).iter().any(|line| line.ends_with("version 3: state")));
        client.run("SAVE");
        server.kill_and_resume();
        let mut client = server.client();
        assert_eq!(client.text("HE.AUX"), "state", "{installed}");
        // Nothing to save: nothing is loaded, and the old state does not survive.
        client.run(Command::new("HE.AUX").arg(""));
        client.run("SAVE");
        client.run("HE.AUX newer");
        client.run("HE.JOURNAL CLEAR");
        client.run("DEBUG RELOAD NOSAVE");
        assert_eq!(client.text("HE.AUX"), "", "{installed}");
        assert!(!journal(&mut client).iter().any(|line| line.starts_with("aux")));
    }
}

#[test]
fn auxiliary_data_of_each_server_loads_on_every_later_one() {
    let servers = servers();
    for (at, from) in servers.iter().enumerate() {
        let source = Server::start(from, options());
        let mut client = source.client();
        client.run("HE.AUX travelling");
        client.run("SAVE");
        let snapshot = source.dir().join("dump.rdb");
        let later = servers[at..].iter().filter(|to| to.version.family == from.version.family);
        for to in later {
            let mut target = Server::start(to, options());
            target.kill();
            std::fs::copy(&snapshot, target.dir().join("dump.rdb")).expect("the snapshot is copied");
            target.resume();
            assert_eq!(target.client().text("HE.AUX"), "travelling", "{from} -> {to}");
        }
    }
}

#[test]
fn a_panic_in_a_save_fails_the_save_and_nothing_else() {
    on_each_server(|server, client| {
        for (poison, cure) in [("HE.LIST.PUSH l panic:save", "DEL l"), ("HE.AUX panic:aux", "HE.AUX fine")] {
            client.run(poison);
            client.run("BGSAVE");
            wait_until("the child is gone", || {
                server.info("persistence").number("rdb_bgsave_in_progress") == Some(0)
            });
            assert_eq!(server.info("persistence").get("rdb_last_bgsave_status"), Some("err"), "{poison}");
            client.run(cure);
            client.run("BGSAVE");
            wait_until("the save succeeds", || {
                server.info("persistence").get("rdb_last_bgsave_status") == Some("ok")
            });
        }
    });
}

#[test]
fn an_aof_rewrite_without_preamble_writes_commands() {
    for installed in servers() {
        let mut server = Server::start(installed, options().durable().set("aof-use-rdb-preamble", "no"));
        let mut client = server.client();
        client.run("HE.LIST.PUSH l one two");
        client.run("BGREWRITEAOF");
        wait_until("the rewrite ends", || {
            let info = server.info("persistence");
            info.number("aof_rewrite_in_progress") == Some(0)
                && info.number("aof_rewrite_scheduled") == Some(0)
        });
        server.kill_and_resume();
        assert_eq!(server.client().texts("HE.LIST.ALL l"), ["one", "two"], "{installed}");
    }
}

#[test]
fn info_has_the_module_s_sections_also_in_a_crash_report() {
    for installed in servers() {
        let mut server = Server::start(installed, options());
        let mut client = server.client();
        let info = client.text("INFO hello_events_journal");
        for line in [
            "hello_events_text:a__b:c",
            "hello_events_double:1.5",
            "hello_events_asked:1",
            "hello_events_dict_of:minus=-1,text=x_y_z",
        ] {
            assert!(info.contains(line), "{line} is not in {info}");
        }
        assert!(client.text("INFO everything").contains("hello_events_lines:"));
        assert!(server.log().contains("in an INFO section"), "the panic of the other writer is logged");
        let _ = client.call("DEBUG SEGFAULT");
        server.wait_end();
        assert!(server.log().contains("hello_events_crashed:1"), "{installed}");
    }
}
