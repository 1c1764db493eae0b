//! Names of commands, groups, subcommands and categories.

use redis_mirror_test_support::{
    Client, Command, Family, Folder, Installed, Options, Server, Value, cmd, servers,
};

use crate::{NAME, come_and_go, example, is_7_0, load, on_each, path, refusal, tell};

const BAD: [&[u8]; 16] = [
    b"",
    b"a b",
    b"a\r\nb",
    b"a|b",
    b"a\"b",
    b"a'b",
    b"a\\b",
    b"\xff\xfe",
    b"\xc3\xa4",
    b"a\tb",
    b"a\x1b[1m",
    b"#a",
    b"a:b",
    b"(a)",
    b"@a",
    b"a,b=c",
];
const GOOD: [&[u8]; 7] = [b"odd.x", b"ODD.Upper", b"50%s%n", b"*1", b"$3", b"+a/b-c~d", b"[x]{y}?!;<>^&`"];

#[test]
fn a_command_s_name_works_or_is_refused_by_name() {
    on_each(&Options::new(), |server, client, _| {
        let long = [b'x'; 129];
        for name in BAD.iter().copied().chain([&long[..]]) {
            let line = refusal(server, client, [b"COMMAND".as_slice(), name]);
            let shown = name[..name.len().min(64)].escape_ascii().to_string();
            assert!(line.starts_with(&format!("the command \"{shown}")), "{line}");
            assert!(line.contains("its name is not valid"), "{line}");
        }
        for name in GOOD.iter().copied().chain([&long[1..]]) {
            assert_eq!(load(client, [b"COMMAND".as_slice(), name]).error(), None, "{name:?}");
            answers(client, name);
            come_back(client);
        }
    });
}

fn come_back(client: &mut Client) {
    assert_eq!(tell(client, Command::new("MODULE UNLOAD").arg(NAME)).error(), None);
}

/// The command is called, described, permitted and measured, and all replies are whole.
fn answers(client: &mut Client, name: &[u8]) {
    let is_told = tell(client, Command::new("").arg(name).arg("x"));
    assert!(format!("{is_told:?}").contains("Bytes"), "{is_told:?}");
    for line in ["COMMAND INFO", "COMMAND DOCS"] {
        let reply = tell(client, Command::new(line).arg(name));
        assert!(format!("{reply:?}").len() > 60, "{line} {name:?}: {reply:?}");
    }
    for line in
        ["COMMAND", "COMMAND DOCS", "COMMAND LIST", "INFO commandstats", "ACL LIST", "LATENCY HISTOGRAM"]
    {
        assert_eq!(tell(client, Command::new(line)).error(), None, "{line}");
    }
    let mut rule = b"+".to_vec();
    rule.extend_from_slice(name);
    client.run(Command::new("ACL SETUSER someone on nopass").arg(&rule[..]));
    assert_eq!(client.texts(cmd!("ACL", "LIST")).len(), 2);
    let dryrun = tell(client, Command::new("ACL DRYRUN someone").arg(name));
    assert_eq!(dryrun, Value::Bytes(b"OK".to_vec()), "{name:?}");
    client.run(cmd!("ACL", "DELUSER", "someone"));
}

#[test]
fn a_name_is_taken_once() {
    on_each(&Options::new(), |server, client, _| {
        for name in [&b"GET"[..], b"get", b"Config", b"FLUSHALL"] {
            assert!(refusal(server, client, [b"COMMAND".as_slice(), name]).contains("is taken"));
            let group = refusal(server, client, [b"SUB".as_slice(), name, b"sub"]);
            assert!(group.contains("is taken"), "{group}");
        }
        let twice = [&b"COMMAND"[..], b"odd.x", b"COMMAND", b"ODD.X"];
        assert!(refusal(server, client, twice).starts_with("the command \"ODD.X\""));
        let both = [&b"COMMAND"[..], b"odd.x", b"SUB", b"Odd.x", b"sub"];
        assert!(refusal(server, client, both).contains("is taken"));
        // Whoever carries on after a refusal has the first one.
        come_and_go(client, &[b"COMMAND", b"odd.x", b"TRY", b"COMMAND", b"odd.x", b"TRY", b"COMMAND", b""]);
    });
}

/// The server asserts that such a name is not among the original ones.
#[test]
fn a_name_that_the_configuration_has_hidden_or_moved_is_taken() {
    let renamed = ["GET \"\"", "APPEND odd.moved", "CONFIG odd-config"].join("\nrename-command ");
    let options = Options::new().set("rename-command", renamed);
    on_each(&options, |server, client, _| {
        for name in ["get", "GET", "append", "config", "odd.moved", "odd-config"] {
            let line = refusal(server, client, [b"COMMAND".as_slice(), name.as_bytes()]);
            assert!(line.contains(&format!("\"{name}\"")) && line.contains("taken"), "{line}");
            let line = refusal(server, client, [b"SUB".as_slice(), name.as_bytes(), b"sub"]);
            assert!(line.contains("taken"), "{line}");
        }
        come_and_go(client, &[b"COMMAND", b"odd.free"]);
    });
}

#[test]
fn a_subcommand_s_name_works_or_is_refused_by_name() {
    on_each(&Options::new(), |server, client, _| {
        for name in BAD {
            let line = refusal(server, client, [b"SUB".as_slice(), b"odd.group", name]);
            assert!(line.starts_with("the subcommand \"odd.group|"), "{line}");
            assert!(
                refusal(server, client, [b"SUB".as_slice(), name, b"sub"]).contains("its name is not valid")
            );
        }
        for name in GOOD {
            assert_eq!(load(client, [b"SUB".as_slice(), b"odd.group", name]).error(), None, "{name:?}");
            let called = tell(client, Command::new("odd.group").arg(name).arg("x"));
            let full = [b"odd.group|", name].concat();
            assert!(matches!(&called, Value::Bytes(bytes) if bytes.ends_with(b" 1")), "{called:?}");
            assert_eq!(tell(client, Command::new("COMMAND INFO").arg(&full[..])).error(), None);
            for wrong in ["odd.group", "odd.group nosuch", "odd.group nosuch x"] {
                assert!(tell(client, Command::new(wrong)).error().is_some(), "{wrong}");
            }
            come_back(client);
        }
    });
}

/// Behind a group is no function: the server would jump to nothing.
#[test]
fn a_group_has_a_subcommand_and_an_arity_that_counts_it() {
    on_each(&Options::new(), |server, client, _| {
        for arity in ["0", "-2", "2", "-3"] {
            let line = refusal(server, client, [b"GROUP".as_slice(), b"odd.group", arity.as_bytes()]);
            assert!(
                line.starts_with("the command group \"odd.group\"") && line.contains("at least one"),
                "{line}"
            );
        }
        for arity in ["1", "-1", "-2147483648", "2147483647"] {
            let line = refusal(server, client, [b"GROUP".as_slice(), b"odd.group", arity.as_bytes()]);
            assert!(
                line.starts_with("the command group \"odd.group\"") && line.contains("its arity"),
                "{line}"
            );
        }
        let twice = [&b"SUB"[..], b"odd.group", b"sub", b"GROUP", b"odd.other", b"0"];
        assert!(refusal(server, client, twice).contains("odd.other"));
    });
    // Its one subcommand is refused, and the module carries on.
    for installed in servers() {
        println!("on {installed} in a cluster");
        let mut server = Server::start(installed, Options::new().set("cluster-enabled", "yes"));
        let mut client = server.client();
        let line = refusal(&server, &mut client, [&b"TRY"[..], b"NOCLUSTER", b"odd.group"]);
        assert!(line.contains("at least one"), "{line}");
        assert!(client.refusal("odd.group").contains("unknown command") && server.is_running());
    }
}

#[test]
fn a_module_has_no_more_commands_than_the_server_can_count() {
    on_each(&Options::new(), |server, client, _| {
        assert!(refusal(server, client, [&b"MANY"[..], b"257"]).starts_with("the command \"odd.many-256\""));
        assert_eq!(load(client, [&b"MANY"[..], b"256"]).error(), None);
        client.run("ACL SETUSER someone on +odd.many-255 +odd.many-255|first");
        client.run("ACL DELUSER someone");
        come_back(client);
    });
}

/// A name keeps its number when its module has gone; the server writes beyond a table for one above 1023.
#[test]
fn a_module_has_no_command_that_the_server_can_t_permit() {
    on_each(&Options::new(), |server, client, _| {
        let mut loads = 0..6;
        let full = loads.find(|load_at| {
            let names: Vec<_> = (0..250).map(|at| format!("odd.{load_at}-{at}").into_bytes()).collect();
            let words = || names.iter().flat_map(|name| [&b"TRY"[..], b"COMMAND", name]);
            if load(client, words()).error().is_some() {
                assert!(refusal(server, client, words().collect::<Vec<_>>()).contains("1024 names"));
                return true;
            }
            let name = format!("odd.{load_at}-249");
            client.run(
                Command::new("ACL SETUSER someone on nopass")
                    .args([format!("+{name}"), format!("+{name}|x")]),
            );
            let dryrun = tell(client, Command::new("ACL DRYRUN someone").arg(name));
            assert_eq!(dryrun, Value::Bytes(b"OK".to_vec()));
            client.run(cmd!("ACL", "DELUSER", "someone"));
            come_back(client);
            false
        });
        assert!(full.is_some());
        // A name that has its number is as good as before.
        come_and_go(client, &[b"COMMAND", b"odd.0-0"]);
    });
}

/// From 7.2 on the server asserts that it knows all names in all rules when a module has gone.
#[test]
fn a_module_stays_while_the_rules_of_a_user_name_its_commands() {
    on_each(&Options::new(), |server, client, installed| {
        for rules in
            ["+odd.x", "+ODD.X|first", "+@all -Odd.x", "+odd.group|sub", "-odd.group", "(~key +odd.x)"]
        {
            assert_eq!(load(client, [&b"COMMAND"[..], b"Odd.x", b"SUB", b"odd.group", b"sub"]).error(), None);
            let set_user = Command::new(&format!("ACL SETUSER someone on {}", rules.replace(['(', ')'], "")));
            let selector = Command::new("ACL SETUSER someone on").arg(rules);
            client.run(if rules.starts_with('(') { selector } else { set_user });
            let unload = || Command::new("MODULE UNLOAD").arg(NAME);
            if !is_7_0(installed) {
                assert!(tell(client, unload()).error().is_some(), "{rules}");
                assert!(server.log().contains("a user name its command") || is_told_by_the_server(installed));
                client.run(cmd!("ACL", "SETUSER", "someone", "nocommands", "clearselectors"));
            }
            come_back(client);
            client.run(cmd!("ACL", "DELUSER", "someone"));
        }
    });
}

#[test]
fn a_module_stays_while_a_rule_of_the_same_transaction_names_its_command() {
    on_each(&Options::new(), |_, client, installed| {
        client.run("MULTI");
        client.run(Command::new("MODULE LOAD").arg(path()).args(["COMMAND", "odd.x"]));
        client.run("ACL SETUSER someone on +odd.x");
        client.run(Command::new("MODULE UNLOAD").arg(NAME));
        let replies = client.run("EXEC");
        assert!(matches!(&replies, Value::Array(replies) if replies.len() == 3), "{replies:?}");
        client.run("ACL DELUSER someone");
        if !is_7_0(installed) {
            come_back(client);
        }
    });
}

#[test]
fn a_module_that_hides_the_rules_of_users_from_others_sees_them() {
    on_each(&Options::new(), |server, client, installed| {
        assert_eq!(load(client, [&b"COMMAND"[..], b"odd.x", b"COVER"]).error(), None);
        client.run("ACL SETUSER someone on +odd.x");
        assert_eq!(client.texts("ACL LIST"), Vec::<String>::new());
        if !is_7_0(installed) {
            assert!(tell(client, Command::new("MODULE UNLOAD").arg(NAME)).error().is_some());
            assert!(server.log().contains("a user name its command") || is_told_by_the_server(installed));
            client.run("ACL DELUSER someone");
        }
        come_back(client);
    });
}

/// Nobody can tell then whether the server would end.
#[test]
fn a_module_stays_where_acl_is_out_of_reach() {
    on_each(&Options::new().set("rename-command", "ACL \"\""), |server, client, installed| {
        assert_eq!(load(client, [&b"COMMAND"[..], b"odd.x"]).error(), None);
        let unload = tell(client, Command::new("MODULE UNLOAD").arg(NAME));
        assert_eq!(unload.error().is_none(), is_7_0(installed), "{unload:?}");
        assert_eq!(server.log().contains("ACL LIST does not tell"), !is_7_0(installed));
    });
}

fn is_told_by_the_server(installed: &Installed) -> bool {
    installed.version.family == Family::Valkey && installed.version.major >= 9
}

/// The server takes them for the same (`modulesDictType`, server.c), and so their configs, which its configuration file
/// could not tell apart.
#[test]
fn a_module_s_name_is_taken_in_upper_and_lower_case() {
    let other = NAME.to_ascii_uppercase();
    let folder = Folder::new("other-name");
    let copy = example::renamed(path().as_ref(), NAME, &other, folder.path());
    let load_copy = || Command::new("MODULE LOAD").arg(copy.display().to_string()).args(["ROUNDTRIP"]);
    on_each(&Options::new(), |server, client, _| {
        assert_eq!(load(client, [&b"ROUNDTRIP"[..]]).error(), None);
        assert!(tell(client, load_copy()).error().is_some());
        let line = format!("{other} is not loaded: ");
        assert!(server.log().contains(&line), "{}", server.log_tail());
        assert!(server.log().contains("a module of that name is loaded"));
        come_back(client);
        assert_eq!(tell(client, load_copy()).error(), None);
        come_back(client);
    });
}

#[test]
fn a_category_s_name_works_or_is_refused_by_name() {
    on_each(&Options::new(), |server, client, installed| {
        let is_7_0 = is_7_0(installed);
        for name in BAD {
            let line = refusal(server, client, [b"CATEGORY".as_slice(), name]);
            assert!(line.starts_with("the ACL category \"") && line.contains("its name"), "{line}");
        }
        let line = refusal(server, client, [&b"CATEGORY"[..], b"read"]);
        if is_7_0 {
            assert!(line.contains("no RedisModule_AddACLCategory"), "{line}");
            return;
        }
        assert!(line.contains("the ACL category \"read\"") && line.contains("taken"), "{line}");
        // A load that fails gives its categories back, so that many of these do not use them up.
        for _ in 0..4 {
            let names: Vec<Vec<u8>> = (0..70).map(|at| format!("odd{at}").into_bytes()).collect();
            let words: Vec<&[u8]> = names.iter().flat_map(|name| [&b"CATEGORY"[..], name]).collect();
            let line = refusal(server, client, words);
            assert!(line.contains("the ACL category \"odd") && line.contains("64 categories"), "{line}");
        }
    });
}
