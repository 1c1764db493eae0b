//! Copies all data of a server, an RDB file or an AOF directory into another server, once.
//!
//! ```text
//! cargo run -p redis-replica --example copy -- redis://source:6379 redis://target:6379
//! cargo run -p redis-replica --example copy -- /var/lib/redis/appendonlydir redis://user:password@target
//! ```

mod copying;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(help) = copying::help(&arguments) {
        println!("{help}");
        return ExitCode::SUCCESS;
    }
    ExitCode::from(copying::run(&arguments, &mut std::io::stderr()))
}
