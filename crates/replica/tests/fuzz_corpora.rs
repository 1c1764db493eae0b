//! The corpora of the fuzz targets, played to the same checks: what was found once stays found, on any toolchain.

#[path = "../../../fuzz/src/lib.rs"]
#[allow(dead_code)]
mod checks;

use std::fs;
use std::path::{Path, PathBuf};

fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

#[test]
fn every_corpus_passes_its_checks() {
    for (target, check) in checks::TARGETS {
        let files = corpus(target);
        assert!(files.len() >= 10, "{target}: a corpus to begin with");
        for file in &files {
            let input = fs::read(file).expect("a file of the corpus");
            let checked = std::panic::catch_unwind(|| check(&input));
            assert!(checked.is_ok(), "{}", file.display());
        }
        println!("{target}: {} inputs", files.len());
    }
}
