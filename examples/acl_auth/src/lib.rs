//! Users, rights and authentication.
//!
//! The module has a user of its own, `guest`, whom the server's ACL does not list. GUEST.LOGIN makes a client one, on
//! every server. From Redis 7.2 and Valkey 7.2 on the module also decides on AUTH: a name that begins with `ticket:` is
//! let in with the ticket of that user, which a thread checks while the client waits.
//!
//! ```text
//! $ redis-server --loadmodule target/debug/libexample_acl_auth.so
//! $ redis-cli
//! > GUEST.LOGIN                                  OK
//! > GUEST.WHOAMI                                 "guest"
//! > SET public:greeting hello
//! (error) NOPERM ..permissions to run the 'set' command..
//! > GET public:greeting                          (nil)
//!
//! $ redis-cli                                    # a second client, the default user
//! > GUEST.RIGHTS                                 # written a little differently by each version
//! "on ..~public:* ..-@all +@read +guest.whoami"
//! > GUEST.RIGHTS +set
//! "on ..~public:* ..-@all +@read ..+set.."
//! > GUEST.RIGHTS +noSuchCommand
//! (error) ERR Error in ACL SETUSER modifier '+noSuchCommand': Unknown command or category name in ACL
//! > GUEST.CALL GET public:greeting               (nil)      # with the guest's rights, from Redis 7.2
//! > GUEST.CALL GET private:letter                # from Redis 7.2
//! (error) ERR the user has no permission for the command or its keys
//! > GUEST.MAY default GET private:letter         (integer) 1
//! > ACL SETUSER ann on ~* +@all                  OK
//! > GUEST.TICKET ann sesame                      OK
//! > AUTH ticket:ann sesame                       OK         # from Redis 7.2
//! > AUTH ticket:ann mellon                       # from Redis 7.2
//! (error) DENIED the ticket is not valid
//! > GUEST.EXPEL                                  (integer) 1     # all guests lose their connection
//! ```
#![forbid(unsafe_code)]

mod guest;
mod ticket;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "acl_auth",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    guest::register(load)?;
    ticket::register(load)
}
