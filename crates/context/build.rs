//! Compiles the one file of C: Rust has no `long double`.

fn main() {
    println!("cargo::rerun-if-changed=shim/long_double.c");
    cc::Build::new()
        .file("shim/long_double.c")
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .compile("redis_context_long_double");
}
